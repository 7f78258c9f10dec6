// What was said: prompts, answers and calls of tools, in the order of time.

import { h } from "./dom.js";
import { cost, duration, reward, tokens } from "./format.js";
import { messagesOf } from "./messages.js";

const TALKS = new Set(["llm", "tool", "agent", "chain", "retriever", "guardrail", "task", "workflow", "operation", "session"]);

/** The conversation of a trace. */
export function conversation(tree, onSelect) {
  const seen = new Set();
  const turns = tree.order
    .filter(({ facts }) => facts.kind === null || TALKS.has(facts.kind))
    .slice()
    .sort((a, b) => a.from - b.from)
    .map((node) => turn(node, seen, onSelect))
    .filter(Boolean);
  if (!turns.length) return h("p", { class: "empty" }, "No prompts or answers are recorded in this trace. They are when TRACER_CAPTURE_MESSAGES=true.");
  return h("div", { class: "conversation", role: "feed", "aria-label": "Conversation" }, turns);
}

function turn(node, seen, onSelect) {
  const { span, facts } = node;
  if (facts.reward !== null) {
    return h("article", { class: "turn reward-turn" }, head(node, onSelect), h("p", { class: "badge reward" }, `reward ${reward(facts.reward)}`));
  }
  const { input, output } = messagesOf(span);
  // Each call repeats what came before it; it is shown once.
  const fresh = input.filter((message) => {
    const key = JSON.stringify([message.role, message.parts]);
    return facts.kind !== "llm" || (!seen.has(key) && seen.add(key));
  });
  for (const message of output) seen.add(JSON.stringify([message.role, message.parts]));
  if (!fresh.length && !output.length) return null;
  const repeated = input.length - fresh.length;
  return h("article", { class: `turn ${facts.kind ?? ""}`, "aria-label": span.name }, head(node, onSelect),
    repeated ? h("p", { class: "note" }, `${repeated} earlier message${repeated > 1 ? "s" : ""}`) : null,
    fresh.map((message) => bubble(message, "in")), output.map((message) => bubble(message, "out")),
    span.error ? h("p", { class: "badge bad" }, span.message || "error") : null);
}

function head({ span, facts, from, to }, onSelect) {
  return h("header", null,
    h("button", { type: "button", class: "plain link", onclick: () => onSelect(span.id) }, span.name || "(no name)"),
    [facts.model, tokens(facts.input, facts.output), cost(facts.cost), duration(to - from)].filter(Boolean).map((text) => h("span", { class: "badge" }, text)));
}

function bubble(message, side) {
  return h("div", { class: `bubble ${side} role-${["system", "user", "assistant", "tool"].includes(message.role) ? message.role : "other"}` },
    h("span", { class: "role" }, message.role, message.finish && message.finish !== "stop" ? ` (${message.finish})` : ""),
    message.parts.map((part) => part.type === "text"
      ? h("p", { class: "words" }, part.text)
      : h("div", { class: "part" }, part.type === "json" ? null : h("span", { class: "badge" }, [part.type.replaceAll("_", " "), part.name].filter(Boolean).join(": ")), h("pre", null, part.text))));
}
