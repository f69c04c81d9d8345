// The command palette: an ARIA combobox over the menu's pages, this page's actions, and what /search finds.
// An action is what the page itself shows: choosing one clicks it, so that nothing can be done here that it does not offer.
// A live update may replace a control while the list is open: what is clicked is the one that the page has then.
(() => {
  "use strict";
  const ACTIONS = "main .heading a.btn, main .actions :is(a.btn, button), main [data-key], .menu-body button, #theme-toggle, #live-pause, #keys-open";
  const MOST_HERE = 12;

  const $ = (id) => document.getElementById(id);
  let choices = [], active = -1, made = new Map();

  const nameOf = (element) => (element.getAttribute("aria-label") || element.dataset.keyLabel || element.textContent).trim();
  const candidates = () => {
    const pages = [...document.querySelectorAll(".side [data-go]")].map((link) => ({ name: nameOf(link), about: "page", target: link }));
    const actions = [...new Set(document.querySelectorAll(ACTIONS))]
      .filter((element) => !element.disabled && !element.hidden && nameOf(element))
      .map((element) => ({ name: nameOf(element), about: "action", target: element }));
    return [...pages, ...actions];
  };
  const option = ({ name, about, target }, index) => {
    const item = document.createElement("li");
    Object.assign(item, { id: `here-${index}`, role: "option" });
    item.setAttribute("aria-selected", "false");
    item.append(Object.assign(document.createElement("span"), { textContent: name }));
    item.append(Object.assign(document.createElement("span"), { textContent: about, className: "quiet" }));
    made.set(item, { name, target });
    return item;
  };
  const narrow = () => {
    const words = $("palette-input").value.toLowerCase().split(/\s+/).filter(Boolean);
    made = new Map();
    const fitting = candidates().filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
    $("palette-here").replaceChildren(...fitting.slice(0, MOST_HERE).map(option));
    if (!words.length) $("palette-found").replaceChildren();
    refresh();
  };
  const refresh = () => {
    choices = [...$("palette-list").querySelectorAll("[role=option]")];
    const isNone = !choices.length && Boolean($("palette-input").value.trim());
    $("palette-none").hidden = !isNone;
    $("palette-count").textContent = isNone ? "nothing found" : `${choices.length} found`;
    select(choices.length ? 0 : -1);
  };
  const select = (index) => {
    choices[active]?.setAttribute("aria-selected", "false");
    choices.forEach((choice) => choice.setAttribute("aria-selected", "false"));
    active = index;
    const chosen = choices[active];
    chosen?.setAttribute("aria-selected", "true");
    chosen?.scrollIntoView({ block: "nearest" });
    if (chosen) $("palette-input").setAttribute("aria-activedescendant", chosen.id);
    else $("palette-input").removeAttribute("aria-activedescendant");
  };
  const present = ({ name, target }) => (target.isConnected ? target : candidates().find((each) => each.name === name)?.target);
  const run = (chosen) => {
    if (!chosen) return;
    const target = chosen.dataset.href ? null : present(made.get(chosen));
    if (target === undefined) return narrow(); // the page offers it no longer
    $("palette").close();
    if (target) target.click();
    else location.href = chosen.dataset.href;
  };
  const open = () => {
    const palette = $("palette");
    if (!palette || palette.open) return;
    document.querySelector("dialog[open]")?.close();
    $("palette-input").value = "";
    palette.showModal();
    narrow();
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k" && $("palette")) {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    const input = $("palette-input");
    if (!input) return;
    $("palette-open").addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab, as of any link
      event.preventDefault();
      open();
    });
    input.addEventListener("input", narrow);
    input.addEventListener("keydown", (event) => {
      const steps = { ArrowDown: 1, ArrowUp: -1 };
      if (event.key in steps && choices.length) {
        event.preventDefault();
        select((active + steps[event.key] + choices.length) % choices.length);
      } else if (event.key === "Enter") {
        event.preventDefault();
        run(choices[active]);
      }
    });
    $("palette-list").addEventListener("click", (event) => run(event.target.closest("[role=option]")));
    $("palette").addEventListener("click", (event) => event.target === $("palette") && $("palette").close());
    document.addEventListener("htmx:afterSwap", (event) => event.detail.target?.id === "palette-found" && refresh());
  });
})();
