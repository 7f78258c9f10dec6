//! How a span starts: name, kind, parent, time.

use crate::context::Context;
use crate::span::SpanKind;

/// How a span starts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SpanOptions<'a> {
    /// What is done.
    pub name: &'a str,
    /// Its role.
    pub kind: SpanKind,
    /// What it is part of.
    pub parent: Parent<'a>,
    /// When it started, in nanoseconds since the Unix epoch; now when absent.
    pub start_unix_nanos: Option<u64>,
    /// The instrumentation scope, as a number the recorder gave.
    pub(crate) scope: u16,
}

/// What a span is part of.
#[derive(Clone, Debug, Default)]
pub enum Parent<'a> {
    /// Whatever is current.
    #[default]
    Current,
    /// Nothing: it begins a new trace.
    None,
    /// This context. One that names no span begins a new trace.
    Context(&'a Context),
}

impl<'a> SpanOptions<'a> {
    /// An internal span under what is current.
    #[inline]
    pub fn new(name: &'a str) -> Self {
        Self { name, kind: SpanKind::Internal, parent: Parent::Current, start_unix_nanos: None, scope: 0 }
    }

    /// Its role.
    #[must_use]
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// Under `context` instead of what is current.
    #[must_use]
    pub fn parent_context(mut self, context: &'a Context) -> Self {
        self.parent = Parent::Context(context);
        self
    }

    /// In a trace of its own.
    #[must_use]
    pub fn new_trace(mut self) -> Self {
        self.parent = Parent::None;
        self
    }

    /// When it started, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn start_unix_nanos(mut self, start: u64) -> Self {
        self.start_unix_nanos = Some(start);
        self
    }

    #[inline]
    pub(crate) fn to_start(&self) -> crate::recorder::StartSpan<'_> {
        crate::recorder::StartSpan {
            name: self.name,
            kind: self.kind,
            parent: match self.parent {
                Parent::Current => crate::recorder::Parent::Current,
                Parent::None => crate::recorder::Parent::None,
                Parent::Context(context) => crate::recorder::Parent::Given(context.frame()),
            },
            start: self.start_unix_nanos,
            scope: self.scope,
        }
    }
}
