// One trace: waterfall, flame graph, conversation, triplets; a drawer for a span; ways out of here.

import * as api from "./api.js";
import { conversation } from "./conversation.js";
import { button, copy, download, h, link, replace } from "./dom.js";
import { drawer } from "./drawer.js";
import { flame } from "./flame.js";
import { cost, duration, many, moment, reward, tokens } from "./format.js";
import { spansOf } from "./otlp.js";
import { openInPerfetto } from "./perfetto.js";
import { amend, to } from "./route.js";
import { treeOf } from "./tree.js";
import { tripletTable } from "./tripletview.js";
import { waterfall, waterfallTools } from "./waterfall.js";

const TABS = [["waterfall", "Waterfall"], ["flame", "Flame graph"], ["conversation", "Conversation"], ["triplets", "Triplets"]];

/** Draws a trace. */
export async function traceView(main, id, query) {
  const request = await api.trace(id);
  const tree = treeOf(spansOf(request));
  if (!tree.order.length) {
    replace(main, h("p", { class: "empty" }, "This trace has no spans any more."));
    return;
  }
  let tab = TABS.some(([name]) => name === query.tab) ? query.tab : "waterfall";
  let selected = query.span ? tree.byId.get(query.span) ?? null : null;
  const view = waterfall(tree, select, (node) => { if (selected) select(node); });
  document.title = `${tree.roots[0].span.name || "(no name)"} – tracer-factory`;
  const count = h("span", { class: "note", role: "status" });
  const tools = waterfallTools(view, (matching, searching) => replace(count, searching ? `${matching} of ${tree.order.length} spans` : ""));
  const body = h("div", { class: "tab-body", role: "tabpanel", id: "tab-body" });
  const side = h("div", { class: "side" });
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Ways to look at this trace", onkeydown: onTabKey });
  replace(main, heading(tree, id), tabs, h("div", { class: "with-side" }, body, side));
  await draw();
  if (selected) {
    view.select(selected);
    drawSide();
  }
  if (tab === "waterfall") view.focus();

  async function draw() {
    replace(tabs, TABS.map(([name, words]) => button(words, () => show(name), {
      role: "tab", id: `tab-${name}`, "aria-selected": String(name === tab), "aria-controls": "tab-body", tabindex: name === tab ? "0" : "-1",
    })));
    body.setAttribute("aria-labelledby", `tab-${tab}`);
    if (tab === "waterfall") replace(body, h("div", { class: "tools-line" }, tools, count), view.element);
    if (tab === "flame") replace(body, flame(tree, select));
    if (tab === "conversation") replace(body, conversation(tree, selectById));
    if (tab === "triplets") {
      replace(body, h("p", { class: "note" }, "Reading…"));
      const table = await tripletTable({ trace_id: id }, selectById).catch((error) => h("p", { class: "empty" }, error.status === 404 ? "This server has no triplets for this trace." : error.message));
      if (tab === "triplets") replace(body, table);
    }
  }

  function show(name) {
    tab = name;
    remember();
    draw().then(() => tabs.querySelector("[aria-selected=true]")?.focus());
  }

  function onTabKey(event) {
    const at = TABS.findIndex(([name]) => name === tab);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) show(TABS[(at + by + TABS.length) % TABS.length][0]);
  }

  function selectById(spanId) {
    const node = tree.byId.get(spanId);
    if (node) select(node);
  }

  function select(node) {
    selected = node;
    view.select(node);
    remember();
    drawSide();
  }

  function drawSide() {
    const close = () => {
      selected = null;
      remember();
      drawSide();
      if (tab === "waterfall") view.focus();
    };
    side.classList.toggle("open", Boolean(selected));
    replace(side, selected ? drawer(tree, selected, close, select) : null);
  }

  function remember() {
    amend({ ...(tab === "waterfall" ? {} : { tab }), ...(selected ? { span: selected.span.id } : {}) });
  }

  return { escape: () => { if (!selected) return false; side.querySelector("header button")?.click(); return true; } };
}

const words = (counts) => (counts ? `${counts} tokens` : "");

function heading(tree, id) {
  const nodes = tree.order;
  const sum = (of) => nodes.reduce((total, node) => total + (of(node) ?? 0), 0);
  const root = tree.roots[0];
  const failed = nodes.filter(({ span }) => span.error).length;
  const priced = nodes.some(({ facts }) => facts.cost !== null);
  const rewards = nodes.filter(({ facts }) => facts.reward !== null);
  const sessionId = nodes.map(({ span }) => span.attributes.get("session.id") ?? span.attributes.get("gen_ai.conversation.id")).find(Boolean);
  const name = (format) => `${id}.${format}.json`;
  return h("div", { class: "heading" },
    h("h1", null, root.span.name || "(no name)"),
    h("p", { class: "summary" },
      [moment(tree.start.toString()), duration(tree.length), many(nodes.length, "span"), many(new Set(nodes.map(({ span }) => span.service)).size, "service"),
        words(tokens(sum(({ facts }) => facts.input), sum(({ facts }) => facts.output))), priced ? cost(sum(({ facts }) => facts.cost)) : ""].filter(Boolean).map((text) => h("span", { class: "badge" }, text)),
      failed ? h("span", { class: "badge bad" }, `${failed} failed`) : null,
      rewards.length ? h("span", { class: "badge reward" }, `reward ${reward(rewards.at(-1).facts.reward)}`) : null,
      sessionId ? link(to(["sessions", String(sessionId)]), { class: "badge" }, `session ${sessionId}`) : null),
    h("div", { class: "tools small" },
      button("Copy id", (event) => copy(id, event.currentTarget), { title: id, "aria-label": "Copy the trace id" }),
      h("span", { class: "note save-as" }, "Save as"),
      [["otlp", "OTLP"], ["jaeger", "Jaeger"], ["chrome", "Chrome"]].map(([format, label]) =>
        button(label, async () => download(name(format), await api.traceText(id, format)), { "aria-label": `Save as ${label} JSON` })),
      button("Perfetto ↗", async () => openInPerfetto(await api.traceText(id, "chrome"), root.span.name), { "aria-label": "Open in Perfetto, in another window" })));
}
