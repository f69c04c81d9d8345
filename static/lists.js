// Selection in a list: a line that is replaced live stays ticked, and the box in the head ticks the page's.
(() => {
  "use strict";
  const picked = new Set();
  const boxes = () => [...document.querySelectorAll('input[name="container"][form="bulk"]')];

  const tell = () => {
    const place = document.getElementById("picked"), words = picked.size ? `${picked.size} selected` : "";
    if (place && place.textContent !== words) place.textContent = words; // else its own change would be seen below
    const all = document.getElementById("pick-page");
    if (!all) return;
    const ticked = boxes().filter((box) => box.checked).length;
    all.hidden = false;
    all.checked = ticked > 0 && ticked === boxes().length;
    all.indeterminate = ticked > 0 && !all.checked;
  };
  const note = (box) => (box.checked ? picked.add(box.value) : picked.delete(box.value));

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.id === "pick-page") {
      boxes().forEach((each) => { each.checked = box.checked; note(each); });
    } else if (box.name === "container" && box.getAttribute("form") === "bulk") {
      note(box);
    } else return;
    event.stopPropagation();
    tell();
  });
  document.addEventListener("DOMContentLoaded", () => {
    boxes().forEach(note); // the browser keeps ticks over a reload
    tell();
    new MutationObserver(() => {
      const there = boxes();
      there.forEach((box) => { box.checked = picked.has(box.value); });
      // What a filter has taken out of sight is not acted on.
      const values = new Set(there.map((box) => box.value));
      picked.forEach((value) => values.has(value) || picked.delete(value));
      tell();
    }).observe(document.getElementById("live-socket") ?? document.body, { childList: true, subtree: true });
  });
})();
