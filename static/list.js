// A list of messages, live or not: walked by keys, and continued with older ones.
(() => {
  "use strict";
  const KEPT_ROWS = 500; // app/live/timelines.py
  const rows = document.getElementById("timeline-rows");
  if (!rows) return;
  const messages = () => rows.querySelectorAll("li.message");
  const oldest = () => [...messages()].pop();

  // Up and down walk the rows; Enter opens one, for it is a link.
  const stops = () => [...rows.querySelectorAll("a.what, summary, .skipped a, .older")].filter((each) => each.offsetParent);
  const step = (from, by) => {
    const all = stops();
    const at = all.findIndex((each) => from.contains(each) || each === from);
    const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))];
    next?.focus({ preventScroll: by === 0 });
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target;
    if (at.closest("input, textarea, select, button, [contenteditable]")) return;
    if (rows.contains(at) && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      step(at, event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "ArrowDown" && at === document.body && stops().length) {
      event.preventDefault();
      step(document.body, 0);
    }
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

  window.list = { KEPT_ROWS, messages, oldest, step };

  // Older rows continue from the last one in the page, and in a page of their own once this one is full.
  document.addEventListener("htmx:configRequest", (event) => {
    const link = event.detail.elt;
    if (!link.classList.contains("older")) return;
    const last = oldest()?.id.replace("message-", "");
    if (messages().length >= KEPT_ROWS) {
      event.preventDefault();
      location.href = link.href.replace(/before=[^#&]*/, `before=${last}`);
    } else if (link.id === "timeline-older") event.detail.path = event.detail.path.replace(/before=.*/, `before=${last}`);
  });
})();
