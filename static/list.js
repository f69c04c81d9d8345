// A list of messages, live or not, the newest below: walked by keys, and continued with older ones above.
(() => {
  "use strict";
  const KEPT_ROWS = 500; // app/live/timelines.py
  const rows = document.getElementById("timeline-rows"), log = document.getElementById("timeline-log");
  if (!rows) return;
  const messages = () => rows.querySelectorAll("li.message");
  const oldest = () => messages()[0];
  const newest = () => [...messages()].pop();

  // Up and down walk the rows, from the newest one; Enter opens one, for it is a link.
  const stops = () => [...log.querySelectorAll("a.what, summary, .skipped a, .older")].filter((each) => each.offsetParent);
  const step = (from, by, still = false) => {
    const all = stops();
    const at = from ? all.findIndex((each) => from.contains(each)) : -1;
    const next = all[at < 0 ? all.length - 1 : Math.min(all.length - 1, Math.max(0, at + by))];
    next?.focus({ preventScroll: still });
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target;
    if (at.closest("input, textarea, select, button, [contenteditable]")) return;
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    if (log.contains(at)) {
      event.preventDefault();
      step(at, event.key === "ArrowDown" ? 1 : -1);
    } else if (at === document.body && stops().length) {
      event.preventDefault();
      step(null, 0, true);
    }
  });

  // The time that was jumped to stands in the middle. Rows out of sight have a height that is guessed until they come
  // near (messages.css), so that it takes some frames.
  const FRAMES = 8;
  const middle = (element) => element.getBoundingClientRect().top + element.offsetHeight / 2;
  const centre = (mark, frames) => {
    log.scrollTop += middle(mark) - middle(log);
    if (frames) requestAnimationFrame(() => centre(mark, frames - 1));
  };
  document.addEventListener("DOMContentLoaded", () => {
    const mark = rows.querySelector(".at-mark");
    if (mark) centre(mark, FRAMES);
  });

  // A chip is changed where the filter is written.
  document.addEventListener("click", (event) => {
    const chip = event.target.closest(".chip-edit");
    if (!chip) return;
    event.preventDefault();
    const field = document.getElementById("filter");
    const at = field.value.indexOf(chip.dataset.term);
    field.focus();
    if (at >= 0) field.setSelectionRange(at, at + chip.dataset.term.length);
  });

  window.list = { KEPT_ROWS, messages, oldest, newest, step };

  // Older rows continue from the first one in the page, and in a page of their own once this one is full.
  document.addEventListener("htmx:configRequest", (event) => {
    const link = event.detail.elt;
    if (!link.classList.contains("older")) return;
    const first = oldest()?.id.replace("message-", "");
    if (messages().length >= KEPT_ROWS) {
      event.preventDefault();
      location.href = link.href.replace(/before=[^#&]*/, `before=${first}`);
    } else if (link.id === "timeline-older") event.detail.path = event.detail.path.replace(/before=.*/, `before=${first}`);
  });
})();
