// Shows times in the viewer's zone, and says which that is; UTC stays in the title, and stands alone where no script runs.
(() => {
  "use strict";
  const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const clock = new Intl.DateTimeFormat(undefined, { ...TIME, fractionalSecondDigits: 3 });
  const short = new Intl.DateTimeFormat(undefined, TIME);
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const dayAndYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

  // Columns of times are as wide as the longest in the page (tokens.css).
  const widen = (shown) => {
    const { dataset } = document.documentElement;
    if (dataset.times !== "year") dataset.times = shown;
  };
  const inZone = (element) => {
    const at = new Date(element.dateTime), now = new Date();
    if (Number.isNaN(at.getTime())) return;
    const time = (element.dataset.how === "clock" ? clock : short).format(at);
    if (at.toDateString() === now.toDateString()) return (element.textContent = time);
    const isThisYear = at.getFullYear() === now.getFullYear();
    element.textContent = `${(isThisYear ? day : dayAndYear).format(at)} ${time}`;
    if (element.dataset.how === "clock") widen(isThisYear ? "day" : "year");
  };
  const localise = (root) => {
    if (root.matches?.("time")) inZone(root);
    root.querySelectorAll?.("time").forEach(inZone);
    root.querySelectorAll?.("[data-copy]").forEach(offerCopy);
  };
  const nameZone = () => {
    const named = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" });
    const zone = named.resolvedOptions().timeZone;
    const offset = named.formatToParts(new Date()).find((part) => part.type === "timeZoneName").value;
    document.querySelectorAll("[data-zone]").forEach((place) => {
      place.textContent = zone === "UTC" ? zone : `${zone.replaceAll("_", " ")}, ${offset.replace("GMT", "UTC")}`;
    });
  };
  const closeMenus = (event) => {
    document.querySelectorAll("details:is(.menu, .fold)[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  };
  document.addEventListener("DOMContentLoaded", () => {
    localise(document);
    nameZone();
    new MutationObserver((changes) => {
      for (const change of changes) change.addedNodes.forEach((node) => node.nodeType === 1 && localise(node));
    }).observe(document.body, { childList: true, subtree: true });
    document.addEventListener("click", closeMenus);
    document.addEventListener("click", copy);
    document.querySelectorAll("[data-copy]").forEach(offerCopy);
  });
  // A button beside a command copies it; where the browser has no clipboard for us, there is none.
  const offerCopy = (button) => { button.hidden = !navigator.clipboard; };
  const copy = async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    button.textContent = "Copied";
  };
})();
