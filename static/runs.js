// Chunks of one text that come live become one row with those before them, as the server puts them together.
(() => {
  "use strict";
  const SHOWN = 160; // app/live/runs.py
  const pieces = (list) => [...list.querySelectorAll(".said-piece")].map((each) => each.textContent).join("");

  const describe = (run) => {
    const list = run.querySelector("ol");
    const newest = list.lastElementChild;
    run.querySelector(".run-count").textContent = list.children.length;
    const time = newest.querySelector("time").cloneNode(true);
    run.querySelector("summary time")?.replaceWith(time);
    const text = pieces(list);
    run.querySelector(".run-text").textContent = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  };
  const begin = (first) => {
    const run = document.getElementById("run-template").content.firstElementChild.cloneNode(true);
    run.id = first.id.replace("message-", "run-");
    run.dataset.run = first.dataset.run;
    run.classList.toggle("with-container", first.classList.contains("with-container"));
    const of = first.querySelector(".of");
    if (of) {
      const name = Object.assign(document.createElement("span"), { className: "of", textContent: of.textContent });
      run.querySelector(".run-text").before(name);
    }
    run.querySelector("b").textContent = first.dataset.kind;
    first.replaceWith(run);
    run.querySelector("ol").append(first);
    return run;
  };

  window.runs = {
    // Put a row into the run at the end of the list, if it goes on with that; tell whether it did.
    join(rows, row) {
      const last = rows.lastElementChild;
      if (!row.dataset.run || last?.dataset.run !== row.dataset.run) return false;
      const focused = last.contains(document.activeElement) ? document.activeElement : null;
      const run = last.matches(".run") ? last : begin(last);
      run.querySelector("ol").append(row);
      describe(run);
      focused?.focus({ preventScroll: true });
      return true;
    },
  };
})();
