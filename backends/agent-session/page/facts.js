// What a span says about agents, in whichever convention.

const OPERATIONS = {
  chat: "llm", text_completion: "llm", generate_content: "llm", embeddings: "llm",
  execute_tool: "tool", invoke_agent: "agent", create_agent: "agent",
};

/** Kind, model, tokens, cost, reward of a span. */
export function facts(span) {
  const get = (...names) => names.map((name) => span.attributes.get(name)).find((found) => found !== undefined && found !== null && found !== "");
  const text = (...names) => { const found = get(...names); return found === undefined ? null : String(found); };
  const number = (...names) => { const found = Number(get(...names)); return Number.isFinite(found) ? found : 0; };
  const eventType = text("event_type");
  const kind = text("agentops.span.kind") ?? text("openinference.span.kind")?.toLowerCase()
    ?? OPERATIONS[text("gen_ai.operation.name") ?? ""] ?? (eventType === "model" ? "llm" : eventType);
  const cost = get("gen_ai.usage.cost", "llm.cost.total");
  return {
    kind: kind ?? null,
    model: text("gen_ai.response.model", "gen_ai.request.model", "llm.model_name"),
    input: number("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    output: number("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"),
    cost: cost === undefined || !Number.isFinite(Number(cost)) ? null : Number(cost),
    reward: rewardOf(span),
  };
}

/** The primary reward of an annotation, in today's form or the ones before. */
function rewardOf(span) {
  const today = span.attributes.get("agentlightning.reward.0.value");
  if (typeof today === "number") return today;
  for (const name of ["agentops.task.output", "agentops.entity.output"]) {
    const output = parsed(span.attributes.get(name));
    if (output?.type === "reward" && typeof output.value === "number") return output.value;
  }
  return null;
}

/** JSON text as what it means; `undefined` when it is none. */
export function parsed(text) {
  if (typeof text !== "string") return text ?? undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A sign for each kind, with a word for those who hear the page. */
export const SIGNS = {
  session: "◉", agent: "☻", task: "☑", operation: "▸", workflow: "⇶", tool: "⚒", llm: "✦",
  chain: "⋯", guardrail: "◈", retriever: "⌕", http: "⇄", text: "¶",
};
