import { element, find } from "./dom.js";

const percent = share => (share === undefined ? "–" : `${(share * 100).toFixed(share < 0.0995 ? 2 : 1)} %`);

/**
 * Lists the classes that occur, with their shares on each side; a press isolates a class, another shows all again.
 * @param {import("./side.js").Side[]} sides Those that have a mask.
 * @param {string | null} isolated
 * @param {(name: string | null) => void} onIsolate
 */
export function showLegend(sides, isolated, onIsolate) {
  const rows = new Map();
  sides.forEach((side, i) => {
    for (const { name, color, share } of side.result.mask.classes) {
      const row = rows.get(name) ?? { name, color, shares: [] };
      row.shares[i] = share;
      rows.set(name, row);
    }
  });
  const focused = document.activeElement?.dataset.class;
  const entries = [...rows.values()].map(row => entry(row, sides.length, row.name === isolated, isolated, onIsolate));
  find("legend").replaceChildren(
    ...(sides.length === 2 ? [head(sides)] : []),
    ...entries.map(button => element("li", {}, button)),
  );
  entries.find(button => button.dataset.class === focused)?.focus({ preventScroll: true });
}

const head = sides => element("li", { className: "head" }, ...sides.map(side => element("span", {}, side.id.toUpperCase())));

function entry({ name, color, shares }, sides, pressed, isolated, onIsolate) {
  const swatch = element("span", { className: "swatch" });
  swatch.style.background = color;
  const button = element("button", { type: "button", ariaPressed: pressed, onclick: () => onIsolate(pressed ? null : name) },
    swatch,
    element("span", { className: "name" }, name),
    ...Array.from({ length: sides }, (_, i) => element("span", { className: "share" }, percent(shares[i]))),
  );
  button.style.setProperty("--share", Math.max(...shares.filter(share => share)));
  button.dataset.class = name;
  button.classList.toggle("dimmed", isolated !== null && !pressed);
  return button;
}
