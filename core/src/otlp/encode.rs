//! Values and decoded spans to OTLP bytes. The recorder writes open spans with the same pieces.

use std::sync::Arc;

use tracer_factory_ring::RecordHeader;

use super::{ResourceBytes, key};
use crate::plain::{Number, NumberKind};
use crate::span::{Event, InstrumentationScope, Link, SpanData, Status, StatusCode};
use crate::text::cut;
use crate::value::AttrValue;
use crate::wire::{
    copy_into, fixed32, fixed64, length_delimited, nested, varint, varint_field, varint_into, varint_len,
};

/// A `KeyValue` under `field`.
#[inline]
pub(crate) fn write_attribute(out: &mut Vec<u8>, field: u8, name: &str, value: &AttrValue<'_>) {
    write_value_bounded(out, field, name, value, usize::MAX);
}

/// A `KeyValue` under `field`, with texts and bytes cut to `limit`. True when something was cut.
#[inline]
pub(crate) fn write_value_bounded(
    out: &mut Vec<u8>,
    field: u8,
    name: &str,
    value: &AttrValue<'_>,
    limit: usize,
) -> bool {
    match value {
        AttrValue::Str(text) => {
            let kept = cut(text, limit);
            write_bytes_attribute(out, field, name, key::VALUE_STRING, kept.as_bytes());
            kept.len() < text.len()
        }
        AttrValue::Bool(value) => {
            write_varint_attribute(out, field, name, key::VALUE_BOOL, u64::from(*value));
            false
        }
        AttrValue::Int(value) => {
            write_varint_attribute(out, field, name, key::VALUE_INT, *value as u64);
            false
        }
        other => nested(out, field, |out| {
            length_delimited(out, key::KEY_VALUE_KEY, name.as_bytes());
            nested(out, key::KEY_VALUE_VALUE, |out| write_any(out, other, limit))
        }),
    }
}

/// Room for an attribute whose lengths take one byte each.
pub(crate) const SHORT: usize = 128;

/// What surrounds a short name and its value, and the longest number.
const FRAME: usize = 8 + 10;

/// Writes a `KeyValue` of a text whose lengths take one byte each, and says how many bytes that were; none when it is longer.
#[inline(always)]
pub(crate) fn write_short_text(block: &mut [u8; SHORT], field: u8, name: &str, text: &str) -> usize {
    if name.len() > SHORT - FRAME || text.len() > SHORT - FRAME - name.len() {
        return 0;
    }
    let any = 2 + text.len();
    write_short_name(block, field, name, any);
    let at = 4 + name.len();
    let lengths = any as u32 * 0x100 + text.len() as u32 * 0x100_0000;
    write_four(block, at, 0x10000 * u32::from(key::VALUE_STRING) + u32::from(key::KEY_VALUE_VALUE) + lengths);
    copy_into(block, at + 4, text.as_bytes());
    at + 2 + any
}

/// The same for a number.
#[inline(always)]
pub(crate) fn write_short_number(block: &mut [u8; SHORT], field: u8, name: &str, number: Number) -> usize {
    if name.len() > SHORT - FRAME {
        return 0;
    }
    let bits = number.bits;
    let (value_key, len) = match number.kind {
        NumberKind::Bool => (key::VALUE_BOOL, 1),
        // One or two bytes are quicker told by a comparison.
        NumberKind::Int if bits < 0x4000 => (key::VALUE_INT, 1 + usize::from(bits >= 0x80)),
        NumberKind::Int => (key::VALUE_INT, varint_len(bits)),
        NumberKind::Double => (key::VALUE_DOUBLE, 8),
    };
    let any = 1 + len;
    write_short_name(block, field, name, any);
    let at = 4 + name.len();
    let keys = 0x10000 * u32::from(value_key) + u32::from(key::KEY_VALUE_VALUE);
    write_four(block, at, keys + any as u32 * 0x100);
    if let Some(value) = block.get_mut(at + 3..).and_then(|rest| rest.first_chunk_mut::<10>()) {
        match number.kind {
            NumberKind::Double => value[..8].copy_from_slice(&bits.to_le_bytes()),
            _ if bits < 0x4000 => {
                // The second byte is written even if it is none of the value's.
                let more = u64::from(bits >= 0x80) << 7;
                value[..2].copy_from_slice(&((bits & 0x7f | more | bits >> 7 << 8) as u16).to_le_bytes());
            }
            _ => varint_into(value, bits),
        }
    }
    at + 2 + any
}

/// Everything of a short `KeyValue` up to its value, whose body takes `any` bytes.
#[inline(always)]
fn write_short_name(block: &mut [u8; SHORT], field: u8, name: &str, any: usize) {
    let lengths = (4 + name.len() + any) as u32 * 0x100 + name.len() as u32 * 0x100_0000;
    write_four(block, 0, 0x10000 * u32::from(key::KEY_VALUE_KEY) + u32::from(field) + lengths);
    copy_into(block, 4, name.as_bytes());
}

/// Two keys with their lengths at once, the first in the low byte. No length is so long that one would reach into the next.
#[inline(always)]
fn write_four(block: &mut [u8; SHORT], at: usize, four: u32) {
    if let Some(to) = block.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *to = four.to_le_bytes();
    }
}

fn write_bytes_attribute(out: &mut Vec<u8>, field: u8, name: &str, value_key: u8, value: &[u8]) {
    let any = 1 + varint_len(value.len() as u64) + value.len();
    let pair = 1 + varint_len(name.len() as u64) + name.len() + 1 + varint_len(any as u64) + any;
    out.reserve(pair + 6);
    varint_field(out, field, pair as u64);
    length_delimited(out, key::KEY_VALUE_KEY, name.as_bytes());
    varint_field(out, key::KEY_VALUE_VALUE, any as u64);
    length_delimited(out, value_key, value);
}

fn write_varint_attribute(out: &mut Vec<u8>, field: u8, name: &str, value_key: u8, value: u64) {
    let any = 1 + varint_len(value);
    let pair = 1 + varint_len(name.len() as u64) + name.len() + 2 + any;
    out.reserve(pair + 6);
    varint_field(out, field, pair as u64);
    length_delimited(out, key::KEY_VALUE_KEY, name.as_bytes());
    out.extend_from_slice(&[key::KEY_VALUE_VALUE, any as u8, value_key]);
    varint(out, value);
}

/// The body of an `AnyValue`. Values nested deeper than a decoder follows become empty. True when something was cut.
fn write_any(out: &mut Vec<u8>, value: &AttrValue<'_>, limit: usize) -> bool {
    write_any_at(out, value, limit, DEEPEST)
}

/// Each level costs a receiver up to three nested messages, and prost stops at a hundred. Our JSON decoder takes as many.
const DEEPEST: u32 = 24;

fn write_any_at(out: &mut Vec<u8>, value: &AttrValue<'_>, limit: usize, depth: u32) -> bool {
    let Some(inner) = depth.checked_sub(1) else { return true };
    match value {
        AttrValue::Empty => false,
        AttrValue::Str(text) => {
            let kept = cut(text, limit);
            length_delimited(out, key::VALUE_STRING, kept.as_bytes());
            kept.len() < text.len()
        }
        AttrValue::Bool(value) => {
            varint_field(out, key::VALUE_BOOL, u64::from(*value));
            false
        }
        AttrValue::Int(value) => {
            varint_field(out, key::VALUE_INT, *value as u64);
            false
        }
        AttrValue::Double(value) => {
            fixed64(out, key::VALUE_DOUBLE, value.to_bits());
            false
        }
        AttrValue::Bytes(bytes) => {
            let kept = &bytes[..bytes.len().min(limit)];
            length_delimited(out, key::VALUE_BYTES, kept);
            kept.len() < bytes.len()
        }
        // A list or map that could hold nothing any more is left out.
        AttrValue::Array(_) | AttrValue::Map(_) if inner == 0 => true,
        AttrValue::Array(items) => nested(out, key::VALUE_ARRAY, |out| {
            items
                .iter()
                .fold(false, |cut, item| nested(out, 0x0a, |out| write_any_at(out, item, limit, inner)) | cut)
        }),
        AttrValue::Map(items) => nested(out, key::VALUE_MAP, |out| {
            items.iter().fold(false, |cut, (name, item)| {
                nested(out, 0x0a, |out| {
                    length_delimited(out, key::KEY_VALUE_KEY, name.as_bytes());
                    nested(out, key::KEY_VALUE_VALUE, |out| write_any_at(out, item, limit, inner))
                }) | cut
            })
        }),
    }
}

/// The first `count` attributes, then how many were left out. True when a value was cut.
pub(crate) fn write_attributes_bounded<'a>(
    out: &mut Vec<u8>,
    (field, dropped_field): (u8, u8),
    attributes: impl Iterator<Item = (&'a str, &'a AttrValue<'a>)>,
    count: u32,
    limit: usize,
) -> bool {
    let (mut written, mut dropped, mut cut) = (0u32, 0u64, false);
    for (name, value) in attributes {
        if written < count {
            cut |= write_value_bounded(out, field, name, value, limit);
            written += 1;
        } else {
            dropped += 1;
        }
    }
    if dropped > 0 {
        varint_field(out, dropped_field, dropped.min(u64::from(u32::MAX)));
    }
    cut
}

/// A whole `Span` message.
pub fn encode_span(span: &SpanData, out: &mut Vec<u8>) {
    length_delimited(out, key::SPAN_TRACE_ID, &span.context.trace_id.to_bytes());
    length_delimited(out, key::SPAN_ID, &span.context.span_id.to_bytes());
    if !span.context.trace_state.is_empty() {
        length_delimited(out, key::SPAN_TRACE_STATE, span.context.trace_state.to_string().as_bytes());
    }
    if let Some(parent) = span.parent_span_id {
        length_delimited(out, key::SPAN_PARENT_ID, &parent.to_bytes());
    }
    length_delimited(out, key::SPAN_NAME, span.name.as_bytes());
    varint_field(out, key::SPAN_KIND, u64::from(span.kind.to_otlp()));
    fixed64(out, key::SPAN_START, span.start_unix_nanos);
    fixed64(out, key::SPAN_END, span.end_unix_nanos);
    write_pairs(out, key::SPAN_ATTRIBUTE, &span.attributes);
    write_count(out, key::SPAN_DROPPED_ATTRIBUTES, span.dropped_attributes);
    for event in &span.events {
        nested(out, key::SPAN_EVENT, |out| encode_event(event, out));
    }
    write_count(out, key::SPAN_DROPPED_EVENTS, span.dropped_events);
    for link in &span.links {
        nested(out, key::SPAN_LINK, |out| encode_link(link, out));
    }
    write_count(out, key::SPAN_DROPPED_LINKS, span.dropped_links);
    write_status(out, &span.status);
    fixed32(out, key::SPAN_FLAGS, flags(span.context.flags.to_w3c_byte(), span.parent_is_remote));
}

/// Trace flags with OTLP's two bits about the parent.
pub(crate) fn flags(trace_flags: u8, is_remote: Option<bool>) -> u32 {
    let remote = match is_remote {
        None => 0,
        Some(false) => key::FLAG_HAS_IS_REMOTE,
        Some(true) => key::FLAG_HAS_IS_REMOTE | key::FLAG_IS_REMOTE,
    };
    u32::from(trace_flags) | remote
}

fn write_pairs(out: &mut Vec<u8>, field: u8, attributes: &[(String, AttrValue<'static>)]) {
    for (name, value) in attributes {
        write_attribute(out, field, name, value);
    }
}

fn write_count(out: &mut Vec<u8>, field: u8, count: u32) {
    if count > 0 {
        varint_field(out, field, u64::from(count));
    }
}

fn encode_event(event: &Event, out: &mut Vec<u8>) {
    fixed64(out, key::EVENT_TIME, event.time_unix_nanos);
    length_delimited(out, key::EVENT_NAME, event.name.as_bytes());
    write_pairs(out, key::EVENT_ATTRIBUTE, &event.attributes);
    write_count(out, key::EVENT_DROPPED_ATTRIBUTES, event.dropped_attributes);
}

fn encode_link(link: &Link, out: &mut Vec<u8>) {
    write_link_context(out, &link.context);
    write_pairs(out, key::LINK_ATTRIBUTE, &link.attributes);
    write_count(out, key::LINK_DROPPED_ATTRIBUTES, link.dropped_attributes);
}

/// The linked span, with whether it is in another process.
pub(crate) fn write_link_context(out: &mut Vec<u8>, context: &crate::ids::SpanContext) {
    length_delimited(out, key::LINK_TRACE_ID, &context.trace_id.to_bytes());
    length_delimited(out, key::LINK_SPAN_ID, &context.span_id.to_bytes());
    if !context.trace_state.is_empty() {
        length_delimited(out, key::LINK_TRACE_STATE, context.trace_state.to_string().as_bytes());
    }
    out.push(key::LINK_FLAGS);
    out.extend_from_slice(&flags(context.flags.to_w3c_byte(), Some(context.is_remote)).to_le_bytes());
}

/// Status, absent when unset.
pub(crate) fn write_status(out: &mut Vec<u8>, status: &Status) {
    let code = match status.code {
        StatusCode::Unset => return,
        StatusCode::Ok => 1,
        StatusCode::Error => 2,
    };
    nested(out, key::SPAN_STATUS, |out| {
        if !status.message.is_empty() {
            length_delimited(out, key::STATUS_MESSAGE, status.message.as_bytes());
        }
        varint_field(out, key::STATUS_CODE, code);
    });
}

/// A span as the record that a lane would hold; `scope` is its scope's number.
pub(crate) fn encode_record(span: &SpanData, scope: u16, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    encode_span(span, &mut bytes);
    let error = if span.status.code == StatusCode::Error { RecordHeader::ERROR } else { 0 };
    let root = if span.parent_span_id.is_none() { RecordHeader::LOCAL_ROOT } else { 0 };
    let header = RecordHeader {
        len: bytes.len() as u32,
        tracer: 0,
        scope,
        trace_id: span.context.trace_id.to_bytes(),
        flags: u32::from(span.context.flags.to_w3c_byte()) | error | root,
        start_unix_nanos: span.start_unix_nanos,
        duration_nanos: span.duration_nanos(),
    };
    header.append_to(&bytes, out);
}

/// The spans of one resource, and what is known of it already.
struct Group<'a> {
    first: &'a SpanData,
    bytes: ResourceBytes,
    records: Vec<u8>,
    /// The scope seen last, with its number.
    scope: (&'a Arc<InstrumentationScope>, u16),
}

impl<'a> Group<'a> {
    fn new(first: &'a SpanData) -> Self {
        let bytes = ResourceBytes::new((*first.resource).clone());
        let scope = (&first.scope, bytes.add_scope((*first.scope).clone()));
        Self { first, bytes, records: Vec::new(), scope }
    }

    /// Spans that came together share their resource and scope. Neither is looked into for each of them: both may be as
    /// long as a whole request, and a resource with a NaN in it would equal none.
    fn takes(&self, span: &SpanData) -> bool {
        Arc::ptr_eq(&self.first.resource, &span.resource) || self.first.resource == span.resource
    }

    fn push(&mut self, span: &'a SpanData) {
        if !Arc::ptr_eq(self.scope.0, &span.scope) {
            self.scope = (&span.scope, self.bytes.add_scope((*span.scope).clone()));
        }
        encode_record(span, self.scope.1, &mut self.records);
    }
}

/// A whole request: spans grouped by resource, then by scope, each in order of appearance.
pub fn encode_request(spans: &[SpanData]) -> Vec<u8> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for span in spans {
        match groups.iter_mut().rfind(|group| group.takes(span)) {
            Some(group) => group.push(span),
            None => {
                let mut group = Group::new(span);
                group.push(span);
                groups.push(group);
            }
        }
    }
    let mut out = Vec::new();
    for group in &groups {
        out.extend_from_slice(&super::frame_request(&group.records, &group.bytes));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn long_form(name: &str, value: &AttrValue<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write_attribute(&mut out, key::SPAN_ATTRIBUTE, name, value);
        out
    }

    proptest! {
        #[test]
        fn short_texts_equal_long_ones(name in "[a-z.é]{0,130}", text in "[a-zé]{0,130}") {
            let mut block = [0; SHORT];
            let len = write_short_text(&mut block, key::SPAN_ATTRIBUTE, &name, &text);
            prop_assert!(len > 0 || name.len() + text.len() + 8 > SHORT - 18);
            if len > 0 {
                prop_assert_eq!(&block[..len], long_form(&name, &AttrValue::from(text.as_str())));
            }
        }

        #[test]
        fn short_numbers_equal_long_ones(name in "[a-z.]{0,130}", bits in any::<u64>(), shift in 0u32..64) {
            let bits = bits >> shift;
            for kind in [NumberKind::Bool, NumberKind::Int, NumberKind::Double] {
                let number = Number { kind, bits: if kind == NumberKind::Bool { bits & 1 } else { bits } };
                let mut block = [0; SHORT];
                let len = write_short_number(&mut block, key::SPAN_ATTRIBUTE, &name, number);
                prop_assert!(len > 0 || name.len() + 11 > SHORT - 18);
                if len > 0 {
                    prop_assert_eq!(&block[..len], long_form(&name, &number.to_value()));
                }
            }
        }
    }
}
