//! Gathers, span by span, why it is a triplet or not.

use crate::record::Record;
use crate::triplet::{Reason, Why};

/// One entry for each span given. The first reason said of a span stays, but that a reward says more than no call.
pub(crate) struct Reasons {
    wanted: bool,
    said: Vec<Said>,
}

struct Said {
    span_id: String,
    name: String,
    reason: Option<(Reason, String)>,
}

impl Reasons {
    pub(crate) fn new(records: &[Record<'_>], wanted: bool) -> Self {
        let said = records.iter().filter(|_| wanted).map(|record| Said {
            span_id: record.span_id.to_string(),
            name: record.name.to_owned(),
            reason: None,
        });
        Self { wanted, said: said.collect() }
    }

    pub(crate) fn say(&mut self, record: usize, reason: Reason, text: impl FnOnce() -> String) {
        if !self.wanted {
            return;
        }
        let Some(said) = self.said.get_mut(record) else { return };
        let weak = |old: &(Reason, String)| match old.0 {
            Reason::Triplet | Reason::RewardAssigned => false,
            Reason::RewardUnassigned => reason == Reason::RewardAssigned,
            _ => matches!(reason, Reason::Triplet | Reason::RewardAssigned | Reason::RewardUnassigned),
        };
        if said.reason.as_ref().is_none_or(weak) {
            said.reason = Some((reason, text()));
        }
    }

    /// A reason whose text needs no more than the response's identifier.
    pub(crate) fn say_usual(&mut self, record: usize, reason: Reason, response_id: Option<&str>) {
        self.say(record, reason, || match (reason, response_id) {
            (Reason::DuplicateResponseId, Some(id)) => format!("response {id:?} was seen in an earlier span"),
            _ => usual_text(reason).to_owned(),
        });
    }

    pub(crate) fn into_why(self, otherwise: Reason) -> Vec<Why> {
        let why = self.said.into_iter().map(|said| {
            let (reason, text) = said.reason.unwrap_or_else(|| (otherwise, usual_text(otherwise).to_owned()));
            let is_triplet = reason == Reason::Triplet;
            Why { span_id: said.span_id, name: said.name, is_triplet, reason, text }
        });
        why.collect()
    }
}

fn usual_text(reason: Reason) -> &'static str {
    match reason {
        Reason::Triplet => "it is a call of a model",
        Reason::NameNotMatched => "its name is not that of a call (llm_call_match)",
        Reason::NotLlmCall => "neither its name nor an attribute says that it calls a model",
        Reason::OutsideAgent => "no agent above it matches agent_match",
        Reason::UnderReward => "it is below a reward: the call was made to judge",
        Reason::DuplicateResponseId => "its response was seen in an earlier span",
        Reason::NestedWithoutId => "it is inside another call and has no response identifier of its own",
        Reason::Wrapper => "the call itself is inside it",
        Reason::RewardAssigned => "its reward goes to a call",
        Reason::RewardUnassigned => "its reward finds no call",
        Reason::DuplicateSpanId => "a later span has the same identifiers and counts instead",
        Reason::Unreachable => "no way leads to it from a root, or a later span has the same identifier",
        Reason::NotProxySpan => "it is neither a raw_gen_ai_request nor a litellm_request",
        Reason::NoTokenIds => "it has no token identifiers of both prompt and response",
    }
}
