//! `ExportTraceServiceRequest` around span bytes that are already encoded.

use tracer_factory_ring::Records;

use super::ResourceBytes;
use crate::wire::{length_delimited, varint, varint_len};

const REQUEST_RESOURCE_SPANS: u8 = 0x0a;
const RESOURCE_SPANS_RESOURCE: u8 = 0x0a;
const RESOURCE_SPANS_SCOPE_SPANS: u8 = 0x12;
const SCOPE_SPANS_SCOPE: u8 = 0x0a;
const SCOPE_SPANS_SPAN: u8 = 0x12;

fn field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// Frames records of one resource: one `ScopeSpans` for each instrumentation scope among them.
pub fn frame_request(records: &[u8], resource: &ResourceBytes) -> Vec<u8> {
    let mut out = Vec::new();
    let start = frame_request_into(records, resource, 0, &mut out);
    out.drain(..start);
    out
}

/// The same in place of what `out` has. Returns where the request begins; before it there is `room` at least.
pub(crate) fn frame_request_into(
    records: &[u8],
    resource: &ResourceBytes,
    room: usize,
    out: &mut Vec<u8>,
) -> usize {
    out.clear();
    if let Some((first, _)) = Records::new(records).next()
        && let Some(start) = frame_one_scope(records, first.scope, resource, room, out)
    {
        return start;
    }
    out.clear();
    out.resize(room, 0);
    frame_by_scope(records, resource, out);
    room
}

/// Nearly always there is one scope, and then one pass will do: what goes before the spans is written behind them, when
/// their length is known, into a gap. `None` when there are several.
fn frame_one_scope(
    records: &[u8],
    scope: u16,
    resource: &ResourceBytes,
    room: usize,
    out: &mut Vec<u8>,
) -> Option<usize> {
    // A key and a length of ten bytes at most.
    const KEY_AND_LENGTH: usize = 11;
    let encoded = resource.encoded_scope(scope);
    let gap = room + 4 * KEY_AND_LENGTH + resource.bytes().len() + encoded.bytes.len();
    // A record's header is longer than what replaces it.
    out.reserve(gap + records.len());
    out.resize(gap, 0);
    for (header, span) in Records::new(records) {
        if header.scope != scope {
            return None;
        }
        length_delimited(out, SCOPE_SPANS_SPAN, span);
    }
    let scope_spans_len = field_len(encoded.bytes.len()) + out.len() - gap;
    let resource_spans_len = field_len(resource.bytes().len()) + field_len(scope_spans_len);
    let mut head = Vec::with_capacity(gap);
    head.push(REQUEST_RESOURCE_SPANS);
    varint(&mut head, resource_spans_len as u64);
    length_delimited(&mut head, RESOURCE_SPANS_RESOURCE, resource.bytes());
    head.push(RESOURCE_SPANS_SCOPE_SPANS);
    varint(&mut head, scope_spans_len as u64);
    length_delimited(&mut head, SCOPE_SPANS_SCOPE, &encoded.bytes);
    let start = gap.checked_sub(head.len())?;
    out.get_mut(start..gap)?.copy_from_slice(&head);
    Some(start)
}

fn frame_by_scope(records: &[u8], resource: &ResourceBytes, out: &mut Vec<u8>) {
    // Bytes of the spans of each scope, in order of appearance.
    let mut groups: Vec<(u16, usize)> = Vec::new();
    for (header, span) in Records::new(records) {
        let len = field_len(span.len());
        match groups.iter_mut().find(|(scope, _)| *scope == header.scope) {
            Some((_, total)) => *total += len,
            None => groups.push((header.scope, len)),
        }
    }
    let scopes: Vec<_> = groups.iter().map(|(number, _)| resource.encoded_scope(*number)).collect();
    let scope_spans_len = |(group, scope): (&(u16, usize), &super::resource::EncodedScope)| {
        field_len(scope.bytes.len()) + group.1
    };
    let resource_spans_len = field_len(resource.bytes().len())
        + groups.iter().zip(&scopes).map(|pair| field_len(scope_spans_len(pair))).sum::<usize>();

    out.reserve(field_len(resource_spans_len));
    out.push(REQUEST_RESOURCE_SPANS);
    varint(out, resource_spans_len as u64);
    length_delimited(out, RESOURCE_SPANS_RESOURCE, resource.bytes());
    for pair in groups.iter().zip(&scopes) {
        out.push(RESOURCE_SPANS_SCOPE_SPANS);
        varint(out, scope_spans_len(pair) as u64);
        length_delimited(out, SCOPE_SPANS_SCOPE, &pair.1.bytes);
        for (_, span) in Records::new(records).filter(|(header, _)| header.scope == pair.0.0) {
            length_delimited(out, SCOPE_SPANS_SPAN, span);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tracer_factory_ring::RecordHeader;

    use super::*;
    use crate::span::{InstrumentationScope, Resource};

    fn resource(attributes: usize) -> ResourceBytes {
        let attributes = (0..attributes).map(|n| (format!("key {n}"), "value".into())).collect();
        let resource = ResourceBytes::new(Resource { attributes });
        resource.add_scope(InstrumentationScope { name: "sqlx".to_owned(), version: "1".to_owned() });
        resource
    }

    proptest! {
        #[test]
        fn one_pass_equals_two(
            spans in prop::collection::vec((0usize..300, 0u16..2), 0..40),
            one_scope in any::<bool>(),
            attributes in 0usize..30,
            room in 0usize..10,
        ) {
            let mut records = Vec::new();
            for (length, scope) in spans {
                let scope = if one_scope { 1 } else { scope };
                let header = RecordHeader { len: length as u32, scope, ..RecordHeader::default() };
                header.append_to(&vec![length as u8; length], &mut records);
            }
            let resource = resource(attributes);
            let mut expected = Vec::new();
            frame_by_scope(&records, &resource, &mut expected);
            let mut out = b"what was there before".to_vec();
            let start = frame_request_into(&records, &resource, room, &mut out);
            prop_assert!(start >= room);
            prop_assert_eq!(&out[start..], &expected[..]);
            prop_assert_eq!(frame_request(&records, &resource), expected);
        }
    }
}
