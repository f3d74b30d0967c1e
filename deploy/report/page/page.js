"use strict";
// Nothing below is needed to read the page: tables are tables, points are links with titles.
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const rowOf = (point) => document.getElementById(point.dataset.row);
const pointsOf = (key) => all(`.point[data-row="${key}"]`);

// A variant's part opens when something leads to it.
function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();
for (const link of all('a[href^="#v"]')) link.addEventListener("click", () => setTimeout(openTarget));

// Hover and focus: what a point is, beside it.
const tip = document.querySelector(".tip");
function showTip(point) {
  const [name, ...figures] = point.getAttribute("aria-label").split("; ");
  tip.replaceChildren(Object.assign(document.createElement("b"), { textContent: name }));
  for (const figure of figures) {
    tip.append(Object.assign(document.createElement("span"), { textContent: figure }));
  }
  tip.hidden = false;
  const box = point.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  const left = Math.max(8, Math.min(box.left + box.width / 2 - tip.offsetWidth / 2, width - tip.offsetWidth - 8));
  const above = box.top - tip.offsetHeight - 10;
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${(above > 4 ? above : box.bottom + 10) + scrollY}px`;
  light(point.dataset.row, true);
}
function hideTip(point) {
  tip.hidden = true;
  light(point.dataset.row, false);
}
function light(key, on) {
  document.getElementById(key)?.classList.toggle("lit", on);
  for (const point of pointsOf(key)) point.classList.toggle("lit", on);
}
for (const point of all(".point")) {
  point.querySelector("title")?.remove();
  point.addEventListener("pointerenter", () => showTip(point));
  point.addEventListener("pointerleave", () => hideTip(point));
  point.addEventListener("focus", () => showTip(point));
  point.addEventListener("blur", () => hideTip(point));
}
addEventListener("keydown", (event) => {
  if (event.key === "Escape") tip.hidden = true;
});

// One stop of the Tab key for each picture; arrows go from point to point, left to right.
for (const chart of all(".chart")) {
  const points = all(".point", chart);
  const order = () =>
    points
      .filter((point) => !point.classList.contains("off"))
      .sort((a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left);
  points.forEach((point, place) => point.setAttribute("tabindex", place ? "-1" : "0"));
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const now = order();
    const place = now.indexOf(document.activeElement);
    if (!step || place < 0) return;
    event.preventDefault();
    const next = now[(place + step + now.length) % now.length];
    points.forEach((point) => point.setAttribute("tabindex", point === next ? "0" : "-1"));
    next.focus();
  });
}

// Tables that sort: by figures where a cell has one, else by text; what has none stays last.
for (const table of all("table.rows")) {
  const body = table.tBodies[0];
  const heads = all("thead th", table);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const figures = head.classList.contains("n");
      const value = (row) => {
        const cell = row.cells[column];
        if (!figures) return cell.textContent.trim();
        return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
      };
      const sorted = [...body.rows].sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        if (a === null || b === null) return (a === null) - (b === null);
        const order = figures ? a - b : a.localeCompare(b, undefined, { numeric: true });
        return up ? order : -order;
      });
      body.append(...sorted);
    });
  });
  for (const row of body.rows) {
    row.addEventListener("pointerenter", () => light(row.id, true));
    row.addEventListener("pointerleave", () => light(row.id, false));
  }
}

// Filters, of a table and of the pictures above it.
for (const filter of all(".filter")) {
  const rows = [...document.getElementById(filter.dataset.for).tBodies[0].rows];
  const search = filter.querySelector("[type=search]");
  const choices = all("select", filter);
  const switches = all("[type=checkbox]", filter);
  const shown = (row) =>
    search.value.toLowerCase().split(/\s+/).every((word) => row.textContent.toLowerCase().includes(word)) &&
    choices.every((choice) => !choice.value || row.dataset[choice.dataset.field] === choice.value) &&
    switches.every((one) => !one.checked || one.dataset.field in row.dataset);
  const apply = () => {
    for (const row of rows) {
      row.hidden = !shown(row);
      for (const point of pointsOf(row.id)) point.classList.toggle("off", row.hidden);
    }
    filter.querySelector("output").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  };
  filter.hidden = false;
  filter.addEventListener("input", apply);
  apply();
}

for (const tools of all(".tools")) tools.hidden = false;
for (const button of all("[data-all]")) {
  button.addEventListener("click", () => {
    for (const part of all("details.variant")) part.open = button.dataset.all === "open";
  });
}
