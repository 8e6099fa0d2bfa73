"use strict";
// Sorts a table by the column whose name is clicked: first one way, then the other.
// Numbers stand in data-key at full precision; what is unknown goes last both ways.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    head.firstElementChild.addEventListener("click", () => {
      const numeric = head.classList.contains("n");
      const now = head.getAttribute("aria-sort");
      const descends = now === "ascending" || (numeric && now === "none");
      const sign = descends ? -1 : 1;
      const compare = (one, other) => {
        const [a, b] = [one, other].map((row) => row.cells[column].dataset.key);
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        return sign * (numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
      };
      body.append(...[...body.rows].sort(compare));
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", descends ? "descending" : "ascending");
    });
  });
}
