// Copies a value, its path, the message or its link; and walks the tree of a payload by the arrow keys.
(() => {
  "use strict";
  const tree = document.getElementById("payload-tree");
  const bar = document.querySelector(".copies");
  if (!bar || !navigator.clipboard) return;
  bar.hidden = false;
  let chosen = null;

  const nodes = () => [...tree.querySelectorAll("p, summary")].filter((each) => each.offsetParent);
  const nameOf = (node) => node.querySelector(":scope > .key")?.textContent ?? "";
  const pathOf = (node) => {
    const names = [];
    for (let at = node.closest("p, details"); at && at !== tree; at = at.parentElement.closest("details")) {
      const name = nameOf(at.matches("details") ? at.querySelector(":scope > summary") : at);
      if (name) names.unshift(/^\d+$/.test(name) ? `[${name}]` : `.${name}`);
    }
    return names.join("").replace(/^\./, "");
  };
  const raw = () => fetch(`${location.pathname}/payload.json`).then((answer) => answer.text());
  const valueAt = (payload, path) => path.split(/\.|(?=\[)/).filter(Boolean).reduce((value, name) => value?.[name.replace(/^\[|\]$/g, "")], payload);
  const choose = (node) => {
    chosen?.removeAttribute("aria-current");
    chosen = node;
    chosen.setAttribute("aria-current", "true");
    bar.querySelectorAll("[disabled]").forEach((button) => (button.disabled = false));
  };
  const texts = {
    path: async () => pathOf(chosen),
    link: async () => location.href,
    message: raw,
    value: async () => {
      const leaf = chosen.querySelector(".value");
      if (leaf && !chosen.querySelector(".quiet, .redacted")) return leaf.textContent;
      const value = valueAt(JSON.parse(await raw()), pathOf(chosen));
      return typeof value === "string" ? value : JSON.stringify(value, null, 2);
    },
  };

  bar.addEventListener("click", async (event) => {
    const what = event.target.dataset.copies;
    if (!what) return;
    const said = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(await texts[what]());
      said.textContent = `${what} copied`;
    } catch {
      said.textContent = `the browser did not let the ${what} be copied`;
    }
  });
  if (!tree) return;
  nodes().forEach((node, place) => node.matches("p") && (node.tabIndex = place ? -1 : 0));
  tree.addEventListener("focusin", (event) => event.target.matches("p, summary") && choose(event.target));
  tree.addEventListener("click", (event) => event.target.closest("p, summary") && choose(event.target.closest("p, summary")));
  tree.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    const all = nodes();
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, all.indexOf(event.target) + by))]?.focus();
  });
})();
