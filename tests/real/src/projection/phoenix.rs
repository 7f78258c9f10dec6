//! What Phoenix keeps, read back from `/v1/projects/{project}/spans`.
//!
//! | recorded | shown |
//! |---|---|
//! | times in nanoseconds | microseconds, rounded by way of a double of seconds |
//! | attributes | JSON, with maps taken apart into names with dots |
//! | attributes without a value, NaN, the infinities | left out |
//! | bytes | **the span is lost**: Phoenix answers 200 and can't store it |
//! | event `exception` | only `exception.type`, `.message`, `.escaped` and `.stacktrace` of its attributes |
//! | kind | not kept: `span_kind` is the attribute `openinference.span.kind`, else `UNKNOWN` |
//! | links, resource, scope, trace state, flags | not kept; `openinference.project.name` of the resource chooses the project |
//!
//! Not compared: `id`, Phoenix's own. Times are compared as microseconds since the Unix epoch.

use serde_json::{Map, Value, json};
use tracer_factory::json::{base64, to_json};
use tracer_factory::{AttrValue, SpanData};

/// What Phoenix must show.
pub fn of(spans: &[SpanData]) -> Value {
    let mut spans: Vec<Value> = spans.iter().map(span_of).collect();
    spans.sort_by_key(span_id);
    Value::Array(spans)
}

fn span_id(span: &Value) -> String {
    span["context"]["span_id"].as_str().unwrap_or_default().to_owned()
}

fn span_of(span: &SpanData) -> Value {
    let mut attributes = Map::new();
    for (key, value) in &span.attributes {
        flatten(key, value, &mut attributes);
    }
    let events = span.events.iter().map(|event| {
        let attributes: Map<String, Value> =
            event.attributes.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
        json!({ "name": event.name, "timestamp": micros(event.time_unix_nanos), "attributes": attributes })
    });
    json!({
        "context": { "trace_id": span.trace_id().to_string(), "span_id": span.span_id().to_string() },
        "parent_id": span.parent_span_id.map(|id| id.to_string()),
        "name": span.name,
        "span_kind": "UNKNOWN",
        "start_time": micros(span.start_unix_nanos),
        "end_time": micros(span.end_unix_nanos),
        "status_code": span.status.code.as_str().to_uppercase(),
        "status_message": span.status.message,
        "attributes": attributes,
        "events": events.collect::<Vec<_>>(),
    })
}

fn flatten(key: &str, value: &AttrValue<'_>, out: &mut Map<String, Value>) {
    match value {
        AttrValue::Map(items) => {
            items.iter().for_each(|(inner, value)| flatten(&format!("{key}.{inner}"), value, out));
        }
        value => {
            let value = plain(value);
            if !value.is_null() {
                out.insert(key.to_owned(), value);
            }
        }
    }
}

fn plain(value: &AttrValue<'_>) -> Value {
    match value {
        AttrValue::Double(value) => Value::from(*value),
        AttrValue::Bytes(bytes) => base64(bytes).into(),
        AttrValue::Array(items) => items.iter().map(plain).collect(),
        value => to_json(value),
    }
}

/// As Python makes a time of `nanoseconds / 1e9`: the fraction of a double of seconds, rounded half to even.
fn micros(unix_nanos: u64) -> u64 {
    let seconds = unix_nanos as f64 / 1e9;
    seconds as u64 * 1_000_000 + (seconds.fract() * 1e6).round_ties_even() as u64
}

/// What Phoenix showed.
pub fn shown(spans: &[Value]) -> Value {
    let mut spans = spans.to_vec();
    for span in &mut spans {
        span.as_object_mut().into_iter().for_each(|span| drop(span.remove("id")));
        ["start_time", "end_time"].iter().for_each(|key| time(&mut span[*key]));
        span["events"].as_array_mut().into_iter().flatten().for_each(|event| time(&mut event["timestamp"]));
    }
    spans.sort_by_key(span_id);
    Value::Array(spans)
}

/// Makes microseconds of `2026-01-31T12:59:59[.123456]+00:00`. Anything else stays as it is, and then it is not
/// what was expected.
fn time(value: &mut Value) {
    if let Some(micros) = value.as_str().and_then(parse) {
        *value = micros.into();
    }
}

fn parse(text: &str) -> Option<u64> {
    let text = text.strip_suffix("+00:00").or_else(|| text.strip_suffix('Z'))?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let numbers: Option<Vec<u64>> = whole.split(['-', 'T', ':']).map(|number| number.parse().ok()).collect();
    let [year, month, day, hour, minute, second] = numbers?.try_into().ok()?;
    let leap = |year: u64| {
        u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
    };
    let lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: u64 = lengths.iter().take(usize::try_from(month).ok()?.checked_sub(1)?).sum();
    let days = (1970..year).map(|year| 365 + leap(year)).sum::<u64>() + months + day - 1;
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + fraction)
}
