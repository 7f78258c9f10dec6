//! What agents' spans are: one word each, and a set of them as bits.

use serde::{Deserialize, Serialize};

/// The words, at the place of their bit.
const WORDS: [&str; 13] = [
    "session",
    "agent",
    "task",
    "operation",
    "workflow",
    "tool",
    "llm",
    "chain",
    "guardrail",
    "retriever",
    "text",
    "http",
    "unknown",
];

/// The kind of an agent's span; ordinary spans have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Kind(u8);

impl Kind {
    const UNKNOWN: usize = WORDS.len() - 1;

    /// The kind that a word says, whatever its case; a word that nobody knows is `unknown`.
    pub(super) fn named(word: &str) -> Self {
        let known = WORDS.iter().position(|known| known.eq_ignore_ascii_case(word));
        Self(known.unwrap_or(Self::UNKNOWN) as u8)
    }

    /// By `gen_ai.operation.name`.
    pub(super) fn of_operation(operation: &str) -> Option<Self> {
        match operation {
            "chat" | "text_completion" | "generate_content" | "embeddings" => Some(Self::named("llm")),
            "execute_tool" => Some(Self::named("tool")),
            "invoke_agent" | "create_agent" => Some(Self::named("agent")),
            _ => None,
        }
    }

    /// By `event_type`.
    pub(super) fn of_event_type(event_type: &str) -> Self {
        Self::named(if event_type == "model" { "llm" } else { event_type })
    }

    pub(super) fn word(self) -> &'static str {
        WORDS.get(usize::from(self.0)).copied().unwrap_or("unknown")
    }
}

/// Several kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Kinds(u16);

impl Kinds {
    pub(super) fn add(&mut self, kind: Kind) {
        self.0 |= 1 << kind.0.min(Self::LAST);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether `word`, exactly as [`Kind::word`] has it, is among them.
    pub(super) fn has(self, word: &str) -> bool {
        self.words().any(|known| known == word)
    }

    pub(super) fn words(self) -> impl Iterator<Item = &'static str> {
        WORDS.iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0).map(|(_, word)| *word)
    }

    const LAST: u8 = (WORDS.len() - 1) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bits() {
        let mut kinds = Kinds::default();
        for word in ["LLM", "tool", "something else"] {
            kinds.add(Kind::named(word));
        }
        assert_eq!(kinds.words().collect::<Vec<_>>(), ["tool", "llm", "unknown"]);
        assert!(kinds.has("llm") && !kinds.has("agent") && !kinds.has("LLM"));
        assert_eq!(Kind::of_operation("chat").unwrap().word(), "llm");
        assert_eq!(Kind::of_operation("whatever"), None);
        assert_eq!(Kind::of_event_type("model").word(), "llm");
    }
}
