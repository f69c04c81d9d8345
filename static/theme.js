// Runs before the page is drawn, so that a dark page never flashes white: the choice made here, or the system's.
(() => {
  "use strict";
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("theme");
  const current = () => chosen() || (system.matches ? "dark" : "light");
  const apply = () => {
    document.documentElement.dataset.bsTheme = current();
    const button = document.getElementById("theme-toggle");
    if (!button) return;
    const other = current() === "dark" ? "light" : "dark";
    button.hidden = false;
    button.textContent = other === "dark" ? "☾" : "☀";
    button.setAttribute("aria-label", `Use the ${other} theme`);
    button.title = `Use the ${other} theme`;
    button.dataset.other = other;
  };
  apply();
  document.documentElement.dataset.scripts = ""; // styles know that times become short
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme-toggle")?.addEventListener("click", (event) => {
      localStorage.setItem("theme", event.currentTarget.dataset.other);
      apply();
    });
  });
})();
