// Rows of messages as they come: followed, held back and caught up, and put together by the frame.
// The newest are below. The log's box is filled from its bottom (records.css), where its scrollTop is 0: what comes
// there keeps the newest in sight, what comes above moves nothing, and to scroll away from them is to go below 0.
(() => {
  "use strict";
  const MOST_A_FRAME = 25; // rows; more of them would keep a click waiting
  const NEAR_END = 40; // rows among which a late one finds its place
  const AT_END = 2; // px that are no scrolling
  const BEGINNING = "00000000-0000-0000-0000-000000000000"; // app/live/news.py
  const SUMMARY = 5000; // ms between two announcements

  const $ = (id) => document.getElementById(id);
  const rows = $("timeline-rows"), log = $("timeline-log");
  if (!rows || !$("timeline").dataset.live) return;
  const { KEPT_ROWS, messages, newest, step } = window.list;

  let held = "", waiting = 0, queue = [], frame = 0, catching = null, isOpened = false, fresh = 0, errors = 0;

  // --- What comes: at most MOST_A_FRAME rows before each frame, the rest before the next ones.
  const take = (html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const come = [...holder.content.firstElementChild.children];
    if (held) {
      waiting += come.filter((each) => each.matches(".message") && !$(each.id)).length + more(come);
      return window.live.show();
    }
    queue.push(...come);
    frame ||= requestAnimationFrame(draw);
  };
  const more = (come) => come.reduce((sum, each) => sum + (each.matches(".skipped") ? parseInt(each.textContent.replace(/\D/g, ""), 10) : 0), 0);

  const draw = () => {
    frame = 0;
    const kept = messages();
    const oldest = kept.length >= KEPT_ROWS ? kept[0].id : behindOlder();
    const calm = queue.length < MOST_A_FRAME; // else there is nothing to see in each
    for (const row of queue.splice(0, MOST_A_FRAME)) put(row, oldest, calm);
    trim();
    if (queue.length) frame = requestAnimationFrame(draw);
    else if (catching) sayCaughtUp();
  };
  // What is before this is behind the link to the older ones.
  const behindOlder = () => {
    const link = log.querySelector("a.older");
    return link ? `message-${new URL(link.href).searchParams.get("before")}` : "";
  };
  const put = (row, oldest, calm) => {
    if ($(row.id)) return;
    if (row.matches(".message") && row.id < oldest) return;
    if (catching && row.matches(".message")) catching.count += 1;
    fresh += 1;
    if (row.matches(".message-error")) errors += 1;
    if (calm) row.classList.add("fresh");
    let above = rows.lastElementChild;
    for (let seen = 0; above && seen < NEAR_END && keyOf(above) > keyOf(row); seen += 1) above = above.previousElementSibling;
    if (above !== rows.lastElementChild) rows.insertBefore(row, above ? above.nextSibling : rows.firstChild);
    else if (!window.runs.join(rows, row)) rows.append(row);
  };
  // Several gateways commit at once: a row may come after one that is newer. A row in the place of others is above the next one.
  const keyOf = (row) => (row.matches(".run") ? row.querySelector("li:last-child").id : row.id.replace("skipped", "message"));
  const trim = () => {
    let count = messages().length;
    while (count > KEPT_ROWS) {
      const end = rows.firstElementChild;
      const first = end.querySelector("ol")?.firstElementChild ?? end;
      if (first.contains(document.activeElement)) step(document.activeElement, 1, true);
      if (first.matches(".message")) count -= 1;
      first.remove();
      if (end.matches(".run:not(:has(li))")) end.remove();
    }
  };
  const sayCaughtUp = () => {
    const { count, more: others } = catching;
    catching = null;
    if (count) say(others ? `caught up ${count}; the others are behind the line above them` : `caught up ${count}, missed 0`);
  };
  const say = (words) => ($("timeline-news").textContent = words);

  // --- Following: held back by the button or Space, by scrolling away, by opening a row, or while nobody sees it.
  const hold = (why) => {
    if (held && why !== "paused") return;
    held = why;
    queue = [];
    tell();
  };
  const follow = () => {
    if (!held) return;
    held = "";
    waiting = 0;
    tell();
    window.live.say(); // from the last row in the page: what was held back comes again
  };
  const tell = () => {
    const button = $("live-pause");
    button.textContent = held ? "Resume" : "Pause";
    button.setAttribute("aria-pressed", String(Boolean(held)));
    window.live.show();
    $("timeline-new").hidden = !held;
    if (held) say("");
  };
  const toNewest = () => {
    log.scrollTop = 0;
    follow();
  };
  const toggle = () => (held ? toNewest() : hold("paused"));

  Object.assign(window.live, {
    rows: take,
    newest: () => newest()?.id.replace("message-", "") ?? BEGINNING,
    held: () => {
      if (!held) return null;
      $("timeline-new").textContent = `${waiting.toLocaleString()} new ↓`;
      return `${held} · ${waiting.toLocaleString()} new`;
    },
    caughtUp: (said) => {
      if (held) waiting = 0; // all that is after the last row in the page comes again
      else if (isOpened) catching = { count: 0, more: said.more };
      isOpened = true; // what came between the page and its socket is nothing that anybody has missed
    },
  });

  document.addEventListener("DOMContentLoaded", () => {
    $("live-pause").addEventListener("click", toggle);
    $("timeline-new").addEventListener("click", () => {
      toNewest();
      log.scrollIntoView({ block: "nearest" });
    });
    setInterval(() => {
      if (fresh && !held) $("timeline-summary").textContent = `${fresh} new${errors ? `, ${errors} errors` : ""}`;
      fresh = errors = 0;
    }, SUMMARY);
  });
  log.addEventListener("scroll", () => {
    if (log.scrollTop < -AT_END) hold("paused while you read further up");
    else if (held.startsWith("paused while")) follow();
  }, { passive: true });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hold("paused while hidden");
    else if (held === "paused while hidden") follow();
  });
  rows.addEventListener("click", (event) => event.target.closest("a.what, summary") && hold("paused"));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.key !== " " || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.target.closest("input, textarea, select, button, summary, [contenteditable]")) return;
    event.preventDefault();
    toggle();
  });
  rows.addEventListener("auxclick", (event) => event.target.closest("a.what") && hold("paused"));
})();
