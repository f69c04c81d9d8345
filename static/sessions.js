// A session's page as it grows: only what has changed is replaced, so that nothing jumps and what one reads stays.
// Without this file htmx replaces the conversation as a whole.
(() => {
  "use strict";
  const raw = new Map(); // id -> the element's text as it came, before times were put into the viewer's zone

  const note = (element) => {
    if (element.id) raw.set(element.id, element.outerHTML);
    for (const each of element.querySelectorAll("[id]")) raw.set(each.id, each.outerHTML);
  };

  // Elements in the same order on both sides, known by their ids; those without one never change.
  const patch = (old, next) => {
    const wanted = [...next.children].filter((each) => each.id);
    const kept = new Set(wanted.map((each) => each.id));
    for (const each of [...old.children]) if (each.id && !kept.has(each.id)) each.remove();
    let before = null;
    for (const each of wanted) {
      const present = document.getElementById(each.id);
      const here = present?.parentElement === old ? present : null;
      if (here && raw.get(each.id) !== each.outerHTML) {
        const inner = each.querySelector(":scope > [id]") && here.className === each.className;
        if (inner) patch(here, each);
        else here.replaceWith(document.importNode(each, true));
      } else if (!here) {
        const added = document.importNode(each, true);
        if (before) before.after(added);
        else old.prepend(added);
      }
      before = document.getElementById(each.id);
    }
  };

  const conversation = document.getElementById("conversation");
  if (!conversation) return;
  note(conversation);
  document.addEventListener("htmx:wsBeforeMessage", (event) => {
    if (event.defaultPrevented || !event.detail.message.startsWith('<div id="conversation"')) return;
    const next = new DOMParser().parseFromString(event.detail.message, "text/html").getElementById("conversation");
    const old = document.getElementById("conversation");
    event.preventDefault();
    patch(old, next);
    raw.clear();
    note(next);
  });
})();
