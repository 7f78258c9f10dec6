// What went into a model and came out of it, from whichever attributes hold it.

import { parsed } from "./facts.js";

/** The messages of a span: `{ input: [...], output: [...] }`, each `{ role, parts: [{ type, text }] }`. */
export function messagesOf(span) {
  const { attributes } = span;
  return {
    input: first([
      () => convention(attributes.get("gen_ai.input.messages"), "user"),
      () => numbered(attributes, "gen_ai.prompt."),
      () => numbered(attributes, "llm.input_messages.", "message."),
      () => plain(attributes, ["input.value", ...agentops(attributes, "input"), "gen_ai.tool.call.arguments", "tool.parameters"], "input"),
    ], system(attributes)),
    output: first([
      () => convention(attributes.get("gen_ai.output.messages"), "assistant"),
      () => numbered(attributes, "gen_ai.completion."),
      () => numbered(attributes, "llm.output_messages.", "message."),
      () => plain(attributes, ["output.value", ...agentops(attributes, "output"), "gen_ai.tool.call.result", "tool.result"], "output"),
    ]),
  };
}

function first(ways, before = []) {
  for (const way of ways) {
    const found = way();
    if (found.length) return [...before, ...found];
  }
  return before;
}

function system(attributes) {
  const found = parsed(attributes.get("gen_ai.system_instructions"));
  if (found === undefined || found === null) return [];
  const parts = (Array.isArray(found) ? found : [found]).map(part);
  return [{ role: "system", parts }];
}

/** OpenTelemetry's present convention: JSON with roles and parts. */
function convention(value, role) {
  const found = parsed(value);
  if (found === undefined) return value === undefined || value === null ? [] : [{ role, parts: [{ type: "text", text: String(value) }] }];
  if (found === null) return [];
  return (Array.isArray(found) ? found : [found]).map((message) => ({
    role: String(message?.role ?? role),
    finish: message?.finish_reason ?? null,
    parts: Array.isArray(message?.parts) ? message.parts.map(part) : contentParts(message?.content ?? message, message?.tool_calls),
  }));
}

function part(given) {
  if (typeof given === "string") return { type: "text", text: given };
  const type = String(given?.type ?? "text");
  if (type === "tool_call") return { type, name: String(given.name ?? "tool"), text: pretty(given.arguments) };
  if (type === "tool_call_response") return { type, name: String(given.id ?? ""), text: pretty(given.response ?? given.result) };
  return { type, text: pretty(given?.content ?? given?.text ?? given?.uri ?? given) };
}

function contentParts(content, calls) {
  const parts = [];
  if (Array.isArray(content)) parts.push(...content.map(part));
  else if (content !== undefined && content !== null && content !== "") parts.push({ type: "text", text: pretty(content) });
  for (const call of Array.isArray(calls) ? calls : []) {
    parts.push({ type: "tool_call", name: String(call?.function?.name ?? call?.name ?? "tool"), text: pretty(parsed(call?.function?.arguments ?? call?.arguments) ?? call?.function?.arguments ?? call?.arguments) });
  }
  return parts;
}

/** Numbered attributes: `gen_ai.prompt.0.role`, `llm.input_messages.0.message.content`. */
function numbered(attributes, prefix, inner = "") {
  const messages = [];
  for (const [name, value] of attributes) {
    if (!name.startsWith(prefix)) continue;
    const [, digits, rest] = /^(\d{1,4})\.(.*)$/s.exec(name.slice(prefix.length)) ?? [];
    if (digits === undefined) continue;
    const field = rest.startsWith(inner) ? rest.slice(inner.length) : rest;
    const message = (messages[Number(digits)] ??= { role: "", texts: [], calls: [] });
    if (field === "role") message.role = String(value);
    else if (field === "content") message.texts.push(...contentParts(parsedList(value)));
    else if (field === "finish_reason") message.finish = String(value);
    else {
      const [, at, what] = /^tool_calls\.(\d{1,3})\.(?:tool_call\.)?(?:function\.)?(name|arguments|id)$/.exec(field) ?? [];
      if (at !== undefined) (message.calls[Number(at)] ??= {})[what] = value;
    }
  }
  return messages.filter(Boolean).map(({ role, texts, calls, finish }) => ({
    role: role || "message",
    finish: finish ?? null,
    parts: [...texts, ...contentParts(null, calls.filter(Boolean))],
  }));
}

/** Content that is a JSON list of parts is shown as parts. */
function parsedList(value) {
  const found = parsed(value);
  return Array.isArray(found) ? found : value;
}

function plain(attributes, names, role) {
  for (const name of names) {
    const value = attributes.get(name);
    if (value !== undefined && value !== null && value !== "") return [{ role, parts: [plainPart(parsed(value) ?? value)] }];
  }
  return [];
}

function plainPart(value) {
  return { type: typeof value === "string" ? "text" : "json", text: pretty(value) };
}

function agentops(attributes, which) {
  const pattern = new RegExp(`^agentops\\.[a-z_]+\\.${which}$`);
  return [...attributes.keys()].filter((name) => pattern.test(name));
}

/** Text as it is, anything else as indented JSON. */
export function pretty(value) {
  if (typeof value === "string") return value;
  if (value === undefined) return "";
  return JSON.stringify(value, null, 2);
}
