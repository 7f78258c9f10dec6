//! Spans as values: what recorded bytes decode to, and what backends without OTLP encode from.

use std::sync::Arc;

use crate::ids::{SpanContext, SpanId, TraceId};
use crate::value::Value;

/// The role of a span in an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[non_exhaustive]
pub enum SpanKind {
    /// Work inside the process.
    #[default]
    Internal,
    /// Handles a request from outside.
    Server,
    /// Waits for an answer from outside.
    Client,
    /// Puts a message on a queue.
    Producer,
    /// Takes a message from a queue.
    Consumer,
}

impl SpanKind {
    /// The number OTLP gives it.
    pub const fn to_otlp(self) -> u8 {
        match self {
            SpanKind::Internal => 1,
            SpanKind::Server => 2,
            SpanKind::Client => 3,
            SpanKind::Producer => 4,
            SpanKind::Consumer => 5,
        }
    }

    /// From OTLP's number; unspecified and unknown ones are internal, as the specification says.
    pub const fn from_otlp(number: u64) -> Self {
        match number {
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Internal,
        }
    }

    /// Lower-case word: `internal`, `server`, `client`, `producer` or `consumer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            SpanKind::Internal => "internal",
            SpanKind::Server => "server",
            SpanKind::Client => "client",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
        }
    }
}

/// How the work of a span ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum StatusCode {
    /// Nobody said.
    #[default]
    Unset,
    /// Said to be fine.
    Ok,
    /// It failed.
    Error,
}

impl StatusCode {
    /// Lower-case word: `unset`, `ok` or `error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            StatusCode::Unset => "unset",
            StatusCode::Ok => "ok",
            StatusCode::Error => "error",
        }
    }
}

/// Status code, and the words that go with an error.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// How it ended.
    pub code: StatusCode,
    /// Only errors have words.
    pub message: String,
}

/// Something that happened at one moment of a span.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Event {
    /// What happened.
    pub name: String,
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_nanos: u64,
    /// Details, in the order they were set.
    pub attributes: Vec<(String, Value)>,
    /// Attributes beyond the limit.
    pub dropped_attributes: u32,
}

/// A span of this or another trace that is related without being the parent.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Link {
    /// The other span.
    pub context: SpanContext,
    /// Details, in the order they were given.
    pub attributes: Vec<(String, Value)>,
    /// Attributes beyond the limit.
    pub dropped_attributes: u32,
}

/// Who made the spans: the service and the machine it runs on.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Resource {
    /// Attributes in order; `service.name` is always among a tracer's own.
    pub attributes: Vec<(String, Value)>,
}

impl Resource {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.attributes.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// `service.name`, or `unknown_service`.
    pub fn service_name(&self) -> &str {
        self.get("service.name").and_then(Value::as_str).unwrap_or("unknown_service")
    }
}

/// The library that made the spans.
#[derive(Clone, PartialEq, Eq, Debug, Default, Hash)]
pub struct InstrumentationScope {
    /// Its name, usually the crate's.
    pub name: String,
    /// Its version, empty when unknown.
    pub version: String,
}

/// A finished span.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SpanData {
    /// Its identifiers, flags and vendors' entries.
    pub context: SpanContext,
    /// The parent, none for the root of a trace.
    pub parent_span_id: Option<SpanId>,
    /// Whether the parent is in another process; `None` when the sender did not say.
    pub parent_is_remote: Option<bool>,
    /// What was done.
    pub name: String,
    /// Its role.
    pub kind: SpanKind,
    /// Start in nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// End in nanoseconds since the Unix epoch.
    pub end_unix_nanos: u64,
    /// Attributes in the order they were first set.
    pub attributes: Vec<(String, Value)>,
    /// Attributes beyond the limit.
    pub dropped_attributes: u32,
    /// Events in order.
    pub events: Vec<Event>,
    /// Events beyond the limit.
    pub dropped_events: u32,
    /// Links in order.
    pub links: Vec<Link>,
    /// Links beyond the limit.
    pub dropped_links: u32,
    /// How it ended.
    pub status: Status,
    /// Who made it.
    pub resource: Arc<Resource>,
    /// The library that made it.
    pub scope: Arc<InstrumentationScope>,
}

impl SpanData {
    /// The value of attribute `key`.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// End minus start in nanoseconds, never negative.
    pub fn duration_nanos(&self) -> u64 {
        self.end_unix_nanos.saturating_sub(self.start_unix_nanos)
    }

    /// The same span under other identifiers, for a span that is still open.
    pub(crate) fn with_context(mut self, context: SpanContext) -> Self {
        self.context = context;
        self
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.context.trace_id
    }

    /// The span.
    pub fn span_id(&self) -> SpanId {
        self.context.span_id
    }
}

/// The spans that ended under one root scope, the root last.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Trace {
    /// Spans in the order they ended.
    pub spans: Vec<SpanData>,
    /// Spans left out because the trace was larger than the capture's byte cap.
    pub omitted_spans: u64,
}

impl Trace {
    /// The identifier its spans share; invalid when there are none.
    pub fn trace_id(&self) -> TraceId {
        self.spans.last().map_or(TraceId::INVALID, SpanData::trace_id)
    }

    /// The root: the span whose parent is not among the others.
    pub fn root(&self) -> Option<&SpanData> {
        self.spans.last()
    }

    /// The first span with this name.
    pub fn find(&self, name: &str) -> Option<&SpanData> {
        self.spans.iter().find(|span| span.name == name)
    }

    /// The spans whose parent is `id`.
    pub fn children(&self, id: SpanId) -> impl Iterator<Item = &SpanData> {
        self.spans.iter().filter(move |span| span.parent_span_id == Some(id))
    }

    /// True when there is no span.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// How many spans there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }
}
