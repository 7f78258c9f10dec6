// Two traces beside each other: the same places in both trees, how often and how long.

import * as api from "./api.js";
import { h, link, replace } from "./dom.js";
import { duration } from "./format.js";
import { spansOf } from "./otlp.js";
import { to } from "./route.js";
import { treeOf } from "./tree.js";

/** Draws the comparison of two traces. */
export async function compareView(main, { a, b }) {
  if (!a || !b) {
    replace(main, h("p", { class: "empty" }, "Choose two traces in the list, then Compare."));
    return;
  }
  const [left, right] = await Promise.all([a, b].map(async (id) => treeOf(spansOf(await api.trace(id)))));
  const places = merge(left, right);
  const most = places.reduce((longest, place) => Math.max(longest, place.sums[0].time, place.sums[1].time), 1);
  replace(main, h("h1", null, "Two traces"),
    h("p", null, "A: ", link(to(["trace", a]), null, left.roots[0]?.span.name ?? a), ` (${duration(left.length)}), B: `, link(to(["trace", b]), null, right.roots[0]?.span.name ?? b), ` (${duration(right.length)})`),
    h("div", { class: "scroll" }, h("table", { class: "grid compare" },
      h("thead", null, h("tr", null, ["span", "service", "A", "B", "difference"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", null, places.slice(0, MOST).map((place) => rowOf(place, most))))),
    places.length > MOST ? h("p", { class: "note" }, `${places.length - MOST} more places are not drawn.`) : null);
}

/** Same names on the same way from the root are the same place. */
function merge(left, right) {
  const top = { below: new Map() };
  [left, right].forEach((tree, side) => {
    const at = new Map();
    for (const node of tree.order) {
      const above = node.parent ? at.get(node.parent) : top;
      const key = JSON.stringify([node.span.service, node.span.name]);
      let place = above.below.get(key);
      if (!place) {
        place = { name: node.span.name, service: node.span.service, depth: node.depth, below: new Map(), sums: [none(), none()] };
        above.below.set(key, place);
      }
      at.set(node, place);
      const sum = place.sums[side];
      sum.times += 1;
      sum.time += node.to - node.from;
      sum.errors += node.span.error ? 1 : 0;
    }
  });
  const places = [];
  const pending = [top];
  while (pending.length) {
    const place = pending.pop();
    if (place !== top) places.push(place);
    pending.push(...[...place.below.values()].reverse());
  }
  return places;
}

/** Rows drawn at most: beyond them nobody compares by eye. */
const MOST = 1000;

const none = () => ({ times: 0, time: 0, errors: 0 });

function rowOf(place, most) {
  const [a, b] = place.sums;
  const by = b.time - a.time;
  const only = !a.times ? "only in B" : !b.times ? "only in A" : null;
  return h("tr", { class: only ? "lone" : "" },
    h("td", null, h("span", { class: "indent", vars: { "--depth": String(Math.min(place.depth, 20)) } }, place.name || "(no name)")),
    h("td", null, place.service), cell(a, most), cell(b, most),
    h("td", null, only ? h("span", { class: "badge" }, only) : h("span", { class: by > 0 ? "badge bad" : by < 0 ? "badge good" : "badge" }, by === 0 ? "same" : `${by > 0 ? "+" : "−"}${duration(Math.abs(by))}`),
      a.errors !== b.errors ? h("span", { class: "badge bad" }, `${a.errors} → ${b.errors} failed`) : null));
}

function cell(sum, most) {
  return h("td", null, sum.times ? [h("span", { class: "meter", vars: { "--wide": `${(sum.time / most) * 100}%` } }), duration(sum.time), sum.times > 1 ? ` ×${sum.times}` : ""] : "–");
}
