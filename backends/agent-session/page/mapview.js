// The service map: who calls whom, how often, with what result.

import * as api from "./api.js";
import { h, link, replace, s } from "./dom.js";
import { count, duration, hue, many } from "./format.js";
import { to } from "./route.js";

const WIDTH = 170;
const HEIGHT = 54;
const GAP_X = 90;
const GAP_Y = 26;

/** Draws the map and its figures. */
export async function mapView(main) {
  const { nodes, edges, traces } = await api.services(1000);
  replace(main, h("h1", null, "Services"), h("p", { class: "note" }, `from the newest ${many(traces, "trace")}`),
    nodes.length ? [
      h("div", { class: "scroll" }, drawing(nodes, edges)),
      figures("Services", ["service", "spans", "failed", "median", "95 %", "99 %"], nodes.map((node) => [link(to(["traces"], { service: node.service }), null, node.service), ...rates(node.spans, node)])),
      edges.length ? figures("Calls", ["from → to", "calls", "failed", "median", "95 %", "99 %"], edges.map((edge) => [`${edge.from} → ${edge.to}`, ...rates(edge.calls, edge)])) : null,
    ] : h("p", { class: "empty" }, "No services yet."));
}

function rates(total, of) {
  const share = total ? `${count(of.errors)} (${((of.errors / total) * 100).toFixed(of.errors ? 1 : 0)} %)` : "0";
  return [count(total), share, ...[of.p50_nanos, of.p95_nanos, of.p99_nanos].map((nanos) => duration(Number(nanos)))];
}

function figures(title, names, rows) {
  return h("section", null, h("h2", null, title), h("div", { class: "scroll" }, h("table", { class: "grid figures" },
    h("thead", null, h("tr", null, names.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, rows.map((row) => h("tr", null, row.map((cell) => h("td", null, cell))))))));
}

function drawing(nodes, edges) {
  const known = new Set(nodes.map((node) => node.service));
  const calls = edges.filter(({ from, to: callee }) => known.has(from) && known.has(callee) && from !== callee);
  const column = columnsOf(nodes, calls);
  const rows = new Map();
  const places = new Map();
  // Next to its callers, where there are any; services that nobody calls and that call nobody come last.
  const wish = (service) => {
    const callers = calls.filter((edge) => edge.to === service && places.has(edge.from)).map((edge) => places.get(edge.from).y);
    if (callers.length) return callers.reduce((sum, y) => sum + y, 0) / callers.length;
    return calls.some((edge) => edge.from === service) ? 0 : Infinity;
  };
  for (let x = 0; x <= Math.max(...column.values()); x++) {
    const here = nodes.filter((node) => column.get(node.service) === x).map(({ service }) => [wish(service), service]);
    here.sort(([a], [b]) => (a === b ? 0 : a - b));
    here.forEach(([, service], y) => places.set(service, { x: 10 + x * (WIDTH + GAP_X), y: 10 + y * (HEIGHT + GAP_Y) }));
    rows.set(x, here.length);
  }
  const width = 20 + (Math.max(...column.values()) + 1) * (WIDTH + GAP_X) - GAP_X;
  const height = 20 + Math.max(...rows.values()) * (HEIGHT + GAP_Y);
  const most = Math.max(1, ...calls.map((edge) => edge.calls));
  return s("svg", { class: "map", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${nodes.length} services, ${edges.length} kinds of calls` },
    s("defs", null, s("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" }, s("path", { d: "M0 0L8 4L0 8z" }))),
    calls.map((edge) => {
      const a = places.get(edge.from);
      const b = places.get(edge.to);
      const { path, x, y } = b.x > a.x ? forward(a, b) : back(a, b);
      return s("g", { class: edge.errors ? "edge error" : "edge" },
        s("title", null, `${edge.from} → ${edge.to}: ${edge.calls} calls, ${edge.errors} failed, median ${duration(Number(edge.p50_nanos))}`),
        s("path", { d: path, "stroke-width": 1 + (2.5 * edge.calls) / most, "marker-end": "url(#arrow)" }),
        s("text", { x, y, "text-anchor": "middle" }, count(edge.calls)));
    }),
    nodes.map((node) => {
      const { x, y } = places.get(node.service);
      return s("g", { class: node.errors ? "node error" : "node", transform: `translate(${x} ${y})`, vars: { "--hue": String(hue(node.service)) } },
        s("title", null, node.service), s("rect", { width: WIDTH, height: HEIGHT, rx: 8 }),
        s("text", { x: 12, y: 22, class: "name" }, node.service.length > 18 ? `${node.service.slice(0, 17)}…` : node.service),
        s("text", { x: 12, y: 42 }, `${count(node.spans)} spans${node.errors ? `, ${count(node.errors)} failed` : ""}`));
    }));
}

/** From the right side of one to the left side of the other. */
function forward(a, b) {
  const [x1, y1, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2];
  const bend = Math.max(40, (x2 - x1) / 2);
  return { path: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 5 };
}

/** Back to a caller: below both of them. */
function back(a, b) {
  const [x1, y1, x2, y2] = [a.x + WIDTH * 0.4, a.y + HEIGHT, b.x + WIDTH * 0.6, b.y + HEIGHT];
  const low = Math.max(y1, y2) + GAP_Y;
  return { path: `M${x1} ${y1}C${x1} ${low} ${x2} ${low} ${x2} ${y2}`, x: (x1 + x2) / 2, y: (y1 + y2 + 6 * low) / 8 - 4 };
}

/** Callers left of those they call; calls that close a circle don't count. */
function columnsOf(nodes, calls) {
  const callees = new Map(nodes.map(({ service }) => [service, new Set()]));
  for (const { from, to: callee } of calls) callees.get(from).add(callee);
  const called = new Set(calls.map((edge) => edge.to));
  const isOpen = new Map();
  const finished = [];
  const walk = [];
  const enter = (service) => {
    isOpen.set(service, true);
    walk.push([service, [...callees.get(service)]]);
  };
  for (const { service: start } of nodes.slice().sort((a, b) => called.has(a.service) - called.has(b.service))) {
    if (!isOpen.has(start)) enter(start);
    while (walk.length) {
      const [service, left] = walk.at(-1);
      const callee = left.pop();
      if (callee === undefined) {
        isOpen.set(service, false);
        finished.push(service);
        walk.pop();
      } else if (isOpen.get(callee)) callees.get(service).delete(callee);
      else if (!isOpen.has(callee)) enter(callee);
    }
  }
  const column = new Map(nodes.map(({ service }) => [service, 0]));
  for (const service of finished.reverse()) {
    for (const callee of callees.get(service)) column.set(callee, Math.max(column.get(callee), column.get(service) + 1));
  }
  return column;
}
