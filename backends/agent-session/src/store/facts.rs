//! What lists say of a trace and filters ask: learnt from each span once, when it arrives.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracer_factory_core::ids::TraceId;

use super::attributes::{Attributes, Key};
use super::kind::{Kind, Kinds};
use crate::api::TraceSummary;

/// Of each list of texts a trace keeps this many; the spans have them all.
const MOST_TEXTS: usize = 64;
/// Texts are cut here; the spans have them whole.
const TEXT_BYTES: usize = 256;

/// Everything known of some spans of one trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) errors: u64,
    pub(super) root: Option<Named>,
    pub(super) earliest: Option<Named>,
    pub(super) services: Vec<Arc<str>>,
    pub(super) names: Vec<Arc<str>>,
    /// Some names are cut or missing, so that only the spans can say whether one is there.
    pub(super) more_names: bool,
    pub(super) kinds: Kinds,
    pub(super) project: Option<Ranked>,
    pub(super) session: Option<Ranked>,
    pub(super) agent: Option<Box<AgentFacts>>,
}

/// What most traces have nothing of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct AgentFacts {
    pub(super) tags: Vec<Arc<str>>,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cost_usd: Option<f64>,
    pub(super) reward: Option<(u64, f64)>,
    pub(super) model: Option<(u64, Arc<str>)>,
    pub(super) end_state: Option<(u64, Arc<str>)>,
    pub(super) rollout: Option<Ranked>,
    pub(super) attempt: Option<Ranked>,
}

/// A span, for its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Named {
    start: u64,
    name: Arc<str>,
    kind: Option<Kind>,
}

/// A text of which a trace has one: what its root says, else its earliest span that says anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ranked {
    rank: (bool, u64),
    pub(super) text: Arc<str>,
}

/// What a resource says of all its spans.
#[derive(Clone, Debug)]
pub(super) struct ResourceFacts {
    service: Arc<str>,
    project: Arc<str>,
    session: Option<Arc<str>>,
    rollout: Option<Arc<str>>,
    attempt: Option<Arc<str>>,
    tags: Vec<Arc<str>>,
}

/// A span's own fields.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SpanFields<'a> {
    pub(super) name: &'a str,
    pub(super) is_root: bool,
    pub(super) is_error: bool,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl ResourceFacts {
    pub(super) fn of(resource: &Attributes<'_>) -> Self {
        let text = |keys: &[Key]| resource.text(keys).map(|text| shared(&text));
        let service = text(&[Key::ServiceName]).unwrap_or_else(|| "unknown_service".into());
        let keys = [Key::OpeninferenceProject, Key::AgentopsProject, Key::ServiceNamespace];
        let mut tags = Vec::new();
        resource.tags(|tag| {
            remember(&mut tags, &shared(tag));
        });
        Self {
            project: text(&keys).unwrap_or_else(|| Arc::clone(&service)),
            service,
            session: text(&SESSION),
            rollout: text(&[Key::RolloutId]),
            attempt: text(&[Key::AttemptId]),
            tags,
        }
    }
}

const SESSION: [Key; 3] = [Key::SessionId, Key::ConversationId, Key::AgentopsSessionId];

impl Facts {
    /// Learns from one more span. `name` is its name, cut.
    pub(super) fn add(
        &mut self,
        span: &SpanFields<'_>,
        name: &Arc<str>,
        attributes: &Attributes<'_>,
        resource: &ResourceFacts,
    ) {
        let rank = (!span.is_root, span.start);
        let kind = attributes.kind();
        self.start = if self.earliest.is_none() { span.start } else { self.start.min(span.start) };
        self.end = self.end.max(span.end);
        self.errors += u64::from(span.is_error);
        let named = || Named { start: span.start, name: Arc::clone(name), kind };
        Named::first(&mut self.earliest, span.start, named);
        if span.is_root {
            Named::first(&mut self.root, span.start, named);
        }
        self.more_names |= !remember(&mut self.names, name) || name.len() < span.name.len();
        remember(&mut self.services, &resource.service);
        if let Some(kind) = kind {
            self.kinds.add(kind);
        }
        let project = attributes.text(&[Key::OpeninferenceProject, Key::AgentopsProject]);
        let project = project.map(|project| shared(&project));
        Ranked::first(&mut self.project, rank, project.as_ref().or(Some(&resource.project)));

        let own = |keys: &[Key]| attributes.text(keys).map(|text| shared(&text));
        let rollout = own(&[Key::RolloutId]);
        let rollout = rollout.as_ref().or(resource.rollout.as_ref());
        let attempt = own(&[Key::AttemptId]);
        let attempt = attempt.as_ref().or(resource.attempt.as_ref());
        let session = own(&SESSION);
        let session = session.as_ref().or(resource.session.as_ref());
        Ranked::first(&mut self.session, rank, session);
        if session.is_none()
            && let Some(rollout) = rollout
        {
            let both = attempt.map(|attempt| shared(&format!("{rollout}/{attempt}")));
            Ranked::first(&mut self.session, rank, both.as_ref().or(Some(rollout)));
        }
        if attributes.is_empty() && rollout.is_none() && resource.tags.is_empty() {
            return;
        }
        let mut agent = AgentFacts {
            tags: resource.tags.clone(),
            input_tokens: attributes.count(&[Key::InputTokens, Key::PromptTokens, Key::LlmPromptTokens]),
            output_tokens: attributes.count(&[
                Key::OutputTokens,
                Key::CompletionTokens,
                Key::LlmCompletionTokens,
            ]),
            cost_usd: attributes.cost(),
            reward: attributes.reward(span.name).map(|reward| (span.start, reward)),
            model: own(&[Key::ResponseModel, Key::RequestModel, Key::LlmModel])
                .map(|model| (span.start, model)),
            end_state: own(&[Key::EndState]).map(|state| (span.start, state)),
            rollout: None,
            attempt: None,
        };
        Ranked::first(&mut agent.rollout, rank, rollout);
        Ranked::first(&mut agent.attempt, rank, attempt);
        attributes.tags(|tag| {
            remember(&mut agent.tags, &shared(tag));
        });
        if agent != AgentFacts::default() {
            self.agent.get_or_insert_default().merge(agent);
        }
    }

    /// Learns what `more` knows of other spans.
    pub(super) fn merge(&mut self, more: Self) {
        self.start = if self.earliest.is_none() { more.start } else { self.start.min(more.start) };
        self.end = self.end.max(more.end);
        self.errors += more.errors;
        for (mine, theirs) in [(&mut self.root, more.root), (&mut self.earliest, more.earliest)] {
            if let Some(theirs) = theirs {
                Named::first(mine, theirs.start, || theirs.clone());
            }
        }
        self.more_names |= more.more_names;
        for name in &more.names {
            self.more_names |= !remember(&mut self.names, name);
        }
        for service in &more.services {
            remember(&mut self.services, service);
        }
        self.kinds.merge(more.kinds);
        Ranked::merge(&mut self.project, more.project);
        Ranked::merge(&mut self.session, more.session);
        if let Some(agent) = more.agent {
            self.agent.get_or_insert_default().merge(*agent);
        }
    }

    /// The root's name; while the root is missing, that of the earliest span.
    pub(super) fn root_name(&self) -> &str {
        self.root.as_ref().or(self.earliest.as_ref()).map_or("", |span| &span.name)
    }

    pub(super) fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    pub(super) fn project(&self) -> &str {
        self.project.as_ref().map_or("unknown_service", |project| &project.text)
    }

    pub(super) fn session(&self) -> Option<&Arc<str>> {
        self.session.as_ref().map(|session| &session.text)
    }

    pub(super) fn reward(&self) -> Option<f64> {
        self.agent.as_ref()?.reward.map(|(_, reward)| reward)
    }

    pub(super) fn tags(&self) -> &[Arc<str>] {
        self.agent.as_ref().map_or(&[], |agent| &agent.tags)
    }

    /// As lists show it.
    pub(super) fn summary(&self, id: TraceId, spans: u64, omitted_spans: u64) -> TraceSummary {
        let root = self.root.as_ref().or(self.earliest.as_ref());
        let agent = self.agent.as_deref();
        TraceSummary {
            trace_id: id.to_string(),
            root_name: self.root_name().to_owned(),
            has_root: self.root.is_some(),
            root_kind: root.and_then(|root| root.kind).map(|kind| kind.word().to_owned()),
            project: self.project().to_owned(),
            session_id: self.session().map(|session| session.to_string()),
            services: sorted(&self.services),
            kinds: self.kinds.words().map(str::to_owned).collect(),
            tags: sorted(self.tags()),
            start_unix_nanos: self.start,
            duration_nanos: self.duration(),
            spans,
            errors: self.errors,
            omitted_spans,
            input_tokens: agent.map_or(0, |agent| agent.input_tokens),
            output_tokens: agent.map_or(0, |agent| agent.output_tokens),
            cost_usd: agent.and_then(|agent| agent.cost_usd),
            reward: self.reward(),
            model: agent.and_then(|agent| agent.model.as_ref()).map(|(_, model)| model.to_string()),
        }
    }
}

impl AgentFacts {
    fn merge(&mut self, more: Self) {
        for tag in &more.tags {
            remember(&mut self.tags, tag);
        }
        self.input_tokens = self.input_tokens.saturating_add(more.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(more.output_tokens);
        if let Some(cost) = more.cost_usd {
            self.cost_usd = Some(self.cost_usd.unwrap_or(0.0) + cost);
        }
        last(&mut self.reward, more.reward);
        last(&mut self.model, more.model);
        last(&mut self.end_state, more.end_state);
        Ranked::merge(&mut self.rollout, more.rollout);
        Ranked::merge(&mut self.attempt, more.attempt);
    }
}

impl Named {
    fn first(slot: &mut Option<Self>, start: u64, named: impl FnOnce() -> Self) {
        if slot.as_ref().is_none_or(|known| start < known.start) {
            *slot = Some(named());
        }
    }
}

impl Ranked {
    fn first(slot: &mut Option<Self>, rank: (bool, u64), text: Option<&Arc<str>>) {
        if let Some(text) = text
            && slot.as_ref().is_none_or(|known| rank < known.rank)
        {
            *slot = Some(Self { rank, text: Arc::clone(text) });
        }
    }

    fn merge(slot: &mut Option<Self>, more: Option<Self>) {
        if let Some(more) = more {
            Self::first(slot, more.rank, Some(&more.text));
        }
    }
}

/// What happened last.
pub(super) fn last<T>(slot: &mut Option<(u64, T)>, more: Option<(u64, T)>) {
    if let Some(more) = more
        && slot.as_ref().is_none_or(|known| more.0 >= known.0)
    {
        *slot = Some(more);
    }
}

/// Adds a text that is not there yet; false when there is no more room.
fn remember(texts: &mut Vec<Arc<str>>, text: &Arc<str>) -> bool {
    if texts.iter().any(|known| Arc::ptr_eq(known, text) || known == text) {
        return true;
    }
    let room = texts.len() < MOST_TEXTS;
    if room {
        texts.push(Arc::clone(text));
    }
    room
}

fn sorted(texts: &[Arc<str>]) -> Vec<String> {
    let mut texts: Vec<String> = texts.iter().map(|text| text.to_string()).collect();
    texts.sort_unstable();
    texts
}

/// As much of a text as is kept.
pub(super) fn shared(text: &str) -> Arc<str> {
    cut(text).into()
}

pub(super) fn cut(text: &str) -> &str {
    let end = (0..=TEXT_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
