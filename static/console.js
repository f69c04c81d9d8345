// Shows times in the viewer's zone; UTC stays in the title, and stands alone where no script runs.
(() => {
  "use strict";
  const clock = new Intl.DateTimeFormat(undefined, {
    hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23",
  });
  const short = new Intl.DateTimeFormat(undefined, {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

  const inZone = (element) => {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) return;
    const time = (element.dataset.how === "clock" ? clock : short).format(at);
    const today = at.toDateString() === new Date().toDateString();
    element.textContent = today ? time : `${day.format(at)} ${time}`;
  };
  const localise = (root) => {
    if (root.matches?.("time")) inZone(root);
    root.querySelectorAll?.("time").forEach(inZone);
  };
  document.addEventListener("DOMContentLoaded", () => {
    localise(document);
    new MutationObserver((changes) => {
      for (const change of changes) change.addedNodes.forEach((node) => node.nodeType === 1 && localise(node));
    }).observe(document.body, { childList: true, subtree: true });
    document.addEventListener("click", closeMenus);
  });
  const closeMenus = (event) => {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  };
})();
