// Plots: times in the viewer's zone (UTC where no script runs), and a table that was opened stays open in live updates.
(() => {
  "use strict";
  const forms = {
    clock: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
    day: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }),
  };
  const localise = () => {
    document.querySelectorAll("text[data-at]").forEach((text) => {
      text.textContent = forms[text.dataset.how].format(new Date(text.dataset.at));
    });
  };
  let open = [], scrolled = {};
  document.addEventListener("DOMContentLoaded", localise);
  document.addEventListener("htmx:wsBeforeMessage", () => {
    open = [...document.querySelectorAll("details.plot-table[open]")].map((each) => each.id);
    scrolled = Object.fromEntries(open.map((id) => [id, document.getElementById(id).querySelector(".plot-rows").scrollTop]));
  });
  document.addEventListener("htmx:wsAfterMessage", () => {
    localise();
    for (const id of open) {
      const table = document.getElementById(id);
      if (!table || table.open) continue;
      table.open = true;
      table.querySelector(".plot-rows").scrollTop = scrolled[id];
    }
  });
})();
