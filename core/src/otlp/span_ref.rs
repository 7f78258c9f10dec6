//! A span as its bytes hold it: text and values are borrowed, and the lists keep their memory from span to span.
//!
//! Backends that write another format read spans this way, because a [`SpanData`] is a dozen allocations.

use std::ops::Range;
use std::sync::Arc;

use super::budget::Budget;
use super::decode_value::{decode_key_value, trace_flags};
use super::key;
use crate::ids::{SpanContext, SpanId, TraceId};
use crate::propagation::TraceState;
use crate::span::{Event, InstrumentationScope, Link, Resource, SpanData, SpanKind, Status, StatusCode};
use crate::value::AttrValue;
use crate::wire::{DecodeError, Reader};

/// A name and its value.
pub type Attribute<'a> = (&'a str, AttrValue<'a>);

/// A finished span, borrowed. Its resource is that of the batch.
#[derive(Clone, Debug, Default)]
pub struct SpanRef<'a> {
    /// Its identifiers, flags and vendors' entries.
    pub context: SpanContext,
    /// The parent, none for the root of a trace.
    pub parent_span_id: Option<SpanId>,
    /// Whether the parent is in another process; `None` when the sender did not say.
    pub parent_is_remote: Option<bool>,
    /// What was done.
    pub name: &'a str,
    /// Its role.
    pub kind: SpanKind,
    /// Start in nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// End in nanoseconds since the Unix epoch.
    pub end_unix_nanos: u64,
    /// Attributes in the order they were first set.
    pub attributes: Vec<Attribute<'a>>,
    /// Attributes beyond the limit.
    pub dropped_attributes: u32,
    /// Events in order.
    pub events: Vec<EventRef<'a>>,
    /// Events beyond the limit.
    pub dropped_events: u32,
    /// Links in order.
    pub links: Vec<LinkRef>,
    /// Links beyond the limit.
    pub dropped_links: u32,
    /// How it ended.
    pub status: StatusCode,
    /// The words that go with an error.
    pub status_message: &'a str,
    /// The library that made it.
    pub scope: Arc<InstrumentationScope>,
    /// Attributes of all events and links.
    details: Vec<Attribute<'a>>,
}

/// Something that happened at one moment of a span.
#[derive(Clone, Debug, Default)]
pub struct EventRef<'a> {
    /// What happened.
    pub name: &'a str,
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_nanos: u64,
    /// Its attributes, for [`SpanRef::details`].
    pub attributes: Details,
    /// Attributes beyond the limit.
    pub dropped_attributes: u32,
}

/// A span of this or another trace that is related without being the parent.
#[derive(Clone, Debug, Default)]
pub struct LinkRef {
    /// The other span.
    pub context: SpanContext,
    /// Its attributes, for [`SpanRef::details`].
    pub attributes: Details,
    /// Attributes beyond the limit.
    pub dropped_attributes: u32,
}

/// Which of a span's details belong to one event or link.
#[derive(Clone, Debug, Default)]
pub struct Details(Range<usize>);

impl<'a> SpanRef<'a> {
    /// The value of attribute `key`.
    pub fn attribute(&self, key: &str) -> Option<&AttrValue<'a>> {
        self.attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The attributes of one of this span's events or links.
    pub fn details(&self, which: &Details) -> &[Attribute<'a>] {
        self.details.get(which.0.clone()).unwrap_or_default()
    }

    /// End minus start in nanoseconds, never negative.
    pub fn duration_nanos(&self) -> u64 {
        self.end_unix_nanos.saturating_sub(self.start_unix_nanos)
    }

    /// A view of a span that is there as values.
    pub fn of(span: &'a SpanData) -> Self {
        let borrow = |(name, value): &'a (String, AttrValue<'static>)| (name.as_str(), value.clone());
        let mut this = Self {
            context: span.context.clone(),
            parent_span_id: span.parent_span_id,
            parent_is_remote: span.parent_is_remote,
            name: &span.name,
            kind: span.kind,
            start_unix_nanos: span.start_unix_nanos,
            end_unix_nanos: span.end_unix_nanos,
            attributes: span.attributes.iter().map(borrow).collect(),
            dropped_attributes: span.dropped_attributes,
            dropped_events: span.dropped_events,
            dropped_links: span.dropped_links,
            status: span.status.code,
            status_message: &span.status.message,
            scope: Arc::clone(&span.scope),
            ..Self::default()
        };
        for event in &span.events {
            let from = this.details.len();
            this.details.extend(event.attributes.iter().map(borrow));
            this.events.push(EventRef {
                name: &event.name,
                time_unix_nanos: event.time_unix_nanos,
                attributes: Details(from..this.details.len()),
                dropped_attributes: event.dropped_attributes,
            });
        }
        for link in &span.links {
            let from = this.details.len();
            this.details.extend(link.attributes.iter().map(borrow));
            this.links.push(LinkRef {
                context: link.context.clone(),
                attributes: Details(from..this.details.len()),
                dropped_attributes: link.dropped_attributes,
            });
        }
        this
    }

    /// As values that borrow nothing.
    pub fn to_data(&self, resource: &Arc<Resource>) -> SpanData {
        let own = |attributes: &[Attribute<'a>]| {
            let own = |(name, value): &Attribute<'a>| ((*name).to_owned(), value.clone().into_owned());
            attributes.iter().map(own).collect()
        };
        let event = |event: &EventRef<'a>| Event {
            name: event.name.to_owned(),
            time_unix_nanos: event.time_unix_nanos,
            attributes: own(self.details(&event.attributes)),
            dropped_attributes: event.dropped_attributes,
        };
        let link = |link: &LinkRef| Link {
            context: link.context.clone(),
            attributes: own(self.details(&link.attributes)),
            dropped_attributes: link.dropped_attributes,
        };
        SpanData {
            context: self.context.clone(),
            parent_span_id: self.parent_span_id,
            parent_is_remote: self.parent_is_remote,
            name: self.name.to_owned(),
            kind: self.kind,
            start_unix_nanos: self.start_unix_nanos,
            end_unix_nanos: self.end_unix_nanos,
            attributes: own(&self.attributes),
            dropped_attributes: self.dropped_attributes,
            events: self.events.iter().map(event).collect(),
            dropped_events: self.dropped_events,
            links: self.links.iter().map(link).collect(),
            dropped_links: self.dropped_links,
            status: Status { code: self.status, message: self.status_message.to_owned() },
            resource: Arc::clone(resource),
            scope: Arc::clone(&self.scope),
        }
    }

    /// Becomes the span of one `Span` message that this library has recorded. After an error it is a span of nothing.
    pub(crate) fn read_own(&mut self, bytes: &'a [u8]) -> Result<(), DecodeError> {
        self.read(bytes, &Budget::unlimited())
    }

    /// Becomes the span of one `Span` message, but for its scope. After an error it is a span of nothing.
    pub(super) fn read(&mut self, bytes: &'a [u8], budget: &Budget) -> Result<(), DecodeError> {
        self.clear();
        let read = self.read_fields(bytes, budget);
        if read.is_err() {
            self.clear();
        }
        read
    }

    fn clear(&mut self) {
        // Each by itself, and none forgotten: a default of the whole would allocate a scope for every span.
        let Self {
            context,
            parent_span_id,
            parent_is_remote,
            name,
            kind,
            start_unix_nanos,
            end_unix_nanos,
            attributes,
            dropped_attributes,
            events,
            dropped_events,
            links,
            dropped_links,
            status,
            status_message,
            scope: _,
            details,
        } = self;
        *context = SpanContext::default();
        (*parent_span_id, *parent_is_remote) = (None, None);
        (*name, *kind) = ("", SpanKind::default());
        (*start_unix_nanos, *end_unix_nanos) = (0, 0);
        (*dropped_attributes, *dropped_events, *dropped_links) = (0, 0, 0);
        (*status, *status_message) = (StatusCode::default(), "");
        attributes.clear();
        events.clear();
        links.clear();
        details.clear();
    }

    fn read_fields(&mut self, bytes: &'a [u8], budget: &Budget) -> Result<(), DecodeError> {
        let mut reader = Reader::new(bytes);
        while let Some((number, field)) = reader.field()? {
            match number {
                1 => self.context.trace_id = trace_id(field.bytes(number)?),
                2 => self.context.span_id = span_id(field.bytes(number)?),
                3 => self.context.trace_state = trace_state(field.text(number)?),
                4 => {
                    self.parent_span_id = Some(span_id(field.bytes(number)?)).filter(|id| id.is_valid());
                }
                5 => self.name = field.text(number)?,
                // An enum is 32 bits; what is beyond them goes.
                6 => self.kind = SpanKind::from_otlp(u64::from(field.varint(number)? as u32)),
                7 => self.start_unix_nanos = field.fixed64(number)?,
                8 => self.end_unix_nanos = field.fixed64(number)?,
                9 => self.attributes.push(decode_key_value(field.bytes(number)?, 0, budget)?),
                10 => self.dropped_attributes = field.varint(number)? as u32,
                11 => self.read_event(field.bytes(number)?, budget)?,
                12 => self.dropped_events = field.varint(number)? as u32,
                13 => self.read_link(field.bytes(number)?, budget)?,
                14 => self.dropped_links = field.varint(number)? as u32,
                15 => self.read_status(field.bytes(number)?)?,
                16 => {
                    let flags = field.fixed32(number)?;
                    self.context.flags = trace_flags(flags);
                    self.parent_is_remote =
                        (flags & key::FLAG_HAS_IS_REMOTE != 0).then_some(flags & key::FLAG_IS_REMOTE != 0);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_event(&mut self, bytes: &'a [u8], budget: &Budget) -> Result<(), DecodeError> {
        budget.pay::<Event>().ok_or(DecodeError::TooManyElements)?;
        let (mut event, from) = (EventRef::default(), self.details.len());
        let mut reader = Reader::new(bytes);
        while let Some((number, field)) = reader.field()? {
            match number {
                1 => event.time_unix_nanos = field.fixed64(number)?,
                2 => event.name = field.text(number)?,
                3 => self.details.push(decode_key_value(field.bytes(number)?, 0, budget)?),
                4 => event.dropped_attributes = field.varint(number)? as u32,
                _ => {}
            }
        }
        event.attributes = Details(from..self.details.len());
        self.events.push(event);
        Ok(())
    }

    fn read_link(&mut self, bytes: &'a [u8], budget: &Budget) -> Result<(), DecodeError> {
        budget.pay::<Link>().ok_or(DecodeError::TooManyElements)?;
        let (mut link, from) = (LinkRef::default(), self.details.len());
        let mut reader = Reader::new(bytes);
        while let Some((number, field)) = reader.field()? {
            match number {
                1 => link.context.trace_id = trace_id(field.bytes(number)?),
                2 => link.context.span_id = span_id(field.bytes(number)?),
                3 => link.context.trace_state = trace_state(field.text(number)?),
                4 => self.details.push(decode_key_value(field.bytes(number)?, 0, budget)?),
                5 => link.dropped_attributes = field.varint(number)? as u32,
                6 => {
                    let flags = field.fixed32(number)?;
                    link.context.flags = trace_flags(flags);
                    link.context.is_remote = flags & key::FLAG_IS_REMOTE != 0;
                }
                _ => {}
            }
        }
        link.attributes = Details(from..self.details.len());
        self.links.push(link);
        Ok(())
    }

    fn read_status(&mut self, bytes: &'a [u8]) -> Result<(), DecodeError> {
        let mut reader = Reader::new(bytes);
        while let Some((number, field)) = reader.field()? {
            match number {
                2 => self.status_message = field.text(number)?,
                3 => {
                    self.status = match field.varint(number)? as u32 {
                        1 => StatusCode::Ok,
                        2 => StatusCode::Error,
                        _ => StatusCode::Unset,
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// An identifier of another length than its own names nothing.
fn trace_id(bytes: &[u8]) -> TraceId {
    TraceId::from_slice(bytes).unwrap_or_default()
}

fn span_id(bytes: &[u8]) -> SpanId {
    SpanId::from_slice(bytes).unwrap_or_default()
}

fn trace_state(text: &str) -> TraceState {
    if text.is_empty() { TraceState::default() } else { TraceState::from_header(text) }
}
