//! OTLP's JSON encoding to decoded spans: strict about what it knows, silent about what it doesn't.
//!
//! Memory stays within a multiple of the input: every element of a list is paid for before it is read.

mod scalar;

use std::borrow::Cow;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use self::scalar::{Key, Scalar};
use super::key::{FLAG_HAS_IS_REMOTE, FLAG_IS_REMOTE};
use crate::ids::{SpanId, TraceFlags, TraceId};
use crate::propagation::TraceState;
use crate::span::{Event, InstrumentationScope, Link, Resource, SpanData, SpanKind, Status, StatusCode};
use crate::value::Value;

/// As deep as our own encoder writes values, so that whatever is read can be written.
const DEEPEST: u32 = 24;
/// Decoded bytes that any input may have, however short.
const FREE_BYTES: usize = 64 << 10;
/// Decoded bytes an input byte may become. Real requests stay below 5.
const BYTES_PER_INPUT_BYTE: usize = 8;

/// A body that is not an OTLP trace request in JSON: what is wrong, and the line and column.
#[derive(Debug, thiserror::Error)]
#[error("not an OTLP trace request in JSON: {0}")]
pub struct JsonDecodeError(#[from] serde_json::Error);

/// Every span of an `ExportTraceServiceRequest` in JSON, with its resource and scope.
///
/// Identifiers are hexadecimal; 64-bit integers are text or numbers; enums are numbers or names; absent or
/// empty identifiers are invalid ones, not errors. Unknown fields are passed over.
pub fn decode_json_request(json: &[u8]) -> Result<Vec<SpanData>, JsonDecodeError> {
    let budget = Cell::new(FREE_BYTES.saturating_add(json.len().saturating_mul(BYTES_PER_INPUT_BYTE)));
    let context = Context { budget: &budget, depth: 0 };
    // Checked here because the parser does not look into the strings it passes over.
    let json = std::str::from_utf8(json).map_err(<serde_json::Error as de::Error>::custom)?;
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let request: Request = context.message().deserialize(&mut deserializer)?;
    deserializer.end()?;
    let mut spans = Vec::new();
    for group in request.resources {
        let resource = Arc::new(group.resource);
        for group in group.scopes {
            let scope = Arc::new(group.scope);
            spans.extend(group.spans.into_iter().map(|mut span| {
                span.resource = Arc::clone(&resource);
                span.scope = Arc::clone(&scope);
                span
            }));
        }
    }
    Ok(spans)
}

/// What reading one input carries along.
#[derive(Clone, Copy)]
struct Context<'a> {
    /// Decoded bytes that may still be made.
    budget: &'a Cell<usize>,
    /// Values around the current one.
    depth: u32,
}

impl<'a> Context<'a> {
    fn message<M: Message>(self) -> MessageSeed<'a, M> {
        MessageSeed { context: self, message: PhantomData }
    }

    fn list<M: Message>(self, items: &'a mut Vec<M>) -> ListSeed<'a, M> {
        ListSeed { context: self, items }
    }

    fn pay<E: de::Error>(self, bytes: usize) -> Result<(), E> {
        let left =
            self.budget.get().checked_sub(bytes).ok_or_else(|| E::custom("far too many empty elements"))?;
        self.budget.set(left);
        Ok(())
    }

    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEEPEST {
            return Err(E::custom(format_args!("values are nested more than {DEEPEST} deep")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

/// A JSON object that is one of OTLP's messages.
trait Message: Default {
    /// Reads the value of `key`, or passes it over.
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error>;
}

struct MessageSeed<'a, M> {
    context: Context<'a>,
    message: PhantomData<M>,
}

impl<'de, M: Message> DeserializeSeed<'de> for MessageSeed<'_, M> {
    type Value = M;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<M, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Message> Visitor<'de> for MessageSeed<'_, M> {
    type Value = M;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<M, E> {
        Ok(M::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<M, A::Error> {
        let mut message = M::default();
        while let Some(Key(key)) = map.next_key()? {
            message.field(&key, &mut map, self.context)?;
        }
        Ok(message)
    }
}

/// Appends an array's elements to `items`.
struct ListSeed<'a, M> {
    context: Context<'a>,
    items: &'a mut Vec<M>,
}

impl<'de, M: Message> DeserializeSeed<'de> for ListSeed<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Message> Visitor<'de> for ListSeed<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element_seed(self.context.message())? {
            self.context.pay(size_of::<M>())?;
            self.items.push(item);
        }
        Ok(())
    }
}

fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

fn scalar<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Scalar<'de>, A::Error> {
    map.next_value()
}

#[derive(Default)]
struct Request {
    resources: Vec<ResourceSpans>,
}

impl Message for Request {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "resourceSpans" | "resource_spans" => map.next_value_seed(context.list(&mut self.resources)),
            _ => skip(map),
        }
    }
}

#[derive(Default)]
struct ResourceSpans {
    resource: Resource,
    scopes: Vec<ScopeSpans>,
}

impl Message for ResourceSpans {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "resource" => self.resource = map.next_value_seed(context.message())?,
            "scopeSpans" | "scope_spans" => map.next_value_seed(context.list(&mut self.scopes))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct ScopeSpans {
    scope: InstrumentationScope,
    spans: Vec<SpanData>,
}

impl Message for ScopeSpans {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "scope" => self.scope = map.next_value_seed(context.message())?,
            "spans" => map.next_value_seed(context.list(&mut self.spans))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for Resource {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "attributes" => map.next_value_seed(context.list(&mut self.attributes)),
            _ => skip(map),
        }
    }
}

impl Message for InstrumentationScope {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        _: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "name" => self.name = scalar(map)?.text(key)?,
            "version" => self.version = scalar(map)?.text(key)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for SpanData {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "traceId" | "trace_id" => self.context.trace_id = TraceId::from_bytes(scalar(map)?.id(key)?),
            "spanId" | "span_id" => self.context.span_id = SpanId::from_bytes(scalar(map)?.id(key)?),
            "traceState" | "trace_state" => {
                self.context.trace_state = TraceState::from_header(&scalar(map)?.text(key)?);
            }
            "parentSpanId" | "parent_span_id" => {
                self.parent_span_id =
                    Some(SpanId::from_bytes(scalar(map)?.id(key)?)).filter(|id| id.is_valid());
            }
            "flags" => {
                let flags = scalar(map)?.u32(key)?;
                self.context.flags = TraceFlags::from_byte(flags as u8);
                self.parent_is_remote =
                    (flags & FLAG_HAS_IS_REMOTE != 0).then_some(flags & FLAG_IS_REMOTE != 0);
            }
            "name" => self.name = scalar(map)?.text(key)?,
            "kind" => self.kind = SpanKind::from_otlp(scalar(map)?.number_of(key, &SPAN_KINDS)?),
            "startTimeUnixNano" | "start_time_unix_nano" => self.start_unix_nanos = scalar(map)?.u64(key)?,
            "endTimeUnixNano" | "end_time_unix_nano" => self.end_unix_nanos = scalar(map)?.u64(key)?,
            "attributes" => map.next_value_seed(context.list(&mut self.attributes))?,
            "droppedAttributesCount" | "dropped_attributes_count" => {
                self.dropped_attributes = scalar(map)?.u32(key)?;
            }
            "events" => map.next_value_seed(context.list(&mut self.events))?,
            "droppedEventsCount" | "dropped_events_count" => self.dropped_events = scalar(map)?.u32(key)?,
            "links" => map.next_value_seed(context.list(&mut self.links))?,
            "droppedLinksCount" | "dropped_links_count" => self.dropped_links = scalar(map)?.u32(key)?,
            "status" => self.status = map.next_value_seed(context.message())?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Names in the order of their numbers.
const SPAN_KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUS_CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

impl Message for Status {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        _: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "message" => self.message = scalar(map)?.text(key)?,
            "code" => {
                self.code = match scalar(map)?.number_of(key, &STATUS_CODES)? {
                    1 => StatusCode::Ok,
                    2 => StatusCode::Error,
                    _ => StatusCode::Unset,
                }
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for Event {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "timeUnixNano" | "time_unix_nano" => self.time_unix_nanos = scalar(map)?.u64(key)?,
            "name" => self.name = scalar(map)?.text(key)?,
            "attributes" => map.next_value_seed(context.list(&mut self.attributes))?,
            "droppedAttributesCount" | "dropped_attributes_count" => {
                self.dropped_attributes = scalar(map)?.u32(key)?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for Link {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "traceId" | "trace_id" => self.context.trace_id = TraceId::from_bytes(scalar(map)?.id(key)?),
            "spanId" | "span_id" => self.context.span_id = SpanId::from_bytes(scalar(map)?.id(key)?),
            "traceState" | "trace_state" => {
                self.context.trace_state = TraceState::from_header(&scalar(map)?.text(key)?);
            }
            "flags" => {
                let flags = scalar(map)?.u32(key)?;
                self.context.flags = TraceFlags::from_byte(flags as u8);
                self.context.is_remote = flags & FLAG_IS_REMOTE != 0;
            }
            "attributes" => map.next_value_seed(context.list(&mut self.attributes))?,
            "droppedAttributesCount" | "dropped_attributes_count" => {
                self.dropped_attributes = scalar(map)?.u32(key)?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// `KeyValue`, as spans have it.
impl Message for (String, Value) {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "key" => self.0 = scalar(map)?.text(key)?,
            "value" => self.1 = map.next_value_seed(context.deeper()?.message())?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// `KeyValue`, as values have it.
impl Message for (Cow<'static, str>, Value) {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "key" => self.0 = Cow::Owned(scalar(map)?.text(key)?),
            "value" => self.1 = map.next_value_seed(context.deeper()?.message())?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// `AnyValue`.
impl Message for Value {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        *self = match key {
            "stringValue" | "string_value" => Value::Str(Cow::Owned(scalar(map)?.text(key)?)),
            "boolValue" | "bool_value" => Value::Bool(scalar(map)?.bool(key)?),
            "intValue" | "int_value" => Value::Int(scalar(map)?.i64(key)?),
            "doubleValue" | "double_value" => Value::Double(scalar(map)?.f64(key)?),
            "bytesValue" | "bytes_value" => Value::Bytes(Cow::Owned(scalar(map)?.bytes(key)?)),
            "arrayValue" | "array_value" => {
                Value::Array(map.next_value_seed(context.message::<ArrayValue>())?.values)
            }
            "kvlistValue" | "kvlist_value" => {
                Value::Map(map.next_value_seed(context.message::<KeyValueList>())?.values)
            }
            _ => return skip(map),
        };
        Ok(())
    }
}

#[derive(Default)]
struct ArrayValue {
    values: Vec<Value>,
}

impl Message for ArrayValue {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "values" => map.next_value_seed(context.deeper()?.list(&mut self.values)),
            _ => skip(map),
        }
    }
}

#[derive(Default)]
struct KeyValueList {
    values: Vec<(Cow<'static, str>, Value)>,
}

impl Message for KeyValueList {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error> {
        match key {
            "values" => map.next_value_seed(context.list(&mut self.values)),
            _ => skip(map),
        }
    }
}

#[cfg(test)]
mod tests;
