//! What a span is, by what instrumentations say: AgentOps, OpenInference, OpenTelemetry's gen_ai, our own helpers.

use crate::record::Record;

/// Whether the span is one call of a model that answers with text.
pub(super) fn is_model_call(record: &Record<'_>) -> bool {
    let operation = record.text("gen_ai.operation.name");
    match kind(record).as_deref() {
        Some("llm") => operation != Some("embeddings"),
        // An unknown kind says nothing against the operation.
        Some("unknown") | None => is_model_operation(operation),
        Some(_) => false,
    }
}

fn is_model_operation(operation: Option<&str>) -> bool {
    matches!(operation, Some("chat" | "text_completion" | "generate_content"))
}

fn kind(record: &Record<'_>) -> Option<String> {
    let said = record.text("agentops.span.kind").or_else(|| record.text("openinference.span.kind"));
    if let Some(kind) = said {
        return Some(kind.to_ascii_lowercase());
    }
    let kind = match record.text("gen_ai.operation.name") {
        operation if is_model_operation(operation) => "llm",
        Some("invoke_agent" | "create_agent") => "agent",
        Some("execute_tool") => "tool",
        Some(_) => return None,
        None => match record.text("event_type")? {
            "model" => "llm",
            kind => kind,
        },
    };
    Some(kind.to_owned())
}

/// The agent that the span stands for.
pub(super) fn agent_name<'r>(record: &'r Record<'_>) -> Option<&'r str> {
    if let Some(name) = crate::strict::agent::agent_name(record).and_then(|name| name.as_str()) {
        return Some(name);
    }
    let is_agent = kind(record).as_deref() == Some("agent");
    is_agent.then(|| {
        record.text("gen_ai.agent.name").or_else(|| record.text("operation.name")).unwrap_or(record.name)
    })
}
