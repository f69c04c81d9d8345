// Has the form checked again when a newer revision than its own arrives, so that the page shows both.
(() => {
  "use strict";
  document.addEventListener("htmx:wsAfterMessage", () => {
    const form = document.getElementById("configuration-form");
    const current = document.querySelector("[data-current-revision]")?.dataset.currentRevision;
    if (!form || !current || [form.elements.base.value, form.dataset.told].includes(current)) return;
    form.dataset.told = current;
    htmx.trigger(form, "newer");
  });
})();
