//! A trace as Chrome's trace events, for Perfetto: a process for each service, and as many lanes as spans overlap.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};
use tracer_factory_core::span::{SpanData, StatusCode};

use super::text::value_json;

/// The JSON object form of the trace event format.
pub(super) fn chrome_trace(spans: &[SpanData]) -> Json {
    let mut events = Vec::new();
    let mut processes: HashMap<&str, Process> = HashMap::new();
    let mut by_start: Vec<&SpanData> = spans.iter().collect();
    // Of spans that start together the longer one is around the other.
    by_start.sort_by_key(|span| (span.start_unix_nanos, u64::MAX - span.duration_nanos()));
    let first = by_start.first().map_or(0, |span| span.start_unix_nanos);
    for span in by_start {
        let service = span.resource.service_name();
        let number = processes.len() + 1;
        let process = processes.entry(service).or_insert_with(|| {
            events.push(
                json!({ "ph": "M", "name": "process_name", "pid": number, "args": { "name": service } }),
            );
            Process { number, lanes: Vec::new() }
        });
        let end = span.start_unix_nanos.saturating_add(span.duration_nanos());
        let lane = process.lane(span.start_unix_nanos, end);
        let (pid, at) = (process.number, micros(span.start_unix_nanos - first));
        events.push(json!({
            "ph": "X",
            "name": span.name,
            "cat": span.kind.as_str(),
            "pid": pid,
            "tid": lane,
            "ts": at,
            "dur": micros(span.duration_nanos()),
            "args": arguments(span),
        }));
        for event in &span.events {
            let args: Map<String, Json> =
                event.attributes.iter().map(|(key, value)| (key.clone(), value_json(value))).collect();
            events.push(json!({
                "ph": "i",
                "s": "t",
                "name": event.name,
                "pid": pid,
                "tid": lane,
                "ts": micros(event.time_unix_nanos.saturating_sub(first)),
                "args": args,
            }));
        }
    }
    json!({
        "traceEvents": events,
        "displayTimeUnit": "ms",
        // Times are from here, because a float has no room for nanoseconds since 1970.
        "otherData": { "start_unix_nanos": first.to_string() },
    })
}

struct Process {
    number: usize,
    /// The ends of the spans that are open in each lane, the outermost first.
    lanes: Vec<Vec<u64>>,
}

impl Process {
    /// A lane where a span is inside of what is open, or after it.
    fn lane(&mut self, start: u64, end: u64) -> usize {
        for (at, open) in self.lanes.iter_mut().enumerate() {
            while open.last().is_some_and(|last| *last <= start) {
                open.pop();
            }
            if open.last().is_none_or(|last| end <= *last) {
                open.push(end);
                return at + 1;
            }
        }
        self.lanes.push(vec![end]);
        self.lanes.len()
    }
}

fn arguments(span: &SpanData) -> Map<String, Json> {
    let mut args: Map<String, Json> =
        span.attributes.iter().map(|(key, value)| (key.clone(), value_json(value))).collect();
    args.insert("trace_id".to_owned(), span.trace_id().to_string().into());
    args.insert("span_id".to_owned(), span.span_id().to_string().into());
    if let Some(parent) = span.parent_span_id {
        args.insert("parent_span_id".to_owned(), parent.to_string().into());
    }
    if span.status.code == StatusCode::Error {
        args.insert("error".to_owned(), span.status.message.as_str().into());
    }
    args
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_hold_what_nests() {
        let mut process = Process { number: 1, lanes: Vec::new() };
        let lanes: Vec<usize> = [(0, 100), (10, 50), (20, 60), (50, 100), (70, 80), (100, 120)]
            .into_iter()
            .map(|(start, end)| process.lane(start, end))
            .collect();
        assert_eq!(lanes, [1, 1, 2, 1, 1, 1]);
    }
}
