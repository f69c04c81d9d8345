// The browser's half of the live pages. htmx swaps what the socket brings; this file says where the page is when
// the socket opens, comes back after every kind of close, and tells how fresh the page is.
(() => {
  "use strict";
  const KEPT_ROWS = 500; // app/live/timelines.py
  const FIRST_WAIT = 500, LONGEST_WAIT = 15000; // ms
  const QUIET_AFTER = 5000; // ms without news before "quiet since" is worth saying
  const NOT_ALLOWED = 4403, GONE = 4404;

  const $ = (id) => document.getElementById(id);
  const clock = (at) => at.toLocaleTimeString(undefined, { hour12: false });

  let socket = null, wrapper = null, attempt = 0, timer = null, retryAt = 0, paused = false;
  let state = "off", away = false, heardAt = null, fresh = 0, freshErrors = 0, focusId = null;

  // htmx reconnects by itself, but not after 1001 and without a word. Its delay is put out of reach (setTimeout's
  // longest), and `reconnect` below does it for every code.
  htmx.config.wsReconnectDelay = () => 2 ** 31 - 1;
  htmx.createWebSocket = (url) => (socket = new WebSocket(url));

  const newest = () => document.querySelector("#timeline-rows > li")?.id.replace("message-", "") || null;
  const shown = () => [...document.querySelectorAll("#container-list tr[id]")].map((row) => row.id.replace("container-", ""));
  const place = () => ($("container-list") ? { shows: shown() } : { after: newest() });
  const say = (words) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(words));

  const show = (name, words) => {
    const live = $("live");
    if (!live) return;
    state = name;
    live.dataset.state = name;
    if ($("live-words").textContent !== words) $("live-words").textContent = words;
    $("live-retry").hidden = name !== "waiting";
    $("live-pause").hidden = !$("timeline-rows") || !(name === "live" || name === "paused");
  };
  const showLive = () => {
    if (away) return show("source", "the database does not answer; waiting for it");
    const quiet = heardAt && Date.now() - heardAt > QUIET_AFTER;
    show("live", quiet ? `live · quiet since ${clock(heardAt)}` : "live");
  };

  const reconnect = () => {
    clearTimeout(timer);
    timer = null;
    show("connecting", `connecting, attempt ${attempt}`);
    wrapper.reconnect();
  };
  const wait = () => {
    attempt += 1;
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
    const delay = most / 2 + (Math.random() * most) / 2; // many browsers lose one server at once
    retryAt = Date.now() + delay;
    timer = setTimeout(reconnect, delay);
    countdown();
  };
  const countdown = () => {
    if (!timer) return;
    const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    show("waiting", `not live · attempt ${attempt} in ${seconds} s`);
  };
  // A refused handshake looks like a lost network. The page itself tells which: signed out, it redirects.
  const askWhy = async () => {
    try {
      const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" });
      if (answer.type === "opaqueredirect") return show("expired", "session expired · load the page to sign in");
      if (answer.status === 403) return show("expired", "your role no longer includes this page");
      if (answer.status === 404) return show("expired", "this has been removed");
    } catch {
      // The console cannot be reached: it is waited for.
    }
    wait();
  };

  document.addEventListener("htmx:wsConnecting", () => state === "off" && show("connecting", "connecting"));
  document.addEventListener("htmx:wsOpen", (event) => {
    wrapper = event.detail.socketWrapper;
    attempt = 0;
    away = false;
    say(place());
    showLive();
  });
  document.addEventListener("htmx:wsClose", (event) => {
    const close = event.detail.event;
    wrapper = event.detail.socketWrapper ?? wrapper;
    if (close.target !== socket) return; // one that a newer has replaced
    if (paused) return show("paused", `paused since ${clock(new Date())}`);
    if (close.code === NOT_ALLOWED) return show("expired", "session expired · load the page to sign in");
    if (close.code === GONE) return show("expired", "this has been removed");
    askWhy();
  });

  const heed = (said) => {
    if (said.source) away = said.source === "away";
    if (said.removed) $(`container-${said.removed}`)?.remove();
    if (said.caught_up) news(said.whole ? `more than ${KEPT_ROWS} new: showing the latest` : `caught up ${said.caught_up}, missed 0`);
    showLive();
  };
  const news = (words) => {
    const place = $("timeline-news");
    if (place) place.textContent = words;
  };

  document.addEventListener("htmx:wsBeforeMessage", (event) => {
    heardAt = new Date();
    if (event.detail.message.startsWith("{")) {
      event.preventDefault();
      heed(JSON.parse(event.detail.message));
      return;
    }
    // A line whose row has left the list meanwhile; htmx would call it an error.
    const id = /^<\w+[^>]*? id="([^"]+)"/.exec(event.detail.message)?.[1];
    if (id && !$(id)) return event.preventDefault();
    focusId = document.activeElement?.id || document.activeElement?.closest("[id]")?.id || null;
    showLive();
  });
  document.addEventListener("htmx:wsAfterMessage", () => {
    trim();
    refetch();
    if (focusId && document.activeElement === document.body) {
      const found = $(focusId);
      (found?.matches("a, button, input, select, textarea, summary") ? found : found?.querySelector("a, button"))?.focus({ preventScroll: true });
    }
  });

  // Rows that came live are marked for a moment, counted, and announced in a summary, never one by one.
  const watchRows = () => {
    const rows = $("timeline-rows");
    if (!rows || $("timeline").dataset.live !== "rows") return;
    new MutationObserver((changes) => {
      for (const change of changes) {
        for (const row of change.addedNodes) {
          if (row.nodeType !== 1 || change.nextSibling === null) continue;
          row.classList.add("fresh");
          fresh += 1;
          if (row.classList.contains("message-error")) freshErrors += 1;
        }
      }
    }).observe(rows, { childList: true });
    setInterval(() => {
      if (!fresh) return;
      $("timeline-summary").textContent = `${fresh} new${freshErrors ? `, ${freshErrors} errors` : ""}`;
      fresh = freshErrors = 0;
    }, 5000);
  };
  const trim = () => {
    const rows = $("timeline-rows");
    while (rows && rows.children.length > KEPT_ROWS) rows.lastElementChild.remove();
  };

  // A container was added or removed: the list is fetched anew, with the filter and the page of its address.
  const total = () => $("container-counts")?.dataset.total;
  let listed = null;
  const refetch = () => {
    if (listed === total()) return;
    listed = total();
    htmx.ajax("GET", location.href, { target: "#container-list", swap: "outerHTML" });
  };

  // Older rows continue from the last one in the page, and in a page of their own once this one is full.
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.elt.classList.contains("older")) return;
    const rows = $("timeline-rows");
    const last = rows.lastElementChild?.id.replace("message-", "");
    if (rows.children.length >= KEPT_ROWS) {
      event.preventDefault();
      location.href = event.detail.elt.href.replace(/before=[^#]*/, `before=${last}`);
      return;
    }
    if (event.detail.elt.id === "timeline-older") event.detail.path = event.detail.path.replace(/before=.*/, `before=${last}`);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id === "container-list") say(place());
  });

  const pause = () => {
    paused = !paused;
    const button = $("live-pause");
    button.textContent = paused ? "Resume" : "Pause";
    button.setAttribute("aria-pressed", String(paused));
    if (paused) socket.close(1000);
    else reconnect();
  };
  document.addEventListener("DOMContentLoaded", () => {
    $("live-retry")?.addEventListener("click", reconnect);
    $("live-pause")?.addEventListener("click", pause);
    setInterval(() => (timer ? countdown() : state === "live" && showLive()), 1000);
    watchRows();
    listed = total();
  });
  // A page that sleeps in the back/forward cache comes back without its socket.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
})();
