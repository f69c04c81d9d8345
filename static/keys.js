// The keyboard. What a page can do is declared in its markup and listed by `?`:
//   data-key="n"        the key that clicks this button or link ("Space" for the space bar); data-key-label names it
//   data-go="c"         a link that `g c` follows
//   data-rows           a table body or list whose rows `j` and `k` go through, beside those of LISTS
// Nothing is caught in a field, in a dialog, with Ctrl, Alt or Meta, or after it was switched off (WCAG 2.1.4).
(() => {
  "use strict";
  const LISTS = "[data-rows] > *, table.rows > tbody > tr, .timeline > li, .history > li, .steps-of-turn > li, .around > li";
  const OPENS = "a[href], button:not([disabled]), summary";
  const LEADER_WAIT = 1500; // ms in which the second key follows `g`

  const $ = (id) => document.getElementById(id);
  const isShown = (element) => element.getClientRects().length > 0;
  const firstShown = (selector, root = document) => [...root.querySelectorAll(selector)].find(isShown);

  let isOn = localStorage.getItem("keys") !== "off";
  let leaderAt = -Infinity;

  // Rows
  const mainOf = (row) => firstShown("[data-open], a.name, a.what", row) ?? firstShown(OPENS, row);
  const rows = () => [...document.querySelectorAll(`main :is(${LISTS})`)].filter((row) => isShown(row) && mainOf(row));
  const move = (step) => {
    const all = rows();
    const at = all.findLastIndex((row) => row.contains(document.activeElement));
    const first = all[0]?.closest("[role=log]") ? all.at(-1) : all[0]; // a log is read from its end
    const next = at < 0 ? first : all[at + step];
    if (!next) return false;
    mainOf(next).focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    return true;
  };
  const isInRow = () => Boolean(document.activeElement?.closest(LISTS)) && document.activeElement.closest("main");

  // The list of keys
  const nameOf = (element) => element.dataset.keyLabel || element.getAttribute("aria-label") || element.textContent.trim();
  const line = (key, words) => {
    const entry = document.createElement("div"), term = document.createElement("dt"), text = document.createElement("dd");
    entry.className = "of-page";
    term.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    text.textContent = words.toLowerCase();
    entry.append(term, text);
    return entry;
  };
  const list = () => {
    const list = $("keys").querySelector(".key-list");
    list.querySelectorAll(".of-page").forEach((entry) => entry.remove());
    for (const element of document.querySelectorAll("[data-key]")) {
      if (isShown(element)) list.append(line(element.dataset.key, nameOf(element)));
    }
    $("keys-on").checked = isOn;
    $("keys").showModal();
  };

  const filter = () => {
    const field = firstShown("main [role=search] input:not([type=hidden])");
    field?.focus();
    field?.select();
    return Boolean(field);
  };
  const closeMenus = () => {
    const open = document.querySelector("details:is(.menu, .fold)[open]");
    if (!open) return false;
    open.open = false;
    open.querySelector("summary").focus();
    return true;
  };
  const go = (letter) => {
    const link = document.querySelector(`[data-go="${CSS.escape(letter)}"]`);
    link?.click();
    return Boolean(link);
  };
  const press = (key) => {
    const element = firstShown(`[data-key="${CSS.escape(key)}"]:not([disabled])`);
    element?.click();
    return Boolean(element);
  };

  const COMMANDS = {
    "?": () => (list(), true),
    "/": filter,
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => isInRow() && move(1),
    ArrowUp: () => isInRow() && move(-1),
    g: () => ((leaderAt = performance.now()), true),
  };
  const isTyping = (target) => Boolean(target.closest?.("input, textarea, select, [contenteditable]"));
  // A focused control keeps the keys that work it.
  const isItsOwn = (event) => event.key === " " && event.target.closest?.("a, button, summary");

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && closeMenus()) return event.preventDefault();
    if (!isOn || isTyping(event.target) || isItsOwn(event)) return;
    const afterLeader = performance.now() - leaderAt < LEADER_WAIT;
    leaderAt = -Infinity;
    const done = afterLeader ? go(event.key) : (COMMANDS[event.key]?.() || press(event.key === " " ? "Space" : event.key));
    if (done) event.preventDefault();
  });

  document.addEventListener("DOMContentLoaded", () => {
    if (!$("keys")) return;
    $("keys-open").hidden = false;
    $("keys-open").addEventListener("click", list);
    $("keys-on").addEventListener("change", (event) => {
      isOn = event.target.checked;
      localStorage.setItem("keys", isOn ? "on" : "off");
    });
  });
})();
