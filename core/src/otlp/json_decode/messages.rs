//! OTLP's messages, field by field, under the names of either JSON or protobuf.

use std::borrow::Cow;

use serde::de::{IgnoredAny, MapAccess};

use super::scalar::Scalar;
use super::seed::{Context, Message};
use crate::ids::{SpanId, TraceId};
use crate::otlp::decode::trace_flags;
use crate::otlp::key::{FLAG_HAS_IS_REMOTE, FLAG_IS_REMOTE};
use crate::propagation::TraceState;
use crate::span::{Event, InstrumentationScope, Link, Resource, SpanData, SpanKind, Status, StatusCode};
use crate::value::Value;

fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

fn scalar<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Scalar<'de>, A::Error> {
    map.next_value()
}

#[derive(Default)]
pub(super) struct Request {
    pub(super) resources: Vec<ResourceSpans>,
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
pub(super) struct ResourceSpans {
    pub(super) resource: Resource,
    pub(super) scopes: Vec<ScopeSpans>,
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
pub(super) struct ScopeSpans {
    pub(super) scope: InstrumentationScope,
    pub(super) spans: Vec<SpanData>,
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
                self.context.flags = trace_flags(flags);
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
                self.context.flags = trace_flags(flags);
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
