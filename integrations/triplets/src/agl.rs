//! agent-lightning's own span JSON: what its store answers and its trainers keep.

use std::borrow::Cow;

use tracer_factory_core::span::Event;
use tracer_factory_core::value::Value;

use crate::json::{Json, read};
use crate::options::Options;
use crate::python::seconds::nanos;
use crate::record::{Record, unique};
use crate::{Error, Extraction};

/// A span as agent-lightning has it: identifiers are any text, times are seconds since the Unix epoch.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct AglSpan {
    /// The rollout it belongs to, empty when it doesn't say.
    pub rollout_id: String,
    /// The attempt it belongs to, empty when it doesn't say.
    pub attempt_id: String,
    /// Its place in the order of the attempt.
    pub sequence_id: Option<i64>,
    /// Its trace.
    pub trace_id: String,
    /// Itself.
    pub span_id: String,
    /// Its parent, none for a root.
    pub parent_id: Option<String>,
    /// What was done.
    pub name: String,
    /// In the order of the JSON; values that agent-lightning has no place for are kept.
    pub attributes: Vec<(String, Value)>,
    /// Events, their times in nanoseconds.
    pub events: Vec<Event>,
    /// Trace and span of each link.
    pub links: Vec<(String, String)>,
    /// Start in seconds.
    pub start_time: Option<f64>,
    /// End in seconds.
    pub end_time: Option<f64>,
    /// The resource's attributes.
    pub resource: Vec<(String, Value)>,
}

/// Why text is not agent-lightning's span JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadAglError {
    /// It is not JSON at all.
    #[error("line {line}: {reason}")]
    Json {
        /// The line, from 1; of a value over several lines, its first.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// It is JSON of something else.
    #[error("span {span}: {field} is missing or of the wrong kind")]
    Field {
        /// Which span, from 1.
        span: usize,
        /// The field.
        field: &'static str,
    },
}

/// Reads a list of spans, an answer of the store (`{"items": [...]}`), one span, or one span a line.
pub fn read_spans(text: &str) -> Result<Vec<AglSpan>, ReadAglError> {
    let whole = read(text).map(|(value, _)| value);
    let spans = match whole {
        Ok(Json::Array(spans)) => spans,
        Ok(value) => match value.get("items").and_then(Json::as_array) {
            Some(items) => items.to_vec(),
            None => vec![value],
        },
        Err(error) => lines(text).map_err(|(line, reason)| match line {
            // The first line alone is no JSON either: it is one value, and the whole says what is wrong.
            1 => ReadAglError::Json { line, reason: error.to_string() },
            _ => ReadAglError::Json { line, reason },
        })?,
    };
    spans
        .iter()
        .enumerate()
        .map(|(at, span)| span_of(span).map_err(|field| ReadAglError::Field { span: at + 1, field }))
        .collect()
}

fn lines(text: &str) -> Result<Vec<Json>, (usize, String)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| read(line).map(|(value, _)| value).map_err(|error| (at + 1, error.to_string())))
        .collect()
}

fn span_of(json: &Json) -> Result<AglSpan, &'static str> {
    let text = |field: &'static str| json.get(field).and_then(Json::as_str).map(str::to_owned);
    let time = |field: &'static str| match json.get(field) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(field),
    };
    Ok(AglSpan {
        rollout_id: text("rollout_id").unwrap_or_default(),
        attempt_id: text("attempt_id").unwrap_or_default(),
        sequence_id: match json.get("sequence_id") {
            None | Some(Json::Null) => None,
            Some(Json::Int(number)) => Some(*number),
            Some(_) => return Err("sequence_id"),
        },
        trace_id: text("trace_id").unwrap_or_default(),
        span_id: text("span_id").ok_or("span_id")?,
        parent_id: match json.get("parent_id") {
            None | Some(Json::Null) => None,
            Some(parent) => Some(parent.as_str().ok_or("parent_id")?.to_owned()),
        },
        name: text("name").ok_or("name")?,
        attributes: attributes(json.get("attributes")).ok_or("attributes")?,
        events: json.get("events").and_then(Json::as_array).unwrap_or_default().iter().map(event).collect(),
        links: json
            .get("links")
            .and_then(Json::as_array)
            .unwrap_or_default()
            .iter()
            .filter_map(link)
            .collect(),
        start_time: time("start_time")?,
        end_time: time("end_time")?,
        resource: attributes(json.get("resource").and_then(|resource| resource.get("attributes")))
            .unwrap_or_default(),
    })
}

fn attributes(json: Option<&Json>) -> Option<Vec<(String, Value)>> {
    match json {
        None | Some(Json::Null) => Some(Vec::new()),
        Some(Json::Object(fields)) => {
            Some(fields.iter().map(|(name, value)| (name.clone(), value_of(value))).collect())
        }
        Some(_) => None,
    }
}

fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::Empty,
        Json::Bool(value) => Value::Bool(*value),
        Json::Int(number) => Value::Int(*number),
        // Attributes have 64 bits; beyond, the digits are what is left of it.
        Json::BigInt(digits) => Value::from(digits.clone()),
        Json::Float(number) => Value::Double(*number),
        Json::Str(text) => Value::from(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(value_of).collect()),
        Json::Object(fields) => Value::Map(
            fields.iter().map(|(name, value)| (Cow::Owned(name.clone()), value_of(value))).collect(),
        ),
    }
}

fn event(json: &Json) -> Event {
    Event {
        name: json.get("name").and_then(Json::as_str).unwrap_or_default().to_owned(),
        time_unix_nanos: json.get("timestamp").and_then(Json::as_f64).map_or(0, nanos),
        attributes: attributes(json.get("attributes")).unwrap_or_default(),
        dropped_attributes: 0,
    }
}

fn link(json: &Json) -> Option<(String, String)> {
    let context = json.get("context")?;
    let text = |field| Some(context.get(field)?.as_str()?.to_owned());
    Some((text("trace_id")?, text("span_id")?))
}

/// The triplets of `spans`.
pub fn extract(spans: &[AglSpan], options: &Options) -> Result<Extraction, Error> {
    crate::extract_records(spans.iter().map(record_of).collect(), options)
}

fn record_of(span: &AglSpan) -> Record<'_> {
    Record {
        trace_id: Cow::Borrowed(&span.trace_id),
        span_id: Cow::Borrowed(&span.span_id),
        parent_id: span.parent_id.as_deref().map(Cow::Borrowed),
        name: &span.name,
        attributes: unique(&span.attributes),
        resource: &span.resource,
        events: &span.events,
        links: span
            .links
            .iter()
            .map(|(trace, span)| (Cow::Borrowed(&**trace), Cow::Borrowed(&**span)))
            .collect(),
        start: span.start_time,
        end: span.end_time,
        start_nanos: span.start_time.map(nanos),
        end_nanos: span.end_time.map(nanos),
        attempt: (!span.rollout_id.is_empty() && !span.attempt_id.is_empty())
            .then_some((&*span.rollout_id, &*span.attempt_id)),
        sequence: span.sequence_id,
    }
}
