//! A span that is open: its OTLP bytes so far, and what is needed to bound, count and finish them.
//!
//! The bytes are those of its record from the first on, so that its end has little to add: they go where records go as
//! they are. They are called the body without the record's header.
//!
//! `attributes` sets attributes. Everything that is usual is written at once, in place; whatever is not is said in `unusual`,
//! which is the one thing that the end has to look at.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use tracer_factory_ring::{HEADER_BYTES, Record, RecordHeader, Records};

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

/// What every body begins with, at fixed places: trace, span, start, kind, end (filled in at the end, as a word of the
/// record), flags.
const HEAD: usize = 18 + 10 + 9 + 2 + 9 + 6;
const END: usize = 40;
/// The fields that may follow the head in one piece.
const PARENT: usize = 10;
const LONGEST_NAME: usize = 100;
const NAME_AND_PARENT: usize = 2 + LONGEST_NAME + PARENT;
const BEGINNING: usize = HEADER_BYTES + HEAD + NAME_AND_PARENT;

#[derive(Debug, Default)]
pub(crate) struct OpenSpan {
    /// The record so far.
    pub(super) record: Buffer,
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
    start: u64,
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
    /// Where it is known: read where it is written, it is never kept elsewhere meanwhile.
    pub(super) trace_id: &'a Cell<TraceId>,
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
        self.record.clear();
        // In place: built elsewhere, it would be copied in wider pieces than it was just written in, and wait.
        if let Some(block) = self.record.block::<BEGINNING>()
            && let Some((header, block)) = block.split_first_chunk_mut::<HEADER_BYTES>()
            && let Some((head, rest)) = block.split_first_chunk_mut::<HEAD>()
            && let Some(rest) = rest.first_chunk_mut::<NAME_AND_PARENT>()
        {
            let trace_id = begin.trace_id.get().to_bytes();
            RecordHeader {
                len: 0,
                tracer: 0,
                scope: begin.scope,
                trace_id,
                flags: u32::from(begin.flags) | root,
                start_unix_nanos: self.start,
                duration_nanos: 0,
            }
            .write_to(header);
            head[0] = key::SPAN_TRACE_ID;
            head[1] = 16;
            head[2..18].copy_from_slice(&trace_id);
            head[18] = key::SPAN_ID;
            head[19] = 8;
            head[20..28].copy_from_slice(&begin.span_id.to_bytes());
            head[28] = key::SPAN_START;
            head[29..37].copy_from_slice(&self.start.to_le_bytes());
            head[37] = key::SPAN_KIND;
            head[38] = begin.kind.to_otlp();
            head[39] = key::SPAN_END;
            head[END..END + 8].copy_from_slice(&[0; 8]);
            let remote = if begin.parent_is_remote { key::FLAG_IS_REMOTE } else { 0 };
            let flags = u32::from(begin.flags) | key::FLAG_HAS_IS_REMOTE | remote;
            head[48..50].copy_from_slice(&key::SPAN_FLAGS);
            head[50..54].copy_from_slice(&flags.to_le_bytes());
            rest[0] = key::SPAN_NAME;
            if begin.name.len() > LONGEST_NAME
                || !self.redaction.as_ref().is_none_or(|redaction| redaction.is_known_text(begin.name))
            {
                return self.write_long_name(begin.name, begin.parent);
            }
            rest[1] = begin.name.len() as u8;
            copy_into(rest, 2, begin.name.as_bytes());
            let mut at = 2 + begin.name.len();
            if begin.parent.is_valid()
                && let Some(field) = rest.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<PARENT>())
            {
                field[0] = key::SPAN_PARENT_ID;
                field[1] = 8;
                field[2..].copy_from_slice(&begin.parent.to_bytes());
                at += PARENT;
            }
            self.record.used(HEADER_BYTES + HEAD + at);
        }
    }

    /// One that is long, or that may hold a secret.
    #[cold]
    #[inline(never)]
    fn write_long_name(&mut self, name: &str, parent: SpanId) {
        self.record.used(HEADER_BYTES + HEAD);
        let clean = self.redaction.as_ref().map(|redaction| redaction.text(name));
        let name = cut(clean.as_deref().unwrap_or(name), self.limits.span_bytes / 4);
        self.record.with_vec(|body| {
            length_delimited(body, key::SPAN_NAME, name.as_bytes());
            if parent.is_valid() {
                length_delimited(body, key::SPAN_PARENT_ID, &parent.to_bytes());
            }
        });
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
        let span_bytes = self.limits.span_bytes.saturating_sub(TAIL_ROOM);
        self.record.limit(span_bytes.saturating_add(HEADER_BYTES).max(BEGINNING));
    }

    /// The number of the recorder that it began in.
    #[cfg(feature = "guest")]
    pub(super) fn recorder(&self) -> u64 {
        self.recorder
    }

    /// What is written so far; a valid `Span` message at any time.
    #[inline]
    pub(crate) fn body(&self) -> &[u8] {
        self.record.written().get(HEADER_BYTES..).unwrap_or_default()
    }

    /// Lets go of memory that is unusually large.
    #[inline(always)]
    pub(super) fn shrink(&mut self) {
        const KEPT: usize = 64 << 10;
        if self.record.capacity() > KEPT {
            self.record.release();
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
        let used = self.record.len() + name.len() + ATTRIBUTE_FRAME + TAIL_ROOM;
        self.limits.span_bytes.saturating_add(HEADER_BYTES).checked_sub(used)
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
            && let Some(block) = self.record.block::<{ 13 + LONGEST }>()
        {
            self.events += 1;
            block[0] = key::SPAN_EVENT;
            block[1] = 11 + name.len() as u8;
            block[2] = key::EVENT_TIME;
            block[3..11].copy_from_slice(&time.to_le_bytes());
            block[11] = key::EVENT_NAME;
            block[12] = name.len() as u8;
            copy_into(block, 13, name.as_bytes());
            self.record.advance(13 + name.len());
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
        let cut = self.record.with_vec(|body| {
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
        let cut = self.record.with_vec(|body| {
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
        self.record.with_vec(|body| length_delimited(body, key::SPAN_NAME, name.as_bytes()));
    }

    pub(crate) fn set_kind(&mut self, kind: SpanKind) {
        self.record.with_vec(|body| varint_field(body, key::SPAN_KIND, u64::from(kind.to_otlp())));
    }

    /// Vendors' entries of the trace.
    #[cold]
    pub(super) fn set_trace_state(&mut self, text: &str) {
        self.record.with_vec(|body| length_delimited(body, key::SPAN_TRACE_STATE, text.as_bytes()));
    }

    /// Writes what is known only at the end: the clock's time, unless another is given. Its record is then whole.
    #[inline(always)]
    pub(super) fn finish(&mut self, end: Option<u64>) -> Option<Record<'_>> {
        let now = self.time.now();
        self.ended = now.count;
        let end = end.unwrap_or(now.unix_nanos).max(self.start);
        if self.unusual {
            self.finish_unusual();
        }
        // Never so; it spares the compiler the question further on.
        if self.record.len() < HEADER_BYTES + HEAD {
            return None;
        }
        let span_bytes = self.record.len() - HEADER_BYTES;
        let record = self.record.with_room::<{ Record::PADDING }>();
        record.get_mut(HEADER_BYTES + END..)?.first_chunk_mut::<8>()?.copy_from_slice(&end.to_le_bytes());
        Record::complete(record, span_bytes as u32, end - self.start)
    }

    /// The record of a span that is finished.
    pub(super) fn record(&self) -> Option<Record<'_>> {
        Records::new(self.record.all()).next_whole()
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
            self.record.with_vec(write);
        }
        for (key, count) in [
            (key::SPAN_DROPPED_ATTRIBUTES, self.dropped_attributes),
            (key::SPAN_DROPPED_EVENTS, self.dropped_events),
            (key::SPAN_DROPPED_LINKS, self.dropped_links),
        ] {
            if count > 0 {
                self.record.with_vec(|body| varint_field(body, key, u64::from(count)));
            }
        }
        self.record.with_vec(|body| write_status(body, &self.status));
        if self.status.code == StatusCode::Error
            && let Some(header) = self.record.with_room::<0>().first_chunk_mut()
        {
            RecordHeader::raise_flags(header, RecordHeader::ERROR);
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
