//! Annotations: rewards and remarks about work that is done, as spans without a duration.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use tracer_factory_core::context::Context;
use tracer_factory_core::ids::SpanContext;
use tracer_factory_core::manual::Span;
use tracer_factory_core::span::StatusCode;
use tracer_factory_core::tracer::{BaseTracer, SpanOptions};
use tracer_factory_core::value::AttrValue;

use crate::names::lightning;

/// A remark about work that is done: rewards, attributes, tags, and what it is about.
///
/// agent-lightning reads its rewards, and triplets match them to calls: by what they are linked to, else by their
/// sequence, else by time.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is recorded until it is emitted"]
pub struct Annotation<'a> {
    rewards: Vec<(Cow<'a, str>, f64)>,
    attributes: Vec<(Cow<'a, str>, AttrValue<'a>)>,
    tags: Vec<Cow<'a, str>>,
    matches: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    links: Vec<SpanContext>,
    sequence: Option<u64>,
    parent: Option<Context>,
}

/// An annotation that its readers would stumble over.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnotationError {
    /// Not a number, or infinite.
    #[error("the reward {name:?} is {value}; a reward must be a finite number")]
    NotFinite {
        /// The reward's name.
        name: String,
        /// Its value.
        value: f64,
    },
    /// Two of one name.
    #[error("the reward {name:?} is given twice; each dimension has one value")]
    Twice {
        /// The reward's name.
        name: String,
    },
    /// One without a name.
    #[error("a reward has no name; call it \"primary\" when there is only one")]
    Nameless,
}

impl<'a> Annotation<'a> {
    /// One that says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reward of one dimension.
    pub fn reward(value: f64) -> Self {
        Self::new().dimension(lightning::PRIMARY, value)
    }

    /// One more dimension of the reward. The first one is the primary: the one that trainers take.
    pub fn dimension(mut self, name: impl Into<Cow<'a, str>>, value: f64) -> Self {
        self.rewards.push((name.into(), value));
        self
    }

    /// An attribute.
    pub fn attribute(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<AttrValue<'a>>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    /// A label.
    pub fn tag(mut self, tag: impl Into<Cow<'a, str>>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// It is about the spans whose attribute `key` is `value`; `trace_id` and `span_id` are the identifiers.
    pub fn about(mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.matches.push((key.into(), value.into()));
        self
    }

    /// It is about this span, in whichever trace that is.
    pub fn about_span(mut self, span: &SpanContext) -> Self {
        let (trace_id, span_id) = (span.trace_id.to_string(), span.span_id.to_string());
        self = self.about("trace_id", trace_id).about("span_id", span_id);
        self.links.push(span.clone());
        self
    }

    /// Its place in a rollout.
    pub fn sequence_id(mut self, sequence: u64) -> Self {
        self.sequence = Some(sequence);
        self
    }

    /// Where it is recorded, when not under what is current.
    pub fn under(mut self, parent: Context) -> Self {
        self.parent = Some(parent);
        self
    }

    fn check(&self) -> Result<(), AnnotationError> {
        for (at, (name, value)) in self.rewards.iter().enumerate() {
            if name.is_empty() {
                return Err(AnnotationError::Nameless);
            }
            if !value.is_finite() {
                return Err(AnnotationError::NotFinite { name: name.to_string(), value: *value });
            }
            if self.rewards.iter().take(at).any(|(before, _)| before == name) {
                return Err(AnnotationError::Twice { name: name.to_string() });
            }
        }
        Ok(())
    }

    /// Records it now. Returns the span's identifiers, so that others can be about it.
    pub fn emit(&self, tracer: &(impl BaseTracer + ?Sized)) -> Result<SpanContext, AnnotationError> {
        self.check()?;
        Ok(moment(tracer, lightning::ANNOTATION, self.parent.as_ref(), |span| {
            for (at, (name, value)) in self.rewards.iter().enumerate() {
                span.set_attribute(&format!("agentlightning.reward.{at}.name"), &**name);
                span.set_attribute(&format!("agentlightning.reward.{at}.value"), *value);
            }
            for (at, tag) in self.tags.iter().enumerate() {
                span.set_attribute(&format!("agentlightning.tag.{at}"), &**tag);
            }
            for (at, (key, value)) in self.matches.iter().enumerate() {
                span.set_attribute(&format!("agentlightning.link.{at}.key_match"), &**key);
                span.set_attribute(&format!("agentlightning.link.{at}.value_match"), &**value);
            }
            if let Some(sequence) = self.sequence {
                span.set_attribute(lightning::SEQUENCE_ID, sequence);
            }
            for (name, value) in &self.attributes {
                span.set_attribute(name, value.clone());
            }
            for link in &self.links {
                span.add_link(link, &[]);
            }
        }))
    }
}

/// A span that begins and ends at once, and is fine.
pub(crate) fn moment(
    tracer: &(impl BaseTracer + ?Sized),
    name: &str,
    parent: Option<&Context>,
    describe: impl FnOnce(&mut Span),
) -> SpanContext {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64);
    let options = SpanOptions::new(name).start_unix_nanos(now);
    let mut span = match parent {
        None => tracer.start_span(&options),
        Some(parent) => tracer.start_span(&options.parent_context(parent)),
    };
    if span.is_recording() {
        describe(&mut span);
        span.set_status(StatusCode::Ok, "");
    }
    let context = span.span_context();
    span.finish_at(now);
    context
}
