//! A span that is open: its OTLP bytes so far, and what is needed to replace, count and finish.

use std::borrow::Cow;

use tracer_factory_ring::RecordHeader;

use crate::config::Limits;
use crate::ids::{SpanContext, SpanId};
use crate::otlp::{
    SHORT, decode_span, key, write_attributes_bounded, write_link_context, write_short_number,
    write_short_text, write_status, write_value_bounded,
};
use crate::plain::{Number, NumberKind};
use crate::propagation::TraceState;
use crate::span::{SpanData, SpanKind, Status, StatusCode};
use crate::value::AttrValue;
use crate::wire::{Buffer, close_nested, length_delimited, nested, varint, varint_field};

/// Attribute that says how many values were cut because they were too long.
const CUT_VALUES: &str = "tracer.truncated_values";
/// Room that an attribute's lengths and keys take at most, beside name and value.
const ATTRIBUTE_FRAME: usize = 32;
/// Room kept for what `finish` appends.
const TAIL_ROOM: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct OpenSpan {
    body: Buffer,
    start: u64,
    /// Where each attribute stands in `body`, to replace it when its name comes again.
    attributes: Vec<Attribute>,
    /// One bit per name seen: a clear bit means the name is new.
    seen: u64,
    status: Status,
    events: u32,
    links: u32,
    cut_values: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

#[derive(Debug, Clone, Copy)]
struct Attribute {
    hash: u32,
    start: u32,
    end: u32,
}

impl OpenSpan {
    /// Begins anew in a pooled value: identifiers, name, kind and start are written at once.
    #[inline]
    pub(crate) fn begin(&mut self, identity: &Identity, name: &str, kind: SpanKind, start: u64) {
        self.start = start;
        const HEAD: usize = 41;
        let body = &mut self.body;
        // In place: built elsewhere, it would be copied in wider pieces than it was just written in, and wait.
        if let Some(head) = body.block::<HEAD>() {
            head[0] = key::SPAN_TRACE_ID;
            head[1] = 16;
            head[2..18].copy_from_slice(&identity.trace_id);
            head[18] = key::SPAN_ID;
            head[19] = 8;
            head[20..28].copy_from_slice(&identity.span_id);
            head[28] = key::SPAN_START;
            head[29..37].copy_from_slice(&start.to_le_bytes());
            head[37] = key::SPAN_KIND;
            head[38] = kind.to_otlp();
            head[39] = key::SPAN_NAME;
            head[40] = name.len() as u8;
            body.advance(HEAD);
        }
        if name.len() < 0x80 {
            body.put_text(name);
        } else {
            body.with_vec(|body| {
                body.pop();
                varint(body, name.len() as u64);
                body.extend_from_slice(name.as_bytes());
            });
        }
        if let Some(parent) = identity.parent
            && let Some(field) = body.block::<10>()
        {
            field[0] = key::SPAN_PARENT_ID;
            field[1] = 8;
            field[2..].copy_from_slice(&parent.to_bytes());
            body.advance(10);
        }
    }

    /// Back to empty, keeping the memory unless it is unusually large.
    pub(crate) fn clear(&mut self) {
        const KEPT: usize = 64 << 10;
        if self.body.capacity() > KEPT {
            *self = Self::default();
            return;
        }
        self.body.clear();
        self.attributes.clear();
        self.status.code = StatusCode::Unset;
        self.status.message.clear();
        (self.seen, self.events, self.links, self.cut_values) = (0, 0, 0, 0);
        (self.dropped_attributes, self.dropped_events, self.dropped_links) = (0, 0, 0);
    }

    /// What is written so far; a valid `Span` message at any time.
    pub(crate) fn body(&self) -> &[u8] {
        self.body.written()
    }

    /// The buffer, to be swapped for another once the span is finished.
    pub(crate) fn body_mut(&mut self) -> &mut Buffer {
        &mut self.body
    }

    /// The span so far as a value.
    pub(crate) fn snapshot(&self) -> SpanData {
        let mut span = decode_span(self.body()).unwrap_or_default();
        span.status = self.status.clone();
        (span.dropped_attributes, span.dropped_events) = (self.dropped_attributes, self.dropped_events);
        span.dropped_links = self.dropped_links;
        span
    }

    /// Bytes that values may still take, so that the span stays under its cap.
    #[inline]
    fn room(&self, limits: &Limits, name: &str) -> Option<usize> {
        let used = self.body.len() + name.len() + ATTRIBUTE_FRAME + TAIL_ROOM;
        limits.span_bytes.checked_sub(used)
    }

    /// Sets an attribute to a text; a name that was set before gets the new value in its old place.
    #[inline(always)]
    pub(crate) fn set_text(&mut self, name: Name<'_>, text: &str, limits: &Limits) {
        if self.takes_short(name, limits)
            && text.len() <= limits.value_bytes
            && let Some(block) = self.body.block()
        {
            let len = write_short_text(block, key::SPAN_ATTRIBUTE, name.text, text);
            if len > 0 {
                return self.count_short(name, len);
            }
        }
        self.set_unusual_attribute(name, &AttrValue::Str(Cow::Borrowed(text)), limits);
    }

    /// The same for a number.
    #[inline(always)]
    pub(crate) fn set_number(&mut self, name: Name<'_>, number: Number, limits: &Limits) {
        if self.takes_short(name, limits)
            && let Some(block) = self.body.block()
        {
            let len = write_short_number(block, key::SPAN_ATTRIBUTE, name.text, number);
            if len > 0 {
                return self.count_short(name, len);
            }
        }
        self.set_unusual_attribute(name, &number.to_value(), limits);
    }

    /// Whether an attribute of this name is new, and fits when it is short.
    #[inline(always)]
    fn takes_short(&self, name: Name<'_>, limits: &Limits) -> bool {
        self.seen & name.bit() == 0
            && self.attributes.len() < limits.attributes as usize
            && self.body.len() + SHORT + TAIL_ROOM <= limits.span_bytes
    }

    #[inline(always)]
    fn count_short(&mut self, name: Name<'_>, len: usize) {
        let start = self.body.len();
        self.body.advance(len);
        self.remember(name, start);
    }

    /// Remembers the attribute that begins at `start`.
    #[inline]
    fn remember(&mut self, name: Name<'_>, start: usize) {
        self.seen |= name.bit();
        self.attributes.push(Attribute { hash: name.hash, start: start as u32, end: self.body.len() as u32 });
    }

    /// A long one, one that may have been set before, or one that may not fit.
    #[inline(never)]
    pub(crate) fn set_unusual_attribute(&mut self, name: Name<'_>, value: &AttrValue<'_>, limits: &Limits) {
        let Name { text, hash } = name;
        if self.seen & name.bit() != 0
            && let Some(at) = self.find(hash, text)
        {
            return self.replace(at, text, value, limits);
        }
        let (true, Some(room)) =
            (self.attributes.len() < limits.attributes as usize, self.room(limits, text))
        else {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return;
        };
        if !fits(value, room) {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return;
        }
        let (start, limit) = (self.body.len(), room.min(limits.value_bytes));
        let cut =
            self.body.with_vec(|body| write_value_bounded(body, key::SPAN_ATTRIBUTE, text, value, limit));
        self.cut_values += u32::from(cut);
        self.remember(name, start);
    }

    fn find(&self, hash: u32, name: &str) -> Option<usize> {
        self.attributes.iter().position(|a| a.hash == hash && self.name_of(a) == Some(name.as_bytes()))
    }

    fn name_of(&self, attribute: &Attribute) -> Option<&[u8]> {
        let pair = self.body().get(attribute.start as usize..attribute.end as usize)?;
        let (_, field) = crate::wire::Reader::new(pair).field().ok()??;
        let (_, name) = crate::wire::Reader::new(field.bytes(9).ok()?).field().ok()??;
        name.bytes(1).ok()
    }

    #[cold]
    fn replace(&mut self, at: usize, name: &str, value: &AttrValue<'_>, limits: &Limits) {
        let old = self.attributes[at];
        let Some(room) = self.room(limits, name).filter(|room| fits(value, *room)) else {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return;
        };
        let mut pair = Vec::new();
        self.cut_values += u32::from(write_value_bounded(
            &mut pair,
            key::SPAN_ATTRIBUTE,
            name,
            value,
            room.min(limits.value_bytes),
        ));
        let shift = pair.len() as i64 - i64::from(old.end - old.start);
        self.body.with_vec(|body| drop(body.splice(old.start as usize..old.end as usize, pair)));
        self.attributes[at].end = (i64::from(old.end) + shift) as u32;
        for later in &mut self.attributes[at + 1..] {
            later.start = (i64::from(later.start) + shift) as u32;
            later.end = (i64::from(later.end) + shift) as u32;
        }
    }

    /// Adds an event.
    #[inline]
    pub(crate) fn add_event<'a>(
        &mut self,
        name: &str,
        time: u64,
        attributes: impl Iterator<Item = (&'a str, &'a AttrValue<'a>)> + Clone,
        limits: &Limits,
    ) {
        let room = self.room(limits, name).filter(|_| self.events < limits.events);
        let Some(value_limit) = room.and_then(|room| value_limit(attributes.clone(), room, limits)) else {
            self.dropped_events = self.dropped_events.saturating_add(1);
            return;
        };
        self.events += 1;
        let start = self.body.len() + 2;
        if let Some(head) = self.body.block::<13>() {
            head[0] = key::SPAN_EVENT;
            head[1] = name.len().wrapping_add(11) as u8;
            head[2] = key::EVENT_TIME;
            head[3..11].copy_from_slice(&time.to_le_bytes());
            head[11] = key::EVENT_NAME;
            head[12] = name.len() as u8;
            self.body.advance(13);
        }
        if name.len() < 0x70 && attributes.size_hint().1 == Some(0) {
            self.body.put_text(name);
            return;
        }
        let cut = self.body.with_vec(|body| {
            body.pop();
            varint(body, name.len() as u64);
            body.extend_from_slice(name.as_bytes());
            let keys = (key::EVENT_ATTRIBUTE, key::EVENT_DROPPED_ATTRIBUTES);
            let cut = write_attributes_bounded(body, keys, attributes, limits.event_attributes, value_limit);
            close_nested(body, start);
            cut
        });
        self.cut_values += u32::from(cut);
    }

    /// Adds a link.
    pub(crate) fn add_link<'a>(
        &mut self,
        context: &SpanContext,
        attributes: impl Iterator<Item = (&'a str, &'a AttrValue<'a>)> + Clone,
        limits: &Limits,
    ) {
        let room = self.room(limits, "").filter(|_| self.links < limits.links);
        let Some(value_limit) = room.and_then(|room| value_limit(attributes.clone(), room, limits)) else {
            self.dropped_links = self.dropped_links.saturating_add(1);
            return;
        };
        self.links += 1;
        let cut = self.body.with_vec(|body| {
            nested(body, key::SPAN_LINK, |out| {
                write_link_context(out, context);
                let keys = (key::LINK_ATTRIBUTE, key::LINK_DROPPED_ATTRIBUTES);
                write_attributes_bounded(out, keys, attributes, limits.link_attributes, value_limit)
            })
        });
        self.cut_values += u32::from(cut);
    }

    /// OpenTelemetry's rule: `Ok` is final, `Unset` never takes anything back.
    pub(crate) fn set_status(&mut self, code: StatusCode, message: &str, limits: &Limits) {
        if self.status.code == StatusCode::Ok || code == StatusCode::Unset {
            return;
        }
        self.status.code = code;
        self.status.message.clear();
        if code == StatusCode::Error {
            let room = limits.value_bytes.min(16 << 10);
            self.status.message.push_str(crate::text::cut(message, room));
        }
    }

    /// A later name field replaces the first for every reader. One that does not fit is left out, and counted as cut.
    pub(crate) fn update_name(&mut self, name: &str, limits: &Limits) {
        if self.room(limits, name).is_none() {
            self.cut_values += 1;
            return;
        }
        self.body.with_vec(|body| length_delimited(body, key::SPAN_NAME, name.as_bytes()));
    }

    /// The worker that the span belongs to, as an attribute that the user may replace.
    pub(crate) fn set_worker(&mut self, worker: i64, limits: &Limits) {
        let number = Number { kind: NumberKind::Int, bits: worker as u64 };
        self.set_number(Name::new("worker.id"), number, limits);
    }

    pub(crate) fn set_kind(&mut self, kind: SpanKind) {
        self.body.put(&[key::SPAN_KIND, kind.to_otlp()]);
    }

    /// An attribute that the recorder itself sets: outside the user's limits.
    pub(crate) fn set_own_int(&mut self, name: &str, value: i64) {
        let value = AttrValue::Int(value);
        self.body.with_vec(|body| write_value_bounded(body, key::SPAN_ATTRIBUTE, name, &value, usize::MAX));
    }

    /// Writes what is known only at the end. The body is then the whole span.
    #[inline]
    pub(crate) fn finish(&mut self, end: u64, identity: &Identity) -> RecordHeader {
        let end = end.max(self.start);
        if self.cut_values | self.dropped_attributes | self.dropped_events | self.dropped_links != 0 {
            self.write_counts();
        }
        if !identity.trace_state.is_empty() {
            let text = identity.trace_state.to_string();
            self.body.with_vec(|body| length_delimited(body, key::SPAN_TRACE_STATE, text.as_bytes()));
        }
        if self.status.code != StatusCode::Unset {
            self.body.with_vec(|body| write_status(body, &self.status));
        }
        if let Some(tail) = self.body.block::<15>() {
            tail[0] = key::SPAN_END;
            tail[1..9].copy_from_slice(&end.to_le_bytes());
            tail[9..11].copy_from_slice(&key::SPAN_FLAGS);
            tail[11..].copy_from_slice(&identity.otlp_flags().to_le_bytes());
            self.body.advance(15);
        }
        let error = if self.status.code == StatusCode::Error { RecordHeader::ERROR } else { 0 };
        let root = if identity.is_local_root { RecordHeader::LOCAL_ROOT } else { 0 };
        RecordHeader {
            len: self.body.len() as u32,
            tracer: 0,
            scope: identity.scope,
            trace_id: identity.trace_id,
            flags: u32::from(identity.flags) | error | root,
            start_unix_nanos: self.start,
            duration_nanos: end - self.start,
        }
    }

    #[cold]
    fn write_counts(&mut self) {
        if self.cut_values > 0 {
            self.set_own_int(CUT_VALUES, i64::from(self.cut_values));
        }
        for (key, count) in [
            (key::SPAN_DROPPED_ATTRIBUTES, self.dropped_attributes),
            (key::SPAN_DROPPED_EVENTS, self.dropped_events),
            (key::SPAN_DROPPED_LINKS, self.dropped_links),
        ] {
            if count > 0 {
                self.body.with_vec(|body| varint_field(body, key, u64::from(count)));
            }
        }
    }
}

/// What identifies a span, fixed when it starts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) parent: Option<SpanId>,
    pub(crate) flags: u8,
    pub(crate) parent_is_remote: bool,
    pub(crate) is_local_root: bool,
    pub(crate) scope: u16,
    pub(crate) trace_state: TraceState,
}

impl Identity {
    fn otlp_flags(&self) -> u32 {
        let remote = if self.parent_is_remote { key::FLAG_IS_REMOTE } else { 0 };
        u32::from(self.flags) | key::FLAG_HAS_IS_REMOTE | remote
    }
}

/// An attribute's name with its hash, which is a constant where the name is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) text: &'a str,
    pub(crate) hash: u32,
}

impl<'a> Name<'a> {
    #[inline]
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, hash: hash_name(text) }
    }

    #[inline]
    fn bit(self) -> u64 {
        1 << (self.hash & 63)
    }
}

/// Texts and bytes can be cut to fit; arrays and maps fit whole or not at all.
#[inline]
fn fits(value: &AttrValue<'_>, room: usize) -> bool {
    match value {
        AttrValue::Array(_) | AttrValue::Map(_) => size(value) <= room,
        _ => true,
    }
}

/// How long the values of one event or link may be, so that together they fit into `room`; `None` when that is not possible.
#[inline]
fn value_limit<'a>(
    attributes: impl Iterator<Item = (&'a str, &'a AttrValue<'a>)> + Clone,
    room: usize,
    limits: &Limits,
) -> Option<usize> {
    let total = |limit: usize| -> usize {
        let bound = |value| if fits(value, limit) { size(value).min(limit) } else { usize::MAX };
        attributes.clone().fold(0, |sum: usize, (name, value)| {
            sum.saturating_add(name.len() + ATTRIBUTE_FRAME).saturating_add(bound(value))
        })
    };
    if total(limits.value_bytes) <= room {
        return Some(limits.value_bytes);
    }
    let shared = room / 2 / attributes.clone().count().max(1);
    (total(shared) <= room).then_some(shared)
}

/// About how many bytes a value takes when encoded, never less.
fn size(value: &AttrValue<'_>) -> usize {
    const NUMBER: usize = 11;
    match value {
        AttrValue::Str(text) => text.len(),
        AttrValue::Bytes(bytes) => bytes.len(),
        AttrValue::Array(items) => items.iter().map(|item| size(item) + ATTRIBUTE_FRAME).sum(),
        AttrValue::Map(items) => {
            items.iter().map(|(name, item)| name.len() + size(item) + ATTRIBUTE_FRAME).sum()
        }
        _ => NUMBER,
    }
}

/// Mixes length, the first and the last eight bytes: names are short and differ at their ends.
#[inline]
fn hash_name(name: &str) -> u32 {
    let bytes = name.as_bytes();
    let word = |part: &[u8]| part.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    let head = bytes.first_chunk::<8>().map_or_else(|| word(bytes), |chunk| u64::from_be_bytes(*chunk));
    let tail = bytes.last_chunk::<8>().map_or(0, |chunk| u64::from_be_bytes(*chunk));
    let mixed = (head ^ tail.rotate_left(29) ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}
