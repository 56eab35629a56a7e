"use strict";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function themed(layout) {
  const line = colour("--line");
  const changes = { "font.color": colour("--text"), paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
  for (const key of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
    for (const part of ["gridcolor", "zerolinecolor", "linecolor"]) changes[`${key}.${part}`] = line;
  }
  return changes;
}

// On a telephone the words of pictures beside each other would run into one another.
function narrowed(layout) {
  layout.font = { size: 9 };
  for (const note of layout.annotations ?? []) note.font = { size: 9 };
}

function draw(place) {
  const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  if (place.clientWidth < 480 && !place.closest(".small")) narrowed(figure.layout);
  Plotly.newPlot(place, figure.data, figure.layout, { responsive: true, displayModeBar: false }).then(() => {
    Plotly.relayout(place, themed(place.layout));
    place.dataset.drawn = "true";
  });
}

// The program that draws is packed: the page is less than half as large.
async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

const places = [...document.querySelectorAll("[data-figure]")];
const packed = document.getElementById("plotly");
if (packed) {
  unpack(packed).then(() => {
    places.forEach(draw);
    dark.addEventListener("change", () => places.forEach((place) => Plotly.relayout(place, themed(place.layout))));
  });
}

function value(row, column) {
  const cell = row.cells[column];
  return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a.localeCompare(b);
}

function sort(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const down = heads[column].getAttribute("aria-sort") === "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => (down ? -1 : 1) * compare(value(a, column), value(b, column)));
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(table, column));
    head.replaceChildren(button);
  });
}
