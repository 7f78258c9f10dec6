//! Attributes of an open span: new, short ones are written at once; the rest takes the long way.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use tracer_factory_ring::HEADER_BYTES;

use super::fit::fits;
use super::name::Name;
use super::open_span::OpenSpan;
use crate::otlp::{key, write_short_number, write_short_text, write_value_bounded};
use crate::plain::{Number, NumberKind};
use crate::value::AttrValue;
use crate::wire::Reader;

impl OpenSpan {
    /// From this many on, names are looked up in an index.
    const MANY: i64 = 32;

    /// Sets an attribute to a text; a name that was set before gets the new value in its old place.
    #[inline(always)]
    pub(crate) fn set_text(&mut self, name: Name<'_>, text: &str) {
        if text.len() <= self.plain_text
            && self.takes_short(name)
            && let Some(block) = self.record.block()
        {
            let len = write_short_text(block, key::SPAN_ATTRIBUTE, name.text, text);
            if len > 0 {
                return self.count_short(name, len);
            }
        }
        self.set_long_text(name.text, name.hash, text);
    }

    /// In registers, or the quick way would have to prepare for this one.
    #[cold]
    #[inline(never)]
    fn set_long_text(&mut self, name: &str, hash: u64, text: &str) {
        self.set_unusual_attribute(Name { text: name, hash }, &AttrValue::Str(Cow::Borrowed(text)));
    }

    /// The same for a number.
    #[inline(always)]
    pub(crate) fn set_number(&mut self, name: Name<'_>, number: Number) {
        if self.takes_short(name)
            && let Some(block) = self.record.block()
        {
            let len = write_short_number(block, key::SPAN_ATTRIBUTE, name.text, number);
            if len > 0 {
                return self.count_short(name, len);
            }
        }
        self.set_long_number(name.text, name.hash, number.kind, number.bits);
    }

    #[cold]
    #[inline(never)]
    fn set_long_number(&mut self, name: &str, hash: u64, kind: NumberKind, bits: u64) {
        self.set_unusual_attribute(Name { text: name, hash }, &Number { kind, bits }.to_value());
    }

    /// Whether an attribute of this name is new and harmless. Whether it fits is the buffer's matter when it is short.
    #[inline(always)]
    fn takes_short(&self, name: Name<'_>) -> bool {
        !self.has_seen(name) && self.redaction.as_ref().is_none_or(|redaction| redaction.is_known(name))
    }

    #[inline(always)]
    fn count_short(&mut self, name: Name<'_>, len: usize) {
        self.record.advance(len);
        self.see(name);
    }

    #[inline(always)]
    fn has_seen(&self, name: Name<'_>) -> bool {
        let (at, bit) = name.bit();
        self.seen[at] & bit != 0
    }

    #[inline(always)]
    fn see(&mut self, name: Name<'_>) {
        let (at, bit) = name.bit();
        self.seen[at] |= bit;
    }

    /// How many there are.
    fn attributes(&self) -> i64 {
        i64::from(u64::from_ne_bytes(self.seen).count_ones()) + self.more
    }

    /// The worker that the span belongs to, as an attribute that the user may replace.
    #[inline(never)]
    pub(super) fn set_worker(&mut self, worker: i64) {
        let number = Number { kind: NumberKind::Int, bits: worker as u64 };
        self.set_number(Name::new("worker.id"), number);
    }

    /// A long one, one that may have been set before, one that may not fit, or one that may be secret.
    #[inline(never)]
    pub(crate) fn set_unusual_attribute(&mut self, name: Name<'_>, value: &AttrValue<'_>) {
        let redaction = self.redaction.clone();
        let value = match redaction.as_deref() {
            None => Cow::Borrowed(value),
            Some(redaction) => redaction.clean(name, value),
        };
        let before = if self.has_seen(name) { self.find(name) } else { None };
        let room = self.room(name.text).filter(|room| fits(&value, *room));
        let (Some(room), true) =
            (room, before.is_some() || self.attributes() < i64::from(self.limits.attributes))
        else {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            self.unusual = true;
            return;
        };
        let limit = room.min(self.limits.value_bytes);
        match before {
            Some(before) => self.replace(before, name, &value, limit),
            None => self.append(name, &value, limit),
        }
    }

    fn append(&mut self, name: Name<'_>, value: &AttrValue<'_>, limit: usize) {
        let start = self.body().len() as u32;
        let cut = self
            .record
            .with_vec(|body| write_value_bounded(body, key::SPAN_ATTRIBUTE, name.text, value, limit));
        self.count_cut(cut);
        self.more += i64::from(self.has_seen(name));
        self.see(name);
        if let Some(index) = &mut self.index {
            index.entry(name.hash).or_insert(start);
        }
    }

    #[cold]
    fn replace(&mut self, old: Range<usize>, name: Name<'_>, value: &AttrValue<'_>, limit: usize) {
        let mut pair = Vec::new();
        let cut = write_value_bounded(&mut pair, key::SPAN_ATTRIBUTE, name.text, value, limit);
        self.count_cut(cut);
        let (before, after) = (old.len(), pair.len());
        let place = HEADER_BYTES + old.start..HEADER_BYTES + old.end;
        self.record.with_vec(|record| drop(record.splice(place, pair)));
        if before != after
            && let Some(index) = &mut self.index
        {
            for start in index.values_mut().filter(|start| **start as usize > old.start) {
                *start = (*start as usize + after - before) as u32;
            }
        }
    }

    /// Where the attribute of this name stands.
    #[cold]
    fn find(&mut self, name: Name<'_>) -> Option<Range<usize>> {
        if self.attributes() < Self::MANY {
            return attributes(self.body(), 0)
                .find(|(_, text)| *text == name.text.as_bytes())
                .map(|(at, _)| at);
        }
        if self.index.is_none() {
            let known = attributes(self.body(), 0).filter_map(|(at, text)| {
                Some((Name::new(std::str::from_utf8(text).ok()?).hash, at.start as u32))
            });
            self.index = Some(HashMap::from_iter(known));
            // From now on every name takes the long way, and so into the index.
            self.more = self.attributes() - i64::from(u64::BITS);
            (self.seen, self.unusual) = ([u8::MAX; 8], true);
        }
        let start = *self.index.as_ref()?.get(&name.hash)? as usize;
        attributes(self.body(), start)
            .next()
            .filter(|(_, text)| *text == name.text.as_bytes())
            .map(|(at, _)| at)
    }
}

/// The attributes in a span's bytes from `start` on: where they stand, and their names.
fn attributes(body: &[u8], start: usize) -> impl Iterator<Item = (Range<usize>, &[u8])> {
    let mut reader = Reader::new(body.get(start..).unwrap_or_default());
    std::iter::from_fn(move || {
        loop {
            let from = body.len() - reader.rest().len();
            let (number, field) = reader.field().ok()??;
            if number != u32::from(key::SPAN_ATTRIBUTE >> 3) {
                continue;
            }
            let (_, name) = Reader::new(field.bytes(number).ok()?).field().ok()??;
            return Some((from..body.len() - reader.rest().len(), name.bytes(1).ok()?));
        }
    })
}
