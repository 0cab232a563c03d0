// What a reader may click. Without it, everything is on the page already.
"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Dark or light: what the system prefers, until the reader chooses.
const theme = document.getElementById("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

// Copying a command. A page that was opened as a file may have no clipboard: then the command is selected.
for (const button of all(".copy")) {
  button.hidden = false;
  const code = button.parentElement.querySelector("code");
  const say = (text) => {
    button.textContent = text;
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      say("Copied");
    } catch {
      getSelection().selectAllChildren(code);
      say("Selected");
    }
  });
}

// Tables are sorted by the column whose title is clicked: numbers by value, words by the alphabet.
for (const table of all("table.sortable")) {
  const body = table.tBodies[0];
  const titles = all("th", table.tHead);
  titles.forEach((title, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => {
      const down = title.getAttribute("aria-sort") === "ascending";
      titles.forEach((other) => other.removeAttribute("aria-sort"));
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const cell = row.cells[column];
        return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
      };
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (typeof x === typeof y) {
          return typeof x === "number" ? x - y : x.localeCompare(y);
        }
        return typeof x === "number" ? -1 : 1;
      };
      const rows = [...body.rows].sort(order);
      body.append(...(down ? rows.reverse() : rows));
    });
  });
}

// A series of a figure is hidden and shown again.
for (const figure of all("figure")) {
  const marks = all("svg [data-series]", figure);
  const names = [...new Set(marks.map((mark) => mark.dataset.series))];
  if (names.length < 2) continue;
  const box = document.createElement("div");
  box.className = "series";
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Series");
  for (const name of names) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      for (const mark of marks.filter((mark) => mark.dataset.series === name)) {
        mark.style.display = shown ? "" : "none";
      }
    });
    box.append(button);
  }
  figure.querySelector(".picture").before(box);
}

// The value of a mark, where the pointer is: the mark's own title, shown at once and on touch too.
const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
document.body.append(tip);
const titleOf = (target) => {
  const mark = target instanceof Element && target.closest("figure svg *");
  for (let at = mark; at && at.tagName !== "svg"; at = at.parentElement) {
    const title = [...at.children].find((child) => child.tagName === "title");
    if (title || at.dataset.title) return title ? title.textContent : at.dataset.title;
  }
  return null;
};
for (const kind of ["pointermove", "pointerdown"]) {
  document.addEventListener(kind, (event) => {
    const text = titleOf(event.target);
    tip.hidden = text === null;
    if (tip.hidden) return;
    tip.textContent = text;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - width - 4))}px`;
    tip.style.top = `${event.clientY + 16 + height > innerHeight ? event.clientY - height - 8 : event.clientY + 16}px`;
  });
}
document.addEventListener("scroll", () => { tip.hidden = true; }, true);
