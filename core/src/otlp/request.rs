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
    // Bytes of the spans of each scope, in order of appearance; nearly always one scope.
    let mut groups: Vec<(u16, usize)> = Vec::with_capacity(1);
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

    let mut out = Vec::with_capacity(field_len(resource_spans_len));
    out.push(REQUEST_RESOURCE_SPANS);
    varint(&mut out, resource_spans_len as u64);
    length_delimited(&mut out, RESOURCE_SPANS_RESOURCE, resource.bytes());
    for pair in groups.iter().zip(&scopes) {
        out.push(RESOURCE_SPANS_SCOPE_SPANS);
        varint(&mut out, scope_spans_len(pair) as u64);
        length_delimited(&mut out, SCOPE_SPANS_SCOPE, &pair.1.bytes);
        for (_, span) in Records::new(records).filter(|(header, _)| header.scope == pair.0.0) {
            length_delimited(&mut out, SCOPE_SPANS_SPAN, span);
        }
    }
    out
}
