//! Sessions: a conversation or run from its beginning to its end, over any number of threads.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use tracer_factory_core::context::Context;
use tracer_factory_core::manual::Span;
use tracer_factory_core::span::StatusCode;
use tracer_factory_core::tracer::{BaseTracer, SpanOptions};
use tracer_factory_core::value::AttrValue;

use crate::event_type::EventType;
use crate::names::{END_STATE, EVENT_TYPE, PROJECT, SESSION_ID, SPAN_KIND, TAGS, lightning};

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndState {
    /// It did what it was to do.
    Success,
    /// It did not.
    Fail,
    /// Nobody said.
    Indeterminate,
}

impl EndState {
    /// The value of `agentops.session.end_state`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Fail => "Fail",
            Self::Indeterminate => "Indeterminate",
        }
    }
}

/// How a session begins. Nothing has to be said.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SessionOptions<'a> {
    /// The root span's name; `session` when empty.
    pub name: &'a str,
    /// The identifier that further traces may carry as well; the trace's when empty.
    pub id: &'a str,
    /// The project that it is filed under, when not the tracer's.
    pub project: &'a str,
    /// Labels.
    pub tags: &'a [&'a str],
    /// The rollout that it is one attempt at, for trainers.
    pub rollout: Option<(&'a str, &'a str)>,
}

impl<'a> SessionOptions<'a> {
    /// One of this name.
    pub fn new(name: &'a str) -> Self {
        Self { name, ..Self::default() }
    }

    /// With this identifier.
    #[must_use]
    pub fn id(mut self, id: &'a str) -> Self {
        self.id = id;
        self
    }

    /// With these labels.
    #[must_use]
    pub fn tags(mut self, tags: &'a [&'a str]) -> Self {
        self.tags = tags;
        self
    }

    /// Filed under this project.
    #[must_use]
    pub fn project(mut self, project: &'a str) -> Self {
        self.project = project;
        self
    }

    /// An attempt at a rollout.
    #[must_use]
    pub fn rollout(mut self, rollout_id: &'a str, attempt_id: &'a str) -> Self {
        self.rollout = Some((rollout_id, attempt_id));
        self
    }
}

/// A session under way: the root span of a trace. Dropped without [`Session::end`], its end is `Indeterminate`, and `Fail`
/// in a panic.
#[derive(Debug)]
#[must_use = "the session ends when it is dropped"]
pub struct Session {
    span: Span,
    id: String,
    sequence: AtomicU64,
    ended: bool,
}

impl Session {
    pub(crate) fn start(tracer: &(impl BaseTracer + ?Sized), options: &SessionOptions<'_>) -> Self {
        let name = if options.name.is_empty() { "session" } else { options.name };
        let mut span = tracer.start_span(&SpanOptions::new(name).new_trace());
        let id = if options.id.is_empty() { span.trace_id().to_string() } else { options.id.to_owned() };
        span.set_attribute(EVENT_TYPE, EventType::Session.as_str())
            .set_attribute(SPAN_KIND, EventType::Session.span_kind())
            .set_attribute(SESSION_ID, &id);
        if !options.project.is_empty() {
            span.set_attribute(PROJECT, options.project);
        }
        if !options.tags.is_empty() {
            let tags = options.tags.iter().map(|tag| AttrValue::from(*tag)).collect();
            span.set_attribute(TAGS, AttrValue::Array(tags));
        }
        if let Some((rollout, attempt)) = options.rollout {
            span.set_attribute(lightning::ROLLOUT_ID, rollout).set_attribute(lightning::ATTEMPT_ID, attempt);
        }
        Self { span, id, sequence: AtomicU64::new(0), ended: false }
    }

    /// Its identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// As a parent for what happens in it, on any thread.
    pub fn context(&self) -> Context {
        self.span.context()
    }

    /// The root span.
    pub fn span(&mut self) -> &mut Span {
        &mut self.span
    }

    /// The next place in the order of a rollout's spans, from 1: for readers that don't trust clocks.
    pub fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Relaxed) + 1
    }

    /// Makes it current on this thread while `work` runs.
    pub fn in_scope<R>(&mut self, work: impl FnOnce() -> R) -> R {
        self.span.in_scope(work)
    }

    /// Ends it.
    pub fn end(mut self, state: EndState) {
        self.settle(state);
    }

    fn settle(&mut self, state: EndState) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.span.set_attribute(END_STATE, state.as_str());
        match state {
            EndState::Success => drop(self.span.set_status(StatusCode::Ok, "")),
            EndState::Fail => drop(self.span.set_status(StatusCode::Error, "")),
            EndState::Indeterminate => {}
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.settle(if std::thread::panicking() { EndState::Fail } else { EndState::Indeterminate });
    }
}
