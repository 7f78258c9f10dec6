// The drawer beside a waterfall: all that is known of one span.

import { button, copy, h, link } from "./dom.js";
import { cost, duration, moment, reward, tokens } from "./format.js";
import { pretty } from "./messages.js";
import { requestOf } from "./otlp.js";
import { to } from "./route.js";
import { subtree } from "./tree.js";

/** The drawer's contents for a node. */
export function drawer(tree, node, onClose, onSelect) {
  const { span, facts } = node;
  const copyTree = button("Copy subtree as JSON", (event) => {
    const spans = subtree(tree, node).map((below) => below.span);
    copy(JSON.stringify(requestOf(spans), null, 2), event.currentTarget);
  });
  const copyLink = button("Copy link", (event) => {
    copy(location.origin + location.pathname + "#" + to(["trace", span.traceId], { span: span.id }), event.currentTarget);
  });
  return h("section", { class: "drawer", "aria-label": `Span ${span.name || "(no name)"}` },
    h("header", null, h("h2", null, span.name || "(no name)"), button("✕", onClose, { "aria-label": "Close", class: "plain close" })),
    h("div", { class: "tools" }, copyLink, copyTree),
    list([
      ["service", span.service],
      ["kind", facts.kind ?? span.role],
      ["status", span.error ? `error${span.message ? `: ${span.message}` : ""}` : span.ok ? "ok" : "unset"],
      ["start", moment(span.start.toString())],
      ["into the trace", duration(node.from)],
      ["duration", duration(node.to - node.from)],
      ["model", facts.model],
      ["tokens", tokens(facts.input, facts.output)],
      ["cost", cost(facts.cost)],
      ["reward", reward(facts.reward)],
      ["span id", span.id],
      ["parent", node.parent ? h("button", { type: "button", class: "plain link", onclick: () => onSelect(node.parent) }, node.parent.span.name || "(no name)") : span.parentId ? `${span.parentId} (not here)` : "none: a root"],
      ["scope", [span.scope, span.scopeVersion].filter(Boolean).join(" ")],
      ["trace state", span.traceState],
    ]),
    section("Attributes", span.attributes, span.dropped.attributes),
    span.events.length || span.dropped.events ? h("details", { open: true },
      h("summary", null, `Events (${span.events.length})`, dropped(span.dropped.events)),
      span.events.map((event) => h("div", { class: "event" },
        h("p", null, h("strong", null, event.name), ` at ${duration(Number(event.time - tree.start))}`),
        event.attributes.size ? table(event.attributes) : null))) : null,
    span.links.length || span.dropped.links ? h("details", { open: true },
      h("summary", null, `Links (${span.links.length})`, dropped(span.dropped.links)),
      span.links.map((other) => h("div", { class: "event" },
        h("p", null, link(to(["trace", other.traceId], { span: other.spanId }), null, `span ${other.spanId} of trace ${other.traceId}`)),
        other.attributes.size ? table(other.attributes) : null))) : null,
    section("Resource", span.resource, 0, false));
}

function list(pairs) {
  return h("dl", null, pairs.filter(([, value]) => value).map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}

function section(title, attributes, lost, open = true) {
  return h("details", { open }, h("summary", null, `${title} (${attributes.size})`, dropped(lost)), table(attributes));
}

function dropped(number) {
  return number ? h("span", { class: "badge bad" }, `${number} more were dropped`) : null;
}

function table(attributes) {
  return h("table", { class: "pairs" }, h("tbody", null, [...attributes].map(([name, value]) => h("tr", null, h("th", { scope: "row" }, name), h("td", null, long(pretty(value)))))));
}

/** Long values are folded. */
function long(text) {
  if (text.length <= 400) return h("span", { class: "value" }, text);
  return h("details", { class: "long" }, h("summary", null, `${text.slice(0, 120)}… (${text.length} characters)`), h("span", { class: "value" }, text));
}
