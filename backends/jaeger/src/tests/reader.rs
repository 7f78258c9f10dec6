//! Reads Jaeger's structs with the `thrift` crate: fields by number, an unknown number or type fails the test.

use thrift::protocol::{TInputProtocol, TMessageType, TType};

#[derive(Debug, Default, PartialEq, Clone)]
pub(super) struct ReadBatch {
    pub(super) service_name: String,
    pub(super) process_tags: Vec<ReadTag>,
    pub(super) spans: Vec<ReadSpan>,
}

#[derive(Debug, Default, PartialEq, Clone)]
pub(super) struct ReadSpan {
    pub(super) trace_id_low: i64,
    pub(super) trace_id_high: i64,
    pub(super) span_id: i64,
    pub(super) parent_span_id: i64,
    pub(super) operation_name: String,
    /// Type, low, high, span.
    pub(super) references: Vec<(i32, i64, i64, i64)>,
    pub(super) flags: i32,
    pub(super) start_time: i64,
    pub(super) duration: i64,
    pub(super) tags: Vec<ReadTag>,
    pub(super) logs: Vec<(i64, Vec<ReadTag>)>,
}

#[derive(Debug, Default, PartialEq, Clone)]
pub(super) struct ReadTag {
    pub(super) key: String,
    pub(super) value: ReadValue,
}

#[derive(Debug, Default, PartialEq, Clone)]
pub(super) enum ReadValue {
    #[default]
    Missing,
    Str(String),
    Double(f64),
    Bool(bool),
    Long(i64),
    Binary(Vec<u8>),
}

impl ReadSpan {
    pub(super) fn tag(&self, key: &str) -> Option<&ReadValue> {
        find(&self.tags, key)
    }
}

pub(super) fn find<'a>(tags: &'a [ReadTag], key: &str) -> Option<&'a ReadValue> {
    let mut found = tags.iter().filter(|tag| tag.key == key);
    let first = found.next().map(|tag| &tag.value);
    assert!(found.next().is_none(), "{key} is there twice");
    first
}

/// The message that an agent takes.
pub(super) fn emit_batch(input: &mut impl TInputProtocol) -> ReadBatch {
    let message = input.read_message_begin().unwrap();
    assert_eq!((message.name.as_str(), message.message_type), ("emitBatch", TMessageType::OneWay));
    let mut read = None;
    fields(input, |input, id, kind| match (id, kind) {
        (1, TType::Struct) => read = Some(batch(input)),
        other => panic!("field {other:?} in emitBatch"),
    });
    input.read_message_end().unwrap();
    read.expect("a batch")
}

/// The struct that a collector takes.
pub(super) fn batch(input: &mut impl TInputProtocol) -> ReadBatch {
    let mut read = ReadBatch::default();
    let mut seen = 0;
    fields(input, |input, id, kind| {
        seen += id;
        match (id, kind) {
            (1, TType::Struct) => fields(input, |input, id, kind| match (id, kind) {
                (1, TType::String) => read.service_name = input.read_string().unwrap(),
                (2, TType::List) => read.process_tags = list(input, tag),
                other => panic!("field {other:?} in Process"),
            }),
            (2, TType::List) => read.spans = list(input, span),
            other => panic!("field {other:?} in Batch"),
        }
    });
    assert_eq!(seen, 3, "process and spans are required");
    read
}

fn span(input: &mut impl TInputProtocol) -> ReadSpan {
    let mut read = ReadSpan::default();
    fields(input, |input, id, kind| match (id, kind) {
        (1, TType::I64) => read.trace_id_low = input.read_i64().unwrap(),
        (2, TType::I64) => read.trace_id_high = input.read_i64().unwrap(),
        (3, TType::I64) => read.span_id = input.read_i64().unwrap(),
        (4, TType::I64) => read.parent_span_id = input.read_i64().unwrap(),
        (5, TType::String) => read.operation_name = input.read_string().unwrap(),
        (6, TType::List) => read.references = list(input, reference),
        (7, TType::I32) => read.flags = input.read_i32().unwrap(),
        (8, TType::I64) => read.start_time = input.read_i64().unwrap(),
        (9, TType::I64) => read.duration = input.read_i64().unwrap(),
        (10, TType::List) => read.tags = list(input, tag),
        (11, TType::List) => read.logs = list(input, log),
        other => panic!("field {other:?} in Span"),
    });
    read
}

fn reference(input: &mut impl TInputProtocol) -> (i32, i64, i64, i64) {
    let mut read = (-1, 0, 0, 0);
    fields(input, |input, id, kind| match (id, kind) {
        (1, TType::I32) => read.0 = input.read_i32().unwrap(),
        (2, TType::I64) => read.1 = input.read_i64().unwrap(),
        (3, TType::I64) => read.2 = input.read_i64().unwrap(),
        (4, TType::I64) => read.3 = input.read_i64().unwrap(),
        other => panic!("field {other:?} in SpanRef"),
    });
    read
}

fn log(input: &mut impl TInputProtocol) -> (i64, Vec<ReadTag>) {
    let mut read = (0, Vec::new());
    fields(input, |input, id, kind| match (id, kind) {
        (1, TType::I64) => read.0 = input.read_i64().unwrap(),
        (2, TType::List) => read.1 = list(input, tag),
        other => panic!("field {other:?} in Log"),
    });
    read
}

fn tag(input: &mut impl TInputProtocol) -> ReadTag {
    let mut read = ReadTag::default();
    let mut value_type = -1;
    fields(input, |input, id, kind| match (id, kind) {
        (1, TType::String) => read.key = input.read_string().unwrap(),
        (2, TType::I32) => value_type = input.read_i32().unwrap(),
        (3, TType::String) if value_type == 0 => read.value = ReadValue::Str(input.read_string().unwrap()),
        (4, TType::Double) if value_type == 1 => read.value = ReadValue::Double(input.read_double().unwrap()),
        (5, TType::Bool) if value_type == 2 => read.value = ReadValue::Bool(input.read_bool().unwrap()),
        (6, TType::I64) if value_type == 3 => read.value = ReadValue::Long(input.read_i64().unwrap()),
        (7, TType::String) if value_type == 4 => read.value = ReadValue::Binary(input.read_bytes().unwrap()),
        other => panic!("field {other:?} in Tag of type {value_type}"),
    });
    read
}

fn fields<I: TInputProtocol>(input: &mut I, mut each: impl FnMut(&mut I, i16, TType)) {
    input.read_struct_begin().unwrap();
    loop {
        let field = input.read_field_begin().unwrap();
        if field.field_type == TType::Stop {
            break;
        }
        each(input, field.id.unwrap(), field.field_type);
        input.read_field_end().unwrap();
    }
    input.read_struct_end().unwrap();
}

fn list<I: TInputProtocol, T>(input: &mut I, each: impl Fn(&mut I) -> T) -> Vec<T> {
    let header = input.read_list_begin().unwrap();
    assert_eq!(header.element_type, TType::Struct);
    let items = (0..header.size).map(|_| each(input)).collect();
    input.read_list_end().unwrap();
    items
}
