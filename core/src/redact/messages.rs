//! Which attributes hold what people and models say to each other.

/// The names that conventions have given them; `*` is any rest.
const MESSAGES: [&str; 14] = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.prompt*",
    "gen_ai.completion*",
    "llm.input_messages*",
    "llm.output_messages*",
    "llm.prompts*",
    "input.value",
    "output.value",
    "traceloop.entity.input",
    "traceloop.entity.output",
];

/// Whether the value of an attribute of this name is such.
pub(super) fn is_message(name: &str) -> bool {
    let is_meant = |known: &str| match known.strip_suffix('*') {
        // `gen_ai.prompt.0.content`, but not `gen_ai.prompt_tokens`.
        Some(start) => name.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        None => name == known,
    };
    MESSAGES.into_iter().any(is_meant) || is_agentops_content(name)
}

/// `agentops.<kind>.input` and `.output`.
fn is_agentops_content(name: &str) -> bool {
    let kind = name
        .strip_prefix("agentops.")
        .and_then(|rest| rest.strip_suffix(".input").or_else(|| rest.strip_suffix(".output")));
    kind.is_some_and(|kind| !kind.is_empty() && !kind.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_told_from_what_is_said_about_them() {
        for name in [
            "gen_ai.input.messages",
            "gen_ai.prompt",
            "gen_ai.prompt.0.content",
            "gen_ai.completion.1.tool_calls.0.arguments",
            "llm.output_messages.0.message.content",
            "agentops.task.input",
            "agentops.llm.output",
            "output.value",
        ] {
            assert!(is_message(name), "{name}");
        }
        for name in [
            "gen_ai.prompt_tokens",
            "gen_ai.usage.prompt_tokens",
            "gen_ai.request.model",
            "gen_ai.input.messages.count",
            "agentops.span.kind",
            "agentops.input",
            "agentops.a.b.input",
            "input.mime_type",
            "",
        ] {
            assert!(!is_message(name), "{name}");
        }
    }
}
