//! An `ExportTraceServiceRequest` taken apart: the bytes of its spans by trace, with what the index needs.

use std::collections::HashMap;
use std::sync::Arc;

use tracer_factory_core::ids::{SpanId, TraceId};
use tracer_factory_core::otlp::{DecodeError, Field, Reader};

use super::schema;

/// The key of `ScopeSpans.spans`, in front of each stored span.
const SPAN_KEY: u8 = 0x12;
/// The key of `ResourceSpans.scope_spans`.
const SCOPE_SPANS_KEY: u8 = 0x12;
/// The key of `ExportTraceServiceRequest.resource_spans`.
const RESOURCE_SPANS_KEY: u8 = 0x0a;
/// Names in the index are cut here; the spans have them whole.
const NAME_BYTES: usize = 256;

/// What the spans of one `ScopeSpans` share: everything around them, as it arrived.
#[derive(Debug)]
pub(super) struct Header {
    /// The fields of `ResourceSpans` but for `scope_spans`.
    resource: Vec<u8>,
    /// The fields of `ScopeSpans` but for `spans`.
    scope: Vec<u8>,
    pub(super) service: Arc<str>,
}

/// Spans of one trace that arrived together under one header.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) trace_id: TraceId,
    pub(super) header: Arc<Header>,
    pub(super) facts: Vec<SpanFacts>,
    bytes: Vec<u8>,
}

/// What the index knows of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SpanFacts {
    /// Where the span, its key and its length included, ends in the chunk's bytes.
    end: usize,
    /// Equal for spans that are equal in every byte, header included.
    pub(super) fingerprint: u64,
    pub(super) is_root: bool,
    pub(super) is_error: bool,
    pub(super) start_unix_nanos: u64,
    pub(super) end_unix_nanos: u64,
    pub(super) name: Box<str>,
}

/// A request that is well-formed.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) chunks: Vec<Chunk>,
    /// Spans without a valid identifier.
    pub(super) rejected: u64,
}

impl Chunk {
    pub(super) fn spans(&self) -> u64 {
        self.facts.len() as u64
    }

    /// Bytes that it takes in memory, the shared header counted in full.
    pub(super) fn footprint(&self) -> usize {
        let names: usize = self.facts.iter().map(|facts| facts.name.len()).sum();
        size_of::<Self>()
            + self.bytes.len()
            + self.header.resource.len()
            + self.header.scope.len()
            + self.facts.len() * size_of::<SpanFacts>()
            + names
    }

    /// Keeps the spans that `keep` says yes to.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&SpanFacts) -> bool) {
        let mut bytes = Vec::new();
        let mut start = 0;
        self.facts.retain_mut(|facts| {
            let span = &self.bytes[start..facts.end];
            start = facts.end;
            let kept = keep(facts);
            if kept {
                bytes.extend_from_slice(span);
                facts.end = bytes.len();
            }
            kept
        });
        self.bytes = bytes;
    }

    /// Gives back what growing left over.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.facts.shrink_to_fit();
    }

    /// Appends one `resource_spans` field with these spans.
    pub(super) fn write_request(&self, out: &mut Vec<u8>) {
        let scope_spans = self.header.scope.len() + self.bytes.len();
        let resource_spans = self.header.resource.len() + 1 + varint_len(scope_spans) + scope_spans;
        out.push(RESOURCE_SPANS_KEY);
        varint(out, resource_spans);
        out.extend_from_slice(&self.header.resource);
        out.push(SCOPE_SPANS_KEY);
        varint(out, scope_spans);
        out.extend_from_slice(&self.header.scope);
        out.extend_from_slice(&self.bytes);
    }
}

/// Checks `request` whole and sorts its spans by trace.
pub(super) fn parse(request: &[u8], fingerprint: impl Fn(u64, &[u8]) -> u64) -> Result<Parsed, DecodeError> {
    let mut parsed = Parsed::default();
    let mut reader = Reader::new(request);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            parse_resource_spans(field.bytes(number)?, &fingerprint, &mut parsed)?;
        }
    }
    Ok(parsed)
}

fn parse_resource_spans(
    message: &[u8],
    fingerprint: &impl Fn(u64, &[u8]) -> u64,
    parsed: &mut Parsed,
) -> Result<(), DecodeError> {
    // The resource may follow its spans, so the fields are sorted first.
    let (mut resource, mut scopes, mut service) = (Vec::new(), Vec::new(), None);
    let mut reader = Reader::new(message);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => {
                let bytes = field.bytes(number)?;
                schema::RESOURCE.check(bytes)?;
                service = service_name(bytes)?.or(service);
                write_field(&mut resource, number, field);
            }
            2 => scopes.push(field.bytes(number)?),
            3 => {
                field.text(number)?;
                write_field(&mut resource, number, field);
            }
            _ => write_field(&mut resource, number, field),
        }
    }
    let service: Arc<str> = cut(service.unwrap_or("unknown_service")).into();
    for scope in scopes {
        parse_scope_spans(scope, &resource, &service, fingerprint, parsed)?;
    }
    Ok(())
}

fn parse_scope_spans(
    message: &[u8],
    resource: &[u8],
    service: &Arc<str>,
    fingerprint: &impl Fn(u64, &[u8]) -> u64,
    parsed: &mut Parsed,
) -> Result<(), DecodeError> {
    let (mut scope, mut spans) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(message);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => {
                schema::SCOPE.check(field.bytes(number)?)?;
                write_field(&mut scope, number, field);
            }
            2 => spans.push(field.bytes(number)?),
            3 => {
                field.text(number)?;
                write_field(&mut scope, number, field);
            }
            _ => write_field(&mut scope, number, field),
        }
    }
    let header = Arc::new(Header { resource: resource.to_vec(), scope, service: Arc::clone(service) });
    let seed = fingerprint(fingerprint(0, &header.resource), &header.scope);
    let mut by_trace: HashMap<TraceId, Chunk> = HashMap::new();
    let mut order = Vec::new();
    for span in spans {
        schema::SPAN.check(span)?;
        let Some((trace_id, mut facts)) = span_facts(span)? else {
            parsed.rejected += 1;
            continue;
        };
        facts.fingerprint = fingerprint(seed, span);
        let chunk = by_trace.entry(trace_id).or_insert_with(|| {
            order.push(trace_id);
            Chunk { trace_id, header: Arc::clone(&header), facts: Vec::new(), bytes: Vec::new() }
        });
        chunk.bytes.push(SPAN_KEY);
        varint(&mut chunk.bytes, span.len());
        chunk.bytes.extend_from_slice(span);
        facts.end = chunk.bytes.len();
        chunk.facts.push(facts);
    }
    parsed.chunks.extend(order.iter().filter_map(|id| by_trace.remove(id)));
    Ok(())
}

/// What the index needs of a span, or nothing when its identifiers name nothing.
fn span_facts(span: &[u8]) -> Result<Option<(TraceId, SpanFacts)>, DecodeError> {
    let (mut trace_id, mut span_id, mut parent_id) = (None, None, None);
    let (mut name, mut start_unix_nanos, mut end_unix_nanos, mut is_error) = ("", 0, 0, false);
    let mut reader = Reader::new(span);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => trace_id = TraceId::from_slice(field.bytes(number)?).filter(|id| id.is_valid()),
            2 => span_id = SpanId::from_slice(field.bytes(number)?).filter(|id| id.is_valid()),
            4 => parent_id = SpanId::from_slice(field.bytes(number)?).filter(|id| id.is_valid()),
            5 => name = field.text(number)?,
            7 => start_unix_nanos = field.fixed64(number)?,
            8 => end_unix_nanos = field.fixed64(number)?,
            15 => {
                let mut status = Reader::new(field.bytes(number)?);
                while let Some((number, field)) = status.field()? {
                    if number == 3 {
                        is_error = field.varint(number)? == 2;
                    }
                }
            }
            _ => {}
        }
    }
    let (Some(trace_id), Some(_)) = (trace_id, span_id) else { return Ok(None) };
    let facts = SpanFacts {
        end: 0,
        fingerprint: 0,
        is_root: parent_id.is_none(),
        is_error,
        start_unix_nanos,
        end_unix_nanos,
        name: cut(name).into(),
    };
    Ok(Some((trace_id, facts)))
}

/// `service.name` of a checked `Resource`.
fn service_name(resource: &[u8]) -> Result<Option<&str>, DecodeError> {
    let mut service = None;
    let mut reader = Reader::new(resource);
    while let Some((number, field)) = reader.field()? {
        if number != 1 {
            continue;
        }
        let (mut key, mut text) = ("", None);
        let mut pair = Reader::new(field.bytes(number)?);
        while let Some((number, field)) = pair.field()? {
            match number {
                1 => key = field.text(number)?,
                2 => {
                    let mut value = Reader::new(field.bytes(number)?);
                    while let Some((number, field)) = value.field()? {
                        text = if number == 1 { Some(field.text(number)?) } else { text };
                    }
                }
                _ => {}
            }
        }
        if key == "service.name" {
            service = text.or(service);
        }
    }
    Ok(service)
}

fn cut(text: &str) -> &str {
    let end = (0..=NAME_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// A field as it was.
fn write_field(out: &mut Vec<u8>, number: u32, field: Field<'_>) {
    let key = |wire_type: usize| (number as usize) << 3 | wire_type;
    match field {
        Field::Varint(value) => {
            varint(out, key(0));
            varint64(out, value);
        }
        Field::Fixed64(value) => {
            varint(out, key(1));
            out.extend_from_slice(&value.to_le_bytes());
        }
        Field::Bytes(bytes) => {
            varint(out, key(2));
            varint(out, bytes.len());
            out.extend_from_slice(bytes);
        }
        Field::Fixed32(value) => {
            varint(out, key(5));
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

fn varint(out: &mut Vec<u8>, value: usize) {
    varint64(out, value as u64);
}

fn varint64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_len(value: usize) -> usize {
    (70 - (value as u64 | 1).leading_zeros() as usize) / 7
}
