//! Requests of 512 spans: 64 traces, 8 deep, three attributes and an event on each span; no trace comes twice.

use std::sync::Arc;

use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::otlp::encode_request;
use tracer_factory_core::span::{Event, InstrumentationScope, Resource, SpanData, SpanKind};
use tracer_factory_core::value::Value;

/// Spans in a request.
pub(crate) const SPANS: usize = 512;
const DEPTH: usize = 8;
const TRACES: usize = SPANS / DEPTH;
/// Different requests, sent in turn.
const BODIES: u64 = 20;

/// Requests with places for the identifiers of their traces.
pub(crate) struct Bodies {
    bodies: Vec<Body>,
    next: usize,
    traces: u64,
}

struct Body {
    bytes: Vec<u8>,
    /// Where a trace's identifier is, and which of the request's traces it is.
    places: Vec<(usize, usize)>,
}

impl Bodies {
    pub(crate) fn new() -> Self {
        Self { bodies: (0..BODIES).map(Body::new).collect(), next: 0, traces: 0 }
    }

    /// The next request, with traces that were not there before.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let body = &self.bodies[self.next];
        self.next = (self.next + 1) % self.bodies.len();
        let mut bytes = body.bytes.clone();
        for (at, trace) in &body.places {
            bytes[*at..*at + 16].copy_from_slice(&identifier(self.traces + *trace as u64));
        }
        self.traces += TRACES as u64;
        bytes
    }

    /// A trace of the last request.
    pub(crate) fn last_trace(&self) -> TraceId {
        TraceId::from_bytes(identifier(self.traces.saturating_sub(1)))
    }
}

/// As random as real ones, and different from run to run, so that a store on disk can't know them.
fn identifier(number: u64) -> [u8; 16] {
    let mix = |number: u64| {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(std::process::id());
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ (state >> 31)
    };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mix(number + 1).to_le_bytes());
    bytes[8..].copy_from_slice(&mix(!number).to_le_bytes());
    bytes
}

impl Body {
    fn new(number: u64) -> Self {
        let resource = Arc::new(Resource {
            attributes: vec![
                ("service.name".to_owned(), Value::from(format!("service-{}", number % 5))),
                ("service.version".to_owned(), Value::from("1.2.3".to_owned())),
                ("host.name".to_owned(), Value::from("worker-17".to_owned())),
            ],
        });
        let scope = Arc::new(InstrumentationScope { name: "bench".to_owned(), version: "1".to_owned() });
        let marker =
            |trace: usize| TraceId::from_int(0xfeed_f00d_dead_beef_0000_0000_0000_0001 + trace as u128);
        // As a worker sends them: the innermost span of a trace ends first.
        let spans: Vec<SpanData> = (0..TRACES)
            .flat_map(|trace| (0..DEPTH).rev().map(move |depth| (trace, depth)))
            .map(|(trace, depth)| {
                let id = |depth: usize| SpanId::from_int(number << 32 | (trace * DEPTH + depth + 1) as u64);
                let start = 1_790_000_000_000_000_000 + (trace * 1_000_000 + depth * 1_000) as u64;
                SpanData {
                    context: SpanContext::new(marker(trace), id(depth), TraceFlags::SAMPLED),
                    parent_span_id: depth.checked_sub(1).map(id),
                    name: format!("operation {depth}"),
                    kind: SpanKind::Internal,
                    start_unix_nanos: start,
                    end_unix_nanos: start + 900_000 - (depth * 2_000) as u64,
                    attributes: vec![
                        ("http.request.method".to_owned(), Value::from("GET".to_owned())),
                        ("url.path".to_owned(), Value::from(format!("/api/users/{trace}"))),
                        ("http.response.status_code".to_owned(), Value::Int(200)),
                    ],
                    events: vec![Event {
                        name: "cache miss".to_owned(),
                        time_unix_nanos: start + 500,
                        ..Event::default()
                    }],
                    resource: Arc::clone(&resource),
                    scope: Arc::clone(&scope),
                    ..SpanData::default()
                }
            })
            .collect();
        let bytes = encode_request(&spans);
        let places = (0..TRACES)
            .flat_map(|trace| {
                let marker = marker(trace).to_bytes();
                let found: Vec<(usize, usize)> = bytes
                    .windows(16)
                    .enumerate()
                    .filter(|(_, window)| *window == marker)
                    .map(|(at, _)| (at, trace))
                    .collect();
                found
            })
            .collect::<Vec<_>>();
        assert_eq!(places.len(), SPANS, "every span has its trace's identifier once");
        Self { bytes, places }
    }
}
