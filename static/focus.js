// What a person holds in a fragment survives its replacement by a newer one: focus, the text typed into the focused
// field, selected text, open <details>, and a click of which only the press met the old control.
//
// A live update replaces a fragment by its id. Whatever swaps it, the old nodes are seen here in one piece before the next
// paint, together with what stands in their place; nobody has to announce a swap, and nothing is noted before one.
(() => {
  "use strict";
  const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const USABLE = `:is(${CONTROLS}):not(:disabled)`;

  let focused = null; // the control that has the focus, or had it when it was removed
  let lost = null; // the same, where another script gave the focus away first
  let parked = null; // the fragment that holds the focus for a control that is disabled for a while
  let pressed = null, isPressMoved = false;
  let selection = null;

  // Where an element is, in words that its successor answers to as well.
  const likeness = (element) =>
    [element.tagName, element.id, element.name, element.getAttribute("href"), element.type === "radio" || element.tagName === "BUTTON" ? element.value : ""].join("|");
  const homeOf = (element, root) => {
    const home = element.closest("[id]");
    return home && root.contains(home) ? home : root;
  };
  const successor = (element, root, replacement) => {
    const home = homeOf(element.id ? element.parentElement ?? root : element, root);
    const place = (home.id && document.getElementById(home.id)) || replacement;
    const alike = (within) => [...within.querySelectorAll(CONTROLS)].filter((each) => likeness(each) === likeness(element));
    const found = alike(place)[Math.max(0, alike(home).indexOf(element))] ?? alike(place)[0];
    return found ?? place.querySelector(USABLE) ?? replacement.querySelector(USABLE);
  };

  // In a row beside one that is gone, the control of the same kind; or else the first.
  const ofNeighbours = (element, neighbours) => {
    const usable = neighbours.flatMap((each) => [...each.querySelectorAll(USABLE)]);
    return usable.find((each) => each.tagName === element.tagName && each.className === element.className) ?? usable[0];
  };

  const carryField = (old, heir) => {
    if (old.value === old.defaultValue || !("defaultValue" in heir) || old.type === "checkbox" || old.type === "radio") return;
    heir.value = old.value;
    if (old.selectionStart !== null) heir.setSelectionRange(old.selectionStart, old.selectionEnd, old.selectionDirection);
  };
  const park = (control, fragment) => {
    parked = { control, fragment };
    fragment.tabIndex = -1;
    fragment.focus({ preventScroll: true });
  };
  const carryFocus = (root, replacement, neighbours) => {
    const held = lost ?? focused;
    if (!held || held.isConnected || !root.contains(held)) return;
    const old = held === parked?.fragment ? parked.control : held;
    lost = parked = null;
    const heir = replacement ? successor(old, root, replacement) : ofNeighbours(old, neighbours);
    if (heir?.disabled) return park(old, replacement);
    (heir ?? document.getElementById("main")).focus({ preventScroll: true });
    if (heir && old.tagName === heir.tagName) carryField(old, heir);
  };
  const neighboursOf = ({ nextSibling, previousSibling, target }) => {
    const next = nextSibling?.nodeType === Node.TEXT_NODE ? nextSibling.nextElementSibling : nextSibling;
    const previous = previousSibling?.nodeType === Node.TEXT_NODE ? previousSibling.previousElementSibling : previousSibling;
    return [next, previous, target].filter((each) => each?.isConnected && each.nodeType === Node.ELEMENT_NODE);
  };
  const carryPress = (root, replacement) => {
    if (!pressed || !root.contains(pressed)) return;
    pressed = successor(pressed, root, replacement);
    isPressMoved = true;
  };
  const carryDetails = (root, replacement) => {
    const keyed = new Map();
    const each = (within, note) => {
      for (const details of within.querySelectorAll("details")) {
        const home = homeOf(details, within);
        note(`${home.id}/${[...home.querySelectorAll("details")].indexOf(details)}`, details);
      }
    };
    each(root, (key, details) => keyed.set(key, details.open));
    if (keyed.size) each(replacement, (key, details) => keyed.has(key) && (details.open = keyed.get(key)));
  };

  const pathTo = (node, root) => {
    const path = [];
    for (let at = node; at !== root; at = at.parentNode) path.unshift([...at.parentNode.childNodes].indexOf(at));
    return path;
  };
  const follow = (path, root) => path.reduce((at, index) => at?.childNodes[index], root);
  const heirOfEnd = ([node, offset], root, replacement) => {
    if (!root.contains(node)) return [node, offset];
    const heir = follow(pathTo(node, root), replacement);
    return heir?.nodeType === node.nodeType && heir.textContent === node.textContent ? [heir, offset] : null;
  };
  const carrySelection = (root, replacement) => {
    if (!selection || !selection.some(([node]) => root.contains(node))) return;
    const ends = selection.map((end) => heirOfEnd(end, root, replacement));
    if (ends[0] && ends[1]) getSelection().setBaseAndExtent(...ends[0], ...ends[1]);
  };

  const carry = (changes) => {
    for (const change of changes) {
      for (const root of change.removedNodes) {
        if (root.nodeType !== Node.ELEMENT_NODE || root.isConnected) continue;
        const replacement = root.id && document.getElementById(root.id);
        carryFocus(root, replacement, neighboursOf(change));
        if (!replacement) continue;
        carryDetails(root, replacement);
        carrySelection(root, replacement);
        carryPress(root, replacement);
      }
    }
    lost = null;
  };

  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(carry).observe(document.body, { childList: true, subtree: true });
  });
  document.addEventListener("focusin", (event) => {
    if (focused && !focused.isConnected) lost ??= focused;
    focused = event.target;
  });
  document.addEventListener("focusout", (event) => {
    // By hand, not by removal: that one is told as well, before the node is gone.
    queueMicrotask(() => event.target.isConnected && focused === event.target && document.activeElement !== focused && (focused = null));
  });
  // Until the next frames Chromium leaves the focus on a control of a dialog that is closed, which would take the next key.
  document.addEventListener("close", (event) => event.target.contains(document.activeElement) && document.activeElement.blur(), true);
  document.addEventListener("selectionchange", () => {
    const now = getSelection();
    selection = now.isCollapsed ? null : [[now.anchorNode, now.anchorOffset], [now.focusNode, now.focusOffset]];
  });
  document.addEventListener("pointerdown", (event) => {
    pressed = event.target.closest?.("a[href], button, summary");
    isPressMoved = false;
  });
  document.addEventListener("pointerup", (event) => {
    if (isPressMoved && pressed?.contains(event.target)) pressed.click();
    pressed = null;
  });
})();
