// The browser's half of the live pages. htmx swaps what the socket brings; this file says where the page is when
// the socket opens, comes back after every kind of close, and tells how fresh the page is.
(() => {
  "use strict";
  const FIRST_WAIT = 500, LONGEST_WAIT = 15000; // ms
  const QUIET_AFTER = 5000; // ms without news before "quiet since" is worth saying
  const NOT_ALLOWED = 4403, GONE = 4404;

  const $ = (id) => document.getElementById(id);
  const clock = (at) => at.toLocaleTimeString(undefined, { hour12: false });

  let socket = null, wrapper = null, attempt = 0, timer = null, retryAt = 0;
  let state = "off", away = false, heardAt = null;

  // timeline.js, on pages with rows, says where they end and whether it holds them back, and takes them itself.
  const live = (window.live = { newest: () => null, held: () => null, rows: null, caughtUp: () => {} });

  // htmx reconnects by itself, but not after 1001 and without a word. Its delay is put out of reach (setTimeout's
  // longest), and `reconnect` below does it for every code.
  htmx.config.wsReconnectDelay = () => 2 ** 31 - 1;
  htmx.createWebSocket = (url) => (socket = new WebSocket(url));

  const shown = () => [...document.querySelectorAll("#container-list tr[id]")].map((row) => row.id.replace("container-", ""));
  const place = () => ($("container-list") ? { shows: shown() } : { after: live.newest() });
  const say = (words) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(words));

  const show = (name, words) => {
    const place = $("live");
    if (!place) return;
    state = name;
    place.dataset.state = name;
    if ($("live-words").textContent !== words) $("live-words").textContent = words;
    $("live-retry").hidden = name !== "waiting";
    $("live-pause").hidden = !live.rows || !(name === "live" || name === "paused");
  };
  const showLive = () => {
    if (away) return show("source", "the database does not answer; waiting for it");
    const held = live.held();
    if (held) return show("paused", held);
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
    if (close.code === NOT_ALLOWED) return show("expired", "session expired · load the page to sign in");
    if (close.code === GONE) return show("expired", "this has been removed");
    askWhy();
  });

  const heed = (said) => {
    if (said.source) away = said.source === "away";
    if (said.removed) $(`container-${said.removed}`)?.remove();
    if (said.caught_up !== undefined) live.caughtUp(said);
    showLive();
  };

  document.addEventListener("htmx:wsBeforeMessage", (event) => {
    heardAt = new Date();
    if (event.detail.message.startsWith("{")) {
      event.preventDefault();
      heed(JSON.parse(event.detail.message));
      return;
    }
    if (live.rows && event.detail.message.startsWith('<ol hx-swap-oob="beforeend:#timeline-rows">')) {
      event.preventDefault();
      live.rows(event.detail.message);
      return showLive();
    }
    // A line whose row has left the list meanwhile; htmx would call it an error.
    const id = /^<\w+[^>]*? id="([^"]+)"/.exec(event.detail.message)?.[1];
    if (id && !$(id)) return event.preventDefault();
    showLive();
  });
  document.addEventListener("htmx:wsAfterMessage", () => refetch());

  // A container was added or removed: the list is fetched anew, with the filter and the page of its address.
  const total = () => $("container-counts")?.dataset.total;
  let listed = null;
  const refetch = () => {
    if (listed === total()) return;
    listed = total();
    htmx.ajax("GET", location.href, { target: "#container-list", swap: "outerHTML" });
  };

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id === "container-list") say(place());
  });

  Object.assign(live, { say: () => say(place()), show: () => (state === "live" || state === "paused") && showLive() });
  document.addEventListener("DOMContentLoaded", () => {
    $("live-retry")?.addEventListener("click", reconnect);
    setInterval(() => (timer ? countdown() : live.show()), 1000);
    listed = total();
  });
  // A page that sleeps in the back/forward cache comes back without its socket.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
})();
