//! Jaeger's structs through a Thrift protocol; the numbers are those of jaeger.thrift and agent.thrift.

use tracer_factory_core::ids::TraceId;

use crate::model::{FollowsFrom, Log, Process, Span, Tag, TagValue};
use crate::thrift::Protocol;

/// The body of a request to the collector, with the structs in the order of `spans`.
pub(crate) fn batch<'a, P: Protocol>(out: &mut P, sender: &Process<'_>, spans: &[Span<'a>]) {
    out.begin_struct();
    out.struct_field(1);
    process(out, sender);
    out.struct_list_field(2, spans.len());
    for each in spans {
        span(out, each);
    }
    out.end_struct();
}

pub(crate) fn process<P: Protocol>(out: &mut P, process: &Process<'_>) {
    out.begin_struct();
    out.bytes_field(1, process.service_name.as_bytes());
    tags(out, 2, &process.tags);
    out.end_struct();
}

pub(crate) fn span<P: Protocol>(out: &mut P, span: &Span<'_>) {
    const FOLLOWS_FROM: i32 = 1;
    let (high, low) = halves(span.trace_id);
    out.begin_struct();
    out.i64_field(1, low);
    out.i64_field(2, high);
    out.i64_field(3, span.span_id.to_int().cast_signed());
    out.i64_field(4, span.parent_span_id.to_int().cast_signed());
    out.bytes_field(5, span.operation_name.as_bytes());
    if !span.references.is_empty() {
        out.struct_list_field(6, span.references.len());
        for FollowsFrom { trace_id, span_id } in &span.references {
            let (high, low) = halves(*trace_id);
            out.begin_struct();
            out.i32_field(1, FOLLOWS_FROM);
            out.i64_field(2, low);
            out.i64_field(3, high);
            out.i64_field(4, span_id.to_int().cast_signed());
            out.end_struct();
        }
    }
    out.i32_field(7, span.flags);
    out.i64_field(8, span.start_time);
    out.i64_field(9, span.duration);
    tags(out, 10, &span.tags);
    if !span.logs.is_empty() {
        out.struct_list_field(11, span.logs.len());
        for log in &span.logs {
            self::log(out, log);
        }
    }
    out.end_struct();
}

fn log<P: Protocol>(out: &mut P, log: &Log<'_>) {
    out.begin_struct();
    out.i64_field(1, log.timestamp);
    // Required, so it is there even without an element.
    out.struct_list_field(2, log.fields.len());
    for field in &log.fields {
        tag(out, field);
    }
    out.end_struct();
}

fn tags<P: Protocol>(out: &mut P, id: u8, tags: &[Tag<'_>]) {
    if !tags.is_empty() {
        out.struct_list_field(id, tags.len());
        for each in tags {
            tag(out, each);
        }
    }
}

fn tag<P: Protocol>(out: &mut P, tag: &Tag<'_>) {
    out.begin_struct();
    out.bytes_field(1, tag.key.as_bytes());
    match &tag.value {
        TagValue::Str(text) => {
            out.i32_field(2, 0);
            out.bytes_field(3, text.as_bytes());
        }
        TagValue::Double(value) => {
            out.i32_field(2, 1);
            out.double_field(4, *value);
        }
        TagValue::Bool(value) => {
            out.i32_field(2, 2);
            out.bool_field(5, *value);
        }
        TagValue::Long(value) => {
            out.i32_field(2, 3);
            out.i64_field(6, *value);
        }
        TagValue::Binary(bytes) => {
            out.i32_field(2, 4);
            out.bytes_field(7, bytes);
        }
    }
    out.end_struct();
}

/// Thrift has no unsigned integers: the bits stay, the sign is read into them.
fn halves(id: TraceId) -> (i64, i64) {
    let bits = id.to_int();
    (((bits >> 64) as u64).cast_signed(), (bits as u64).cast_signed())
}
