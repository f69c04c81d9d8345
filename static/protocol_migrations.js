// Chooses the viewer's own time zone, unless the address or somebody has chosen one.
(() => {
  "use strict";
  const zone = document.getElementById("scheduled_zone");
  if (!zone || new URLSearchParams(location.search).has("scheduled_zone")) return;
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone.value === "UTC" && [...zone.options].some((each) => each.value === own)) zone.value = own;
})();
