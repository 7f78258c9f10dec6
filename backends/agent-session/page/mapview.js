// The service map: who calls whom, how often, with what result.

import * as api from "./api.js";
import { h, link, replace, s } from "./dom.js";
import { count, duration, hue } from "./format.js";
import { to } from "./route.js";

const WIDTH = 170;
const HEIGHT = 54;
const GAP_X = 90;
const GAP_Y = 26;

/** Draws the map and its figures. */
export async function mapView(main) {
  const { nodes, edges, traces } = await api.services(1000);
  replace(main, h("h1", null, "Services"), h("p", { class: "note" }, `from the newest ${traces} traces`),
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
  return h("section", null, h("h2", null, title), h("div", { class: "scroll" }, h("table", { class: "grid" },
    h("thead", null, h("tr", null, names.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, rows.map((row) => h("tr", null, row.map((cell) => h("td", null, cell))))))));
}

function drawing(nodes, edges) {
  const column = columnsOf(nodes, edges);
  const rows = new Map();
  const places = new Map();
  for (const node of nodes) {
    const x = column.get(node.service);
    const y = rows.get(x) ?? 0;
    rows.set(x, y + 1);
    places.set(node.service, { x: 10 + x * (WIDTH + GAP_X), y: 10 + y * (HEIGHT + GAP_Y) });
  }
  const width = 20 + (Math.max(...column.values()) + 1) * (WIDTH + GAP_X) - GAP_X;
  const height = 20 + Math.max(...rows.values()) * (HEIGHT + GAP_Y) - GAP_Y;
  const most = Math.max(1, ...edges.map((edge) => edge.calls));
  return s("svg", { class: "map", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${nodes.length} services, ${edges.length} kinds of calls` },
    s("defs", null, s("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, s("path", { d: "M0 0L8 4L0 8z" }))),
    edges.filter((edge) => places.has(edge.from) && places.has(edge.to) && edge.from !== edge.to).map((edge) => {
      const a = places.get(edge.from);
      const b = places.get(edge.to);
      const [x1, y1, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2];
      const bend = Math.max(40, Math.abs(x2 - x1) / 2);
      return s("g", { class: edge.errors ? "edge error" : "edge" },
        s("title", null, `${edge.from} → ${edge.to}: ${edge.calls} calls, ${edge.errors} failed, median ${duration(Number(edge.p50_nanos))}`),
        s("path", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, "stroke-width": 1 + (4 * edge.calls) / most, "marker-end": "url(#arrow)" }),
        s("text", { x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 6, "text-anchor": "middle" }, count(edge.calls)));
    }),
    nodes.map((node) => {
      const { x, y } = places.get(node.service);
      return s("g", { class: node.errors ? "node error" : "node", transform: `translate(${x} ${y})`, vars: { "--hue": String(hue(node.service)) } },
        s("title", null, node.service), s("rect", { width: WIDTH, height: HEIGHT, rx: 8 }),
        s("text", { x: 12, y: 22, class: "name" }, node.service.length > 20 ? `${node.service.slice(0, 19)}…` : node.service),
        s("text", { x: 12, y: 42 }, `${count(node.spans)} spans${node.errors ? `, ${count(node.errors)} failed` : ""}`));
    }));
}

/** Callers left of those they call, as far as there are no circles. */
function columnsOf(nodes, edges) {
  const column = new Map(nodes.map((node) => [node.service, 0]));
  for (let round = 0; round < Math.min(nodes.length, 50); round++) {
    let moved = false;
    for (const { from, to: callee } of edges) {
      if (from === callee || !column.has(from) || !column.has(callee)) continue;
      const wanted = Math.min(column.get(from) + 1, nodes.length - 1);
      if (column.get(callee) < wanted) {
        column.set(callee, wanted);
        moved = true;
      }
    }
    if (!moved) break;
  }
  const used = [...new Set(column.values())].sort((a, b) => a - b);
  return new Map([...column].map(([service, at]) => [service, used.indexOf(at)]));
}
