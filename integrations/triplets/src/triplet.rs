//! What comes out: triplets, and for each span why it is one or not.

use serde::{Serialize, Serializer};

use crate::json::Json;

/// One turn of a model, as agent-lightning's trainers take it.
///
/// As JSON it has the fields `prompt`, `response`, `reward` and `metadata` in this order, always all of them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Triplet {
    /// `{"token_ids": [...], "raw_content": ..., "image_urls": [...]}`.
    pub prompt: Json,
    /// `{"token_ids": [...], "raw_content": ...}`, and `logprobs` where the trace has them.
    pub response: Json,
    /// A number, or null. Strict: whatever else an old reward span said, because Python passes it on.
    #[serde(serialize_with = "reward_as_float")]
    pub reward: Json,
    /// `{"request": ..., "response": ..., "response_id": ..., "agent_name": ...}`.
    pub metadata: Json,
    /// Where it is from; not part of the JSON.
    #[serde(skip)]
    pub source: Source,
}

impl Triplet {
    /// The reward, when it is a number.
    pub fn reward_value(&self) -> Option<f64> {
        self.reward.as_f64()
    }
}

/// The field is declared a float in the package, so that whole numbers and truth values become floats.
fn reward_as_float<S: Serializer>(reward: &Json, serializer: S) -> Result<S::Ok, S::Error> {
    match (reward, reward.as_f64()) {
        (Json::Bool(value), _) => serializer.serialize_f64(f64::from(u8::from(*value))),
        (_, Some(value)) => Json::Float(value).serialize(serializer),
        _ => reward.serialize(serializer),
    }
}

/// The span that a triplet is from, by its identifiers in hexadecimal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// The trace's.
    pub trace_id: String,
    /// The span's; `virtual-root` for the one that strict extraction puts over several roots.
    pub span_id: String,
}

/// Why a span is a triplet, or is not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Why {
    /// The span's identifier in hexadecimal.
    pub span_id: String,
    /// The span's name.
    pub name: String,
    /// Whether it is one.
    pub is_triplet: bool,
    /// The reason as a code that stays as it is.
    pub reason: Reason,
    /// The reason for people.
    pub text: String,
}

/// The codes of [`Why`]; as JSON in kebab case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// It is a triplet.
    Triplet,
    /// Its name doesn't match `llm_call_match`.
    NameNotMatched,
    /// Neither its name nor an attribute says that it is a model call.
    NotLlmCall,
    /// No agent that matches `agent_match` is above it.
    OutsideAgent,
    /// A reward is above it: it was made to judge.
    UnderReward,
    /// An earlier call has the same response identifier.
    DuplicateResponseId,
    /// It is inside another call, and nothing says that it is a call of its own.
    NestedWithoutId,
    /// The call is inside it, recorded by another library.
    Wrapper,
    /// It is a reward, and a triplet has it.
    RewardAssigned,
    /// It is a reward, and there is no call for it.
    RewardUnassigned,
    /// A later span has the same identifier.
    DuplicateSpanId,
    /// Strict: nothing leads to it from a root.
    Unreachable,
    /// Proxy: it is no span of the proxy's.
    NotProxySpan,
    /// Proxy: it has no token identifiers of prompt and response.
    NoTokenIds,
}

/// All that was found.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Extraction {
    /// In the order of the calls.
    pub triplets: Vec<Triplet>,
    /// One for each span given, in their order; empty unless asked for.
    pub why: Vec<Why>,
}

impl Extraction {
    /// One triplet a line, each line ended, as trainers read it.
    pub fn to_json_lines(&self) -> String {
        let mut text = String::new();
        for triplet in &self.triplets {
            // Numbers and text in lists and maps: there is nothing in it that JSON can't say.
            text.push_str(&serde_json::to_string(triplet).unwrap_or_default());
            text.push('\n');
        }
        text
    }
}
