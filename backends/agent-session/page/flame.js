// The flame graph: time across, depth down. Spans too narrow to be seen are left out, so that any trace can be drawn.

import { h, s } from "./dom.js";
import { duration, hue, many } from "./format.js";

const HEIGHT = 20;
const WIDTH = 1000;
/** Rectangles drawn at most. */
const MOST = 4000;
/** Nothing narrower is drawn, unless it failed. */
const NARROWEST = 0.2;

/** A flame graph of a tree. */
export function flame(tree, onSelect) {
  const x = (nanos) => (nanos / tree.length) * WIDTH;
  const wide = tree.order.filter((node) => !node.parent || node.span.error || x(node.to - node.from) >= NARROWEST);
  const widest = wide.sort((a, b) => (b.to - b.from) - (a.to - a.from)).slice(0, MOST);
  const shown = widest.sort((a, b) => a.index - b.index);
  const lanes = lanesOf(shown);
  const deepest = shown.reduce((most, node) => Math.max(most, lanes.get(node)), 0);
  const shapes = shown.map((node) => {
    const width = Math.max(x(node.to) - x(node.from), 0.6);
    const label = `${node.span.name || "(no name)"}, ${node.span.service}, ${duration(node.to - node.from)}`;
    return s("g", {
      class: node.span.error ? "flame error" : "flame", tabindex: node === shown[0] ? "0" : "-1", role: "button", "aria-label": label,
      transform: `translate(${x(node.from)} ${lanes.get(node) * HEIGHT})`,
      onclick: () => onSelect(node),
      onkeydown: (event) => {
        if (event.key === "Enter") onSelect(node);
        const next = { ArrowRight: "nextElementSibling", ArrowDown: "nextElementSibling", ArrowLeft: "previousElementSibling", ArrowUp: "previousElementSibling" }[event.key];
        if (!next) return;
        event.preventDefault();
        event.currentTarget[next]?.focus();
      },
      vars: { "--hue": String(hue(node.span.service)) },
    },
      s("title", null, label),
      s("rect", { width, height: HEIGHT - 2, rx: 2 }),
      width > 40 ? s("text", { x: 4, y: HEIGHT - 7 }, cut(node.span.name, Math.floor((width - 8) / 6.8))) : null);
  });
  const left = tree.order.length - shown.length;
  return h("div", { class: "flame-frame" },
    s("svg", { viewBox: `0 0 ${WIDTH} ${(deepest + 1) * HEIGHT}`, class: "flame-graph", role: "group", "aria-label": "Flame graph: arrows move, Enter opens" }, shapes),
    left > 0 ? h("p", { class: "note" }, `${many(left, "span")} too short to be seen ${left === 1 ? "is" : "are"} not drawn.`) : null);
}

/** A lane below the parent's for each span, and further down where siblings overlap. */
function lanesOf(order) {
  const ends = [];
  const lanes = new Map();
  for (const node of order) {
    let lane = node.parent && lanes.has(node.parent) ? lanes.get(node.parent) + 1 : 0;
    while ((ends[lane] ?? -1) > node.from) lane += 1;
    ends[lane] = Math.max(node.to, node.from + 1);
    lanes.set(node, lane);
  }
  return lanes;
}

function cut(text, length) {
  return text.length > length ? `${text.slice(0, Math.max(1, length - 1))}…` : text;
}
