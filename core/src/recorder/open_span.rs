//! A span that is open: its OTLP bytes so far, and what is needed to bound, count and finish them.
//!
//! `attributes` sets attributes. Everything that is usual is written at once, in place; whatever is not is said in `unusual`,
//! which is the one thing that the end has to look at.

use std::collections::HashMap;
use std::sync::Arc;

use tracer_factory_ring::RecordHeader;

use super::clock::{Moment, Stopwatch};
use super::fit::{ATTRIBUTE_FRAME, value_limit};
use super::name::Name;
use super::redaction::Redaction;
use super::shared::Recorder;
use crate::config::Limits;
use crate::ids::{SpanContext, SpanId, TraceId};
use crate::otlp::{
    decode_span, key, write_attributes_bounded, write_link_context, write_status, write_value_bounded,
};
use crate::span::{SpanData, SpanKind, Status, StatusCode};
use crate::text::cut;
use crate::value::AttrValue;
use crate::wire::{Buffer, close_nested, copy_into, length_delimited, nested, varint, varint_field};

/// Attribute that says how many values were cut because they were too long.
const CUT_VALUES: &str = "tracer.truncated_values";
/// Room kept for what `finish` appends.
pub(super) const TAIL_ROOM: usize = 256;

/// What every span begins with, at fixed places: trace, span, start, kind, end (filled in at the end, as one word of the
/// record, because words are how it is copied right afterwards), flags.
const HEAD: usize = 18 + 10 + 9 + 9 + 6 + 2;
const TRACE_ID: usize = 2;
const END: usize = 40;
/// The fields that may follow the head in one piece.
const PARENT: usize = 10;
const LONGEST_NAME: usize = 100;
const BEGINNING: usize = HEAD + PARENT + 2 + LONGEST_NAME;

#[derive(Debug, Default)]
pub(crate) struct OpenSpan {
    pub(super) body: Buffer,
    /// One bit per attribute's name seen: a clear bit means the name is new, and that there are not too many. In bytes,
    /// because for a constant name the compiler takes a byte anyway, and a word just written in bytes is slow to load.
    pub(super) seen: [u8; 8],
    /// How many more attributes there are than bits.
    pub(super) more: i64,
    events: u32,
    links: u32,
    pub(super) cut_values: u32,
    pub(super) dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
    /// Whether the end has more to do than to fill in its time.
    pub(super) unusual: bool,
    /// Instrumentation scope.
    scope: u16,
    /// The record's flags.
    flags: u32,
    start: u64,
    end: u64,
    /// Where the counter stood when it ended, which tells the newest of last traces whatever the wall clock does.
    pub(super) ended: u64,
    time: Stopwatch,
    status: Status,
    /// Whose bounds and rules the following are; 0 is nobody's.
    recorder: u64,
    pub(super) limits: Limits,
    /// What `seen` and `more` begin with.
    fresh: ([u8; 8], i64),
    /// Texts of at most this length are written as they are.
    pub(super) plain_text: usize,
    pub(super) redaction: Option<Arc<Redaction>>,
    /// Where the attributes of a span with many begin, by the hashes of their names.
    pub(super) index: Option<HashMap<u64, u32>>,
}

/// What is known of a span when it starts.
#[derive(Debug)]
pub(super) struct Beginning<'a> {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    /// All zeros for none.
    pub(super) parent: SpanId,
    pub(super) parent_is_remote: bool,
    pub(super) is_local_root: bool,
    /// W3C trace flags.
    pub(super) flags: u8,
    pub(super) scope: u16,
    pub(super) name: &'a str,
    pub(super) kind: SpanKind,
}

impl OpenSpan {
    /// Begins anew in a pooled value, now, or at another time if that is given.
    #[inline(always)]
    pub(super) fn begin(&mut self, recorder: &Recorder, now: Moment, start: Option<u64>) {
        self.time.start(now);
        self.start = start.unwrap_or(now.unix_nanos);
        if self.recorder != recorder.id {
            self.belong_to(recorder);
        }
        (self.seen, self.more) = self.fresh;
        (self.events, self.links) = (0, 0);
        (self.cut_values, self.dropped_attributes) = (0, 0);
        (self.dropped_events, self.dropped_links) = (0, 0);
        self.unusual = false;
        self.status.code = StatusCode::Unset;
    }

    /// Writes identifiers, times, kind, flags and name at once.
    #[inline(always)]
    pub(super) fn write_head(&mut self, begin: &Beginning<'_>) {
        let root = if begin.is_local_root { RecordHeader::LOCAL_ROOT } else { 0 };
        (self.scope, self.flags) = (begin.scope, u32::from(begin.flags) | root);
        self.body.clear();
        // In place: built elsewhere, it would be copied in wider pieces than it was just written in, and wait.
        if let Some(block) = self.body.block::<BEGINNING>() {
            block[0] = key::SPAN_TRACE_ID;
            block[1] = 16;
            block[2..18].copy_from_slice(&begin.trace_id.to_bytes());
            block[18] = key::SPAN_ID;
            block[19] = 8;
            block[20..28].copy_from_slice(&begin.span_id.to_bytes());
            block[28] = key::SPAN_START;
            block[29..37].copy_from_slice(&self.start.to_le_bytes());
            block[37] = key::SPAN_KIND;
            block[38] = begin.kind.to_otlp();
            block[39] = key::SPAN_END;
            block[END..END + 8].copy_from_slice(&[0; 8]);
            let remote = if begin.parent_is_remote { key::FLAG_IS_REMOTE } else { 0 };
            let flags = u32::from(begin.flags) | key::FLAG_HAS_IS_REMOTE | remote;
            block[48..50].copy_from_slice(&key::SPAN_FLAGS);
            block[50..54].copy_from_slice(&flags.to_le_bytes());
            let Some(name) = block[HEAD..].first_chunk_mut::<{ 2 + LONGEST_NAME }>() else { return };
            name[0] = key::SPAN_NAME;
            let mut at = HEAD;
            let is_plain = begin.name.len() <= LONGEST_NAME
                && self.redaction.as_ref().is_none_or(|redaction| redaction.is_known_text(begin.name));
            if is_plain {
                name[1] = begin.name.len() as u8;
                copy_into(name, 2, begin.name.as_bytes());
                at += 2 + begin.name.len();
            }
            if begin.parent.is_valid()
                && let Some(field) = block.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<PARENT>())
            {
                field[0] = key::SPAN_PARENT_ID;
                field[1] = 8;
                field[2..].copy_from_slice(&begin.parent.to_bytes());
                at += PARENT;
            }
            self.body.used(at);
            if !is_plain {
                self.write_long_name(begin.name);
            }
        }
    }

    /// One that is long, or that may hold a secret.
    #[cold]
    #[inline(never)]
    fn write_long_name(&mut self, name: &str) {
        let clean = self.redaction.as_ref().map(|redaction| redaction.text(name));
        let name = cut(clean.as_deref().unwrap_or(name), self.limits.span_bytes / 4);
        self.body.with_vec(|body| length_delimited(body, key::SPAN_NAME, name.as_bytes()));
    }

    /// Takes over a tracer's bounds and rules.
    #[cold]
    #[inline(never)]
    fn belong_to(&mut self, recorder: &Recorder) {
        self.recorder = recorder.id;
        self.limits = recorder.limits().clone();
        self.redaction = recorder.redaction().cloned();
        let plain = if self.redaction.is_some() { Redaction::SHORTEST - 1 } else { usize::MAX };
        self.plain_text = plain.min(self.limits.value_bytes);
        // As long as each has a bit of its own nobody counts. Where fewer are allowed, every name takes the long way.
        self.fresh = if self.limits.attributes < u64::BITS {
            ([u8::MAX; 8], -i64::from(u64::BITS))
        } else {
            ([0; 8], 0)
        };
        self.body.limit(self.limits.span_bytes.saturating_sub(TAIL_ROOM).max(BEGINNING));
    }

    /// The number of the recorder that it began in.
    #[cfg(feature = "guest")]
    pub(super) fn recorder(&self) -> u64 {
        self.recorder
    }

    /// What is written so far; a valid `Span` message at any time.
    #[inline]
    pub(crate) fn body(&self) -> &[u8] {
        self.body.written()
    }

    /// Lets go of memory that is unusually large.
    #[inline(always)]
    pub(super) fn shrink(&mut self) {
        const KEPT: usize = 64 << 10;
        if self.body.capacity() > KEPT {
            self.body.release();
        }
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
    pub(super) fn room(&self, name: &str) -> Option<usize> {
        let used = self.body.len() + name.len() + ATTRIBUTE_FRAME + TAIL_ROOM;
        self.limits.span_bytes.checked_sub(used)
    }

    /// Adds an event that happens now and says nothing but its name.
    #[inline(always)]
    pub(crate) fn add_plain_event(&mut self, name: &str) {
        let time = self.time.now().unix_nanos;
        self.add_plain_event_at(name, time);
    }

    /// The same at another time.
    #[inline(always)]
    pub(crate) fn add_plain_event_at(&mut self, name: &str, time: u64) {
        const LONGEST: usize = 100;
        if name.len() <= LONGEST
            && self.redaction.as_ref().is_none_or(|redaction| redaction.is_known_text(name))
            && self.events < self.limits.events
            && let Some(block) = self.body.block::<{ 13 + LONGEST }>()
        {
            self.events += 1;
            block[0] = key::SPAN_EVENT;
            block[1] = 11 + name.len() as u8;
            block[2] = key::EVENT_TIME;
            block[3..11].copy_from_slice(&time.to_le_bytes());
            block[11] = key::EVENT_NAME;
            block[12] = name.len() as u8;
            copy_into(block, 13, name.as_bytes());
            self.body.advance(13 + name.len());
            return;
        }
        self.add_event(name, Some(time), [].into_iter());
    }

    /// Adds an event, at the time of the clock when no other is given.
    #[inline(never)]
    pub(crate) fn add_event<'a>(
        &mut self,
        name: &str,
        time: Option<u64>,
        attributes: impl Iterator<Item = (&'a str, &'a AttrValue<'a>)> + Clone,
    ) {
        let time = time.unwrap_or_else(|| self.time.now().unix_nanos);
        let redaction = self.redaction.clone();
        let clean = redaction.as_ref().map(|redaction| redaction.text(name));
        let name = clean.as_deref().unwrap_or(name);
        let room = self.room(name).filter(|_| self.events < self.limits.events);
        let limits = &self.limits;
        let Some(value_limit) = room.and_then(|room| value_limit(attributes.clone(), room, limits)) else {
            self.dropped_events = self.dropped_events.saturating_add(1);
            self.unusual = true;
            return;
        };
        self.events += 1;
        let (redaction, count) = (redaction.as_deref(), limits.event_attributes);
        let cut = self.body.with_vec(|body| {
            body.extend_from_slice(&[key::SPAN_EVENT, 0]);
            let start = body.len();
            body.push(key::EVENT_TIME);
            body.extend_from_slice(&time.to_le_bytes());
            body.push(key::EVENT_NAME);
            varint(body, name.len() as u64);
            body.extend_from_slice(name.as_bytes());
            let keys = (key::EVENT_ATTRIBUTE, key::EVENT_DROPPED_ATTRIBUTES);
            let cut = write_redacted(redaction, body, keys, attributes, count, value_limit);
            close_nested(body, start);
            cut
        });
        self.count_cut(cut);
    }

    /// Adds a link.
    pub(crate) fn add_link<'a>(
        &mut self,
        context: &SpanContext,
        attributes: impl Iterator<Item = (&'a str, &'a AttrValue<'a>)> + Clone,
    ) {
        let room = self.room("").filter(|_| self.links < self.limits.links);
        let limits = &self.limits;
        let Some(value_limit) = room.and_then(|room| value_limit(attributes.clone(), room, limits)) else {
            self.dropped_links = self.dropped_links.saturating_add(1);
            self.unusual = true;
            return;
        };
        self.links += 1;
        let (redaction, count) = (self.redaction.as_deref(), limits.link_attributes);
        let cut = self.body.with_vec(|body| {
            nested(body, key::SPAN_LINK, |out| {
                write_link_context(out, context);
                let keys = (key::LINK_ATTRIBUTE, key::LINK_DROPPED_ATTRIBUTES);
                write_redacted(redaction, out, keys, attributes, count, value_limit)
            })
        });
        self.count_cut(cut);
    }

    pub(super) fn count_cut(&mut self, cut: bool) {
        self.cut_values += u32::from(cut);
        self.unusual |= cut;
    }

    /// OpenTelemetry's rule: `Ok` is final, `Unset` never takes anything back.
    pub(crate) fn set_status(&mut self, code: StatusCode, message: &str) {
        if self.status.code == StatusCode::Ok || code == StatusCode::Unset {
            return;
        }
        self.unusual = true;
        self.status.code = code;
        self.status.message.clear();
        if code == StatusCode::Error {
            let redacted = self.redaction.as_ref().map(|redaction| redaction.status(message));
            let room = self.limits.value_bytes.min(16 << 10);
            self.status.message.push_str(cut(redacted.as_deref().unwrap_or(message), room));
        }
    }

    /// A later name field replaces the first for every reader. One that does not fit is left out, and counted as cut.
    pub(crate) fn update_name(&mut self, name: &str) {
        let clean = self.redaction.as_ref().map(|redaction| redaction.text(name));
        let name = clean.as_deref().unwrap_or(name);
        if self.room(name).is_none() {
            return self.count_cut(true);
        }
        self.body.with_vec(|body| length_delimited(body, key::SPAN_NAME, name.as_bytes()));
    }

    pub(crate) fn set_kind(&mut self, kind: SpanKind) {
        self.body.with_vec(|body| varint_field(body, key::SPAN_KIND, u64::from(kind.to_otlp())));
    }

    /// Vendors' entries of the trace.
    #[cold]
    pub(super) fn set_trace_state(&mut self, text: &str) {
        self.body.with_vec(|body| length_delimited(body, key::SPAN_TRACE_STATE, text.as_bytes()));
    }

    /// Writes what is known only at the end: the clock's time, unless another is given. The body is then the whole span.
    #[inline(always)]
    pub(super) fn finish(&mut self, end: Option<u64>) -> RecordHeader {
        let now = self.time.now();
        self.ended = now.count;
        let end = end.unwrap_or(now.unix_nanos).max(self.start);
        self.end = end;
        if self.unusual {
            self.finish_unusual();
        }
        let Some(head) = self.body.head::<HEAD>() else { return RecordHeader::default() };
        head[END..END + 8].copy_from_slice(&end.to_le_bytes());
        let trace_id = head[TRACE_ID..].first_chunk().copied().unwrap_or_default();
        self.header_of(trace_id)
    }

    /// The record's header, of a span that is finished.
    pub(super) fn header(&self) -> RecordHeader {
        let trace_id = self.body().get(TRACE_ID..).and_then(|rest| rest.first_chunk()).copied();
        self.header_of(trace_id.unwrap_or_default())
    }

    #[inline(always)]
    fn header_of(&self, trace_id: [u8; 16]) -> RecordHeader {
        RecordHeader {
            len: self.body.len() as u32,
            tracer: 0,
            scope: self.scope,
            trace_id,
            flags: self.flags,
            start_unix_nanos: self.start,
            duration_nanos: self.end.wrapping_sub(self.start),
        }
    }

    #[cold]
    #[inline(never)]
    fn finish_unusual(&mut self) {
        self.index = None;
        if self.cut_values > 0 {
            let value = AttrValue::Int(i64::from(self.cut_values));
            let write = |body: &mut Vec<u8>| {
                write_value_bounded(body, key::SPAN_ATTRIBUTE, CUT_VALUES, &value, usize::MAX);
            };
            self.body.with_vec(write);
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
        self.body.with_vec(|body| write_status(body, &self.status));
        if self.status.code == StatusCode::Error {
            self.flags |= RecordHeader::ERROR;
        }
    }
}

/// The attributes of an event or a link, without what is secret.
fn write_redacted<'a>(
    redaction: Option<&Redaction>,
    out: &mut Vec<u8>,
    keys: (u8, u8),
    attributes: impl Iterator<Item = (&'a str, &'a AttrValue<'a>)> + Clone,
    count: u32,
    limit: usize,
) -> bool {
    let Some(redaction) = redaction else {
        return write_attributes_bounded(out, keys, attributes, count, limit);
    };
    let clean: Vec<_> =
        attributes.map(|(name, value)| (name, redaction.clean(Name::new(name), value))).collect();
    let clean = clean.iter().map(|(name, value)| (*name, &**value));
    write_attributes_bounded(out, keys, clean, count, limit)
}
