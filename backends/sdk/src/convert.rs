//! Our values as the SDK's, whose model is narrower.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tracer_factory_core::value::AttrValue;
use tracer_factory_core::{ids, span};

/// Converts the spans of one batch, which nearly always share one scope.
pub(crate) fn spans(spans: impl Iterator<Item = span::SpanData>) -> Vec<SpanData> {
    let mut last: Option<(Arc<span::InstrumentationScope>, InstrumentationScope)> = None;
    spans
        .map(|span| {
            let scope = match &last {
                Some((ours, theirs)) if *ours == span.scope => theirs.clone(),
                _ => {
                    let theirs = scope(&span.scope);
                    last = Some((Arc::clone(&span.scope), theirs.clone()));
                    theirs
                }
            };
            span_data(span, scope)
        })
        .collect()
}

pub(crate) fn resource(resource: &span::Resource) -> Resource {
    Resource::builder_empty().with_attributes(key_values(resource.attributes.clone())).build()
}

fn scope(scope: &span::InstrumentationScope) -> InstrumentationScope {
    let builder = InstrumentationScope::builder(scope.name.clone());
    if scope.version.is_empty() {
        builder.build()
    } else {
        builder.with_version(scope.version.clone()).build()
    }
}

fn span_data(span: span::SpanData, instrumentation_scope: InstrumentationScope) -> SpanData {
    let mut events = SpanEvents::default();
    events.events = span.events.into_iter().map(event).collect();
    events.dropped_count = span.dropped_events;
    let mut links = SpanLinks::default();
    links.links = span.links.into_iter().map(link).collect();
    links.dropped_count = span.dropped_links;
    SpanData {
        span_context: context(&span.context),
        parent_span_id: span.parent_span_id.map_or(SpanId::INVALID, |id| SpanId::from_bytes(id.to_bytes())),
        parent_span_is_remote: span.parent_is_remote.unwrap_or(false),
        span_kind: kind(span.kind),
        name: span.name.into(),
        start_time: time(span.start_unix_nanos),
        end_time: time(span.end_unix_nanos),
        attributes: key_values(span.attributes),
        dropped_attributes_count: span.dropped_attributes,
        events,
        links,
        status: status(span.status),
        instrumentation_scope,
    }
}

fn context(context: &ids::SpanContext) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(context.trace_id.to_bytes()),
        SpanId::from_bytes(context.span_id.to_bytes()),
        TraceFlags::new(context.flags.to_byte()),
        context.is_remote,
        TraceState::from_str(&context.trace_state.to_string()).unwrap_or_default(),
    )
}

fn kind(kind: span::SpanKind) -> SpanKind {
    match kind {
        span::SpanKind::Server => SpanKind::Server,
        span::SpanKind::Client => SpanKind::Client,
        span::SpanKind::Producer => SpanKind::Producer,
        span::SpanKind::Consumer => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn status(status: span::Status) -> Status {
    match status.code {
        span::StatusCode::Unset => Status::Unset,
        span::StatusCode::Ok => Status::Ok,
        span::StatusCode::Error => Status::error(status.message),
    }
}

fn event(event: span::Event) -> Event {
    Event::new(
        event.name,
        time(event.time_unix_nanos),
        key_values(event.attributes),
        event.dropped_attributes,
    )
}

fn link(link: span::Link) -> Link {
    Link::new(context(&link.context), key_values(link.attributes), link.dropped_attributes)
}

fn time(unix_nanos: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}

fn key_values(attributes: Vec<(String, AttrValue<'static>)>) -> Vec<KeyValue> {
    attributes.into_iter().map(|(key, attr)| KeyValue::new(key, value(attr))).collect()
}

fn value(value: AttrValue<'static>) -> Value {
    match value {
        AttrValue::Bool(value) => Value::Bool(value),
        AttrValue::Int(value) => Value::I64(value),
        AttrValue::Double(value) => Value::F64(value),
        AttrValue::Str(text) => Value::String(text.into()),
        AttrValue::Array(items) => match array(&items) {
            Some(array) => Value::Array(array),
            None => Value::String(AttrValue::Array(items).to_string().into()),
        },
        // Bytes, maps and the absent value are not in the SDK's model.
        other => Value::String(other.to_string().into()),
    }
}

/// `None` unless all items are of one plain type.
fn array(items: &[AttrValue<'_>]) -> Option<Array> {
    fn all<'a, 'v, T>(
        items: &'a [AttrValue<'v>],
        pick: impl Fn(&'a AttrValue<'v>) -> Option<T>,
    ) -> Option<Vec<T>> {
        items.iter().map(pick).collect()
    }
    match items.first() {
        None | Some(AttrValue::Str(_)) => {
            all(items, |item| item.as_str().map(|text| StringValue::from(text.to_owned()))).map(Array::String)
        }
        Some(AttrValue::Int(_)) => all(items, AttrValue::as_int).map(Array::I64),
        Some(AttrValue::Double(_)) => {
            all(items, |item| if let AttrValue::Double(value) = item { Some(*value) } else { None })
                .map(Array::F64)
        }
        Some(AttrValue::Bool(_)) => {
            all(items, |item| if let AttrValue::Bool(value) = item { Some(*value) } else { None })
                .map(Array::Bool)
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_the_sdk_lacks_become_text() {
        let text = |ours: AttrValue<'static>| match value(ours) {
            Value::String(text) => text.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(AttrValue::from(vec![0, 255])), "AP8=");
        assert_eq!(text(AttrValue::Map(vec![("k".into(), AttrValue::Int(1))])), r#"{"k":1}"#);
        assert_eq!(text(AttrValue::Array(vec![AttrValue::Int(1), "a".into()])), r#"[1,"a"]"#);
        assert_eq!(text(AttrValue::Array(vec![AttrValue::Array(Vec::new())])), "[[]]");
        assert_eq!(text(AttrValue::Empty), "");
    }

    #[test]
    fn arrays_of_one_type_stay_arrays() {
        let double = AttrValue::from(&[0.5, f64::INFINITY][..]);
        assert_eq!(value(double), Value::Array(Array::F64(vec![0.5, f64::INFINITY])));
        assert_eq!(value(AttrValue::from(&[true][..])), Value::Array(Array::Bool(vec![true])));
        assert_eq!(value(AttrValue::Array(Vec::new())), Value::Array(Array::String(Vec::new())));
    }

    #[test]
    fn the_latest_time_is_one() {
        assert_eq!(
            time(u64::MAX).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos(),
            u128::from(u64::MAX)
        );
    }
}
