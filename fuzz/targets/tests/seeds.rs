//! The seeds of the corpus, out of the real encoders: `cargo test -p tracer-factory-fuzz-targets --test seeds -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tracer_factory_core::env::VARS;
use tracer_factory_core::fuzz_segment;
use tracer_factory_core::fuzzing::{sealed_segment, segment};
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::otlp::{encode_request, encode_span, request_to_json};
use tracer_factory_core::propagation::{Baggage, Propagated, Propagator, TraceState, inject};
use tracer_factory_core::span::{
    Event, InstrumentationScope, Link, Resource, SpanData, SpanKind, Status, StatusCode,
};
use tracer_factory_core::value::Value;
#[cfg(target_os = "linux")]
use tracer_factory_fuzz_targets::pack;
#[cfg(target_os = "linux")]
use tracer_factory_ring::{RecordHeader, RingFile};

#[test]
#[ignore = "writes into the corpus"]
fn write_the_seeds() {
    let spans =
        [("bare", vec![bare(1)]), ("rich", vec![rich()]), ("values", vec![values()]), ("many", many())];
    for (name, spans) in &spans {
        for target in ["otlp_request", "thrift", "zipkin"] {
            seed(target, name, &encode_request(spans));
        }
        seed("otlp_json", name, request_to_json(spans.clone()).to_string().as_bytes());
        let mut span = Vec::new();
        encode_span(&spans[0], &mut span);
        seed("otlp_span", name, &span);
    }
    seed("otlp_json", "other_names", OTHER_NAMES.as_bytes());
    headers();
    environments();
    segments();
    #[cfg(target_os = "linux")]
    ring_files();
    for (name, text) in SECRETS {
        seed("redaction", name, text.as_bytes());
    }
    seed("redaction", "span", &encode_request(&[secrets()]));
}

/// Else the target would look at nothing but checksums.
#[test]
fn a_real_segment_is_sealed_already() {
    let real = segment(b"resource", &[b"one", b"", b"three"]);
    assert_eq!(fuzz_segment(&real), 3);
    assert_eq!(sealed_segment(&real), real);
    let unsealed: Vec<u8> =
        real.iter().enumerate().map(|(at, byte)| if (56..64).contains(&at) { 0 } else { *byte }).collect();
    assert_eq!(fuzz_segment(&unsealed), 0);
    assert_eq!(sealed_segment(&unsealed), real);
}

fn seed(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

fn context(id: u64) -> SpanContext {
    SpanContext::new(TraceId::from_int(0xabc << 64 | 1), SpanId::from_int(id), TraceFlags::SAMPLED)
}

fn bare(id: u64) -> SpanData {
    SpanData {
        context: context(id),
        name: "op".to_owned(),
        start_unix_nanos: 1_700_000_000_123_456_789,
        end_unix_nanos: 1_700_000_000_123_458_023,
        ..SpanData::default()
    }
}

fn rich() -> SpanData {
    let state = TraceState::from_header("vendor=1,other@v=2");
    SpanData {
        context: SpanContext { trace_state: state.clone(), ..context(1) },
        parent_span_id: Some(SpanId::from_int(9)),
        parent_is_remote: Some(true),
        kind: SpanKind::Server,
        attributes: vec![
            ("http.request.method".to_owned(), "POST".into()),
            ("http.response.status_code".to_owned(), 503.into()),
            ("error".to_owned(), true.into()),
            ("network.peer.address".to_owned(), "10.0.0.7".into()),
            ("network.peer.port".to_owned(), 4317.into()),
        ],
        dropped_attributes: 1,
        events: vec![Event {
            name: "retry".to_owned(),
            time_unix_nanos: 1_700_000_000_123_457_000,
            attributes: vec![("event".to_owned(), "again".into())],
            dropped_attributes: 4,
        }],
        dropped_events: 2,
        links: vec![Link {
            context: SpanContext { trace_state: state, is_remote: true, ..context(7) },
            attributes: vec![("why".to_owned(), "batch".into())],
            dropped_attributes: 5,
        }],
        dropped_links: 3,
        status: Status { code: StatusCode::Error, message: "no answer".to_owned() },
        resource: service("gateway"),
        scope: Arc::new(InstrumentationScope { name: "lib".to_owned(), version: "1.2".to_owned() }),
        ..bare(1)
    }
}

fn service(name: &'static str) -> Arc<Resource> {
    let attributes =
        vec![("service.name".to_owned(), name.into()), ("host.ip".to_owned(), "10.0.0.1".into())];
    Arc::new(Resource { attributes })
}

fn values() -> SpanData {
    let list = vec!["a".into(), 1.into(), Value::Array(vec![Value::Empty, true.into()])];
    let map = vec![(Cow::Borrowed("k"), Value::Array(list.clone())), (Cow::Borrowed(""), 0.1.into())];
    SpanData {
        attributes: vec![
            ("text".to_owned(), "te\0xt \"🦀\"\r\n".into()),
            ("smallest".to_owned(), i64::MIN.into()),
            ("largest".to_owned(), i64::MAX.into()),
            ("nan".to_owned(), f64::NAN.into()),
            ("less".to_owned(), f64::NEG_INFINITY.into()),
            ("bytes".to_owned(), vec![0, 255].into()),
            ("list".to_owned(), Value::Array(list)),
            ("map".to_owned(), Value::Map(map)),
            ("none".to_owned(), Value::Empty),
        ],
        ..bare(1)
    }
}

/// More than a list's short form holds, of two services.
fn many() -> Vec<SpanData> {
    let spans = (1..=17).map(|id| {
        let resource = service(if id % 2 == 0 { "a" } else { "b" });
        SpanData { kind: SpanKind::from_otlp(id % 6), resource, ..bare(id) }
    });
    spans.collect()
}

/// Protobuf's own names, enums by name, numbers as text, null for nothing.
const OTHER_NAMES: &str = r#"{"resource_spans":[{"resource":null,"scope_spans":[{"scope":{"name":"s"},"spans":[
{"trace_id":"0000000000000abc0000000000000001","span_id":"0000000000000001","kind":"SPAN_KIND_CLIENT","flags":257,
"start_time_unix_nano":"1","end_time_unix_nano":2,"attributes":[{"key":"a","value":{"double_value":"Infinity"}},
{"key":"b","value":{"bytes_value":"AP8="}},{"key":"c","value":{"int_value":"-5"}},{"key":"d","value":null}],
"status":{"code":"STATUS_CODE_ERROR","message":"m"},"unknown":[{}],"dropped_links_count":1}]}]}]}"#;

fn headers() {
    let mut baggage = Baggage::default();
    baggage.insert_with_metadata("user", "Köln, 50%", "p;q=1").unwrap();
    baggage.insert("tenant", "").unwrap();
    let sent = |flags| Propagated {
        span: Some(SpanContext { flags, trace_state: TraceState::from_header("vendor=1"), ..context(2) }),
        baggage: baggage.clone(),
    };
    for (target, formats) in [
        ("tracecontext", [Propagator::TraceContext].as_slice()),
        ("b3", &[Propagator::B3, Propagator::B3Multi]),
        ("uber", &[Propagator::Jaeger]),
        ("baggage", &[Propagator::Baggage]),
    ] {
        for (name, flags) in [
            ("sampled", TraceFlags::SAMPLED),
            ("debug", TraceFlags::DEBUG),
            ("deferred", TraceFlags::DEFERRED),
        ] {
            let mut lines: Vec<(String, String)> = Vec::new();
            inject(formats, &sent(flags), &mut lines);
            seed(target, name, &joined(lines.iter().map(|(name, value)| format!("{name}:{value}"))));
        }
    }
    let ids = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let (trace, span) = ids;
    for (target, name, lines) in [
        ("tracecontext", "later_version", vec![format!("traceparent:cc-{trace}-{span}-ff-more")]),
        (
            "tracecontext",
            "several_lines",
            vec![
                format!("TraceParent: 00-{trace}-{span}-03 "),
                "tracestate:a=1 ,b@c=2,,".to_owned(),
                "tracestate:a=3".to_owned(),
            ],
        ),
        ("b3", "short_with_parent", vec![format!("b3:{span}-{span}-d-{span}")]),
        (
            "b3",
            "words",
            vec![
                format!("X-B3-TraceId:{trace}"),
                format!("x-b3-spanid:{span}"),
                "x-b3-sampled:true".to_owned(),
            ],
        ),
        ("b3", "decision_only", vec!["b3:0".to_owned()]),
        (
            "uber",
            "encoded",
            vec![format!("uber-trace-id:{span}%3Aa1%3A0%3A3"), "uberctx-user:a%2Bb+c".to_owned()],
        ),
        (
            "baggage",
            "spaces",
            vec!["baggage:a = 1 ; p ; q = 2 , b=\t%e2%82%ac".to_owned(), "baggage:a=2".to_owned()],
        ),
        ("baggage", "smuggled", vec!["baggage:a=%0d%0aX:%20y,b=1\r\nX: y".to_owned()]),
        ("baggage", "by_hand", vec!["name:value\u{1}p;q=1".to_owned()]),
    ] {
        seed(target, name, &joined(lines));
    }
}

fn environments() {
    let of =
        |variables: &[(&str, &str)]| joined(variables.iter().map(|(name, value)| format!("{name}={value}")));
    seed(
        "environment",
        "every_variable",
        &joined(VARS.iter().map(|var| format!("{}={}", var.name, var.default))),
    );
    for (name, variables) in [
        (
            "several_types",
            [
                ("TRACER_TYPE", "otlp, jaeger,zipkin"),
                ("OTLP_ENDPOINT", "http://me:canary@h:4318/v1"),
                ("OTLP_HEADERS", "authorization=Basic%20canary,x=y"),
            ]
            .as_slice(),
        ),
        (
            "otel",
            &[
                ("OTEL_TRACES_EXPORTER", "zipkin"),
                ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
                ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=%E2%82%AC"),
                ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
            ],
        ),
        (
            "session",
            &[
                ("AGENTOPS_API_KEY", "canary"),
                ("TRACER_SHUTDOWN_TIMEOUT", "1m"),
                ("TRACER_LANE_BYTES", "64KiB"),
                ("TRACER_VALUE_LENGTH_LIMIT", "unlimited"),
            ],
        ),
        (
            "mistakes",
            &[
                ("TRACER_TYP", "jaeger"),
                ("TRACER_TYPE", "jeager"),
                ("JAEGER_ENDPOINT", "udp://me:canary@h:0"),
                ("TRACER_PORT", "tcp://10.0.0.1:80"),
                ("TRACER_SAMPLING_RATE", "NaN"),
            ],
        ),
    ] {
        seed("environment", name, &of(variables));
    }
}

fn joined(entries: impl IntoIterator<Item = String>) -> Vec<u8> {
    entries.into_iter().collect::<Vec<_>>().join("\0").into_bytes()
}

fn segments() {
    let with_place = |segment: Vec<u8>| [vec![40, 0], segment].concat();
    let (span, other) = (encode_request(&[bare(1)]), encode_request(&many()));
    let whole = segment(b"resource", &[&span, &other, b"", b"x"]);
    seed("spool_segment", "empty", &with_place(segment(b"", &[])));
    seed("spool_segment", "torn", &with_place(whole[..whole.len() - 40].to_vec()));
    seed("spool_segment", "whole", &with_place(whole));
}

/// One lane that went around, one full, one never used.
#[cfg(target_os = "linux")]
fn ring_files() {
    let folder = tempfile::tempdir().unwrap();
    let ring = RingFile::create(&folder.path().join("ring"), 4096, 1 << 20).unwrap();
    let mut lanes: Vec<_> = (0..3).map(|_| ring.lane().unwrap().unwrap()).collect();
    for (at, (producer, consumer)) in lanes.iter_mut().enumerate().take(2) {
        for number in 0..100 {
            let span = vec![1; number % 60];
            producer.push(&RecordHeader { start_unix_nanos: 5, ..RecordHeader::default() }, &span);
            if at == 0 && number < 96 {
                consumer.drain_into(&mut Vec::new(), usize::MAX);
            }
        }
    }
    let whole = fs::read(ring.path()).unwrap();
    seed("ring_file", "three_lanes", &pack(&whole));
    seed("ring_file", "cut", &pack(&whole[..whole.len() / 2]));
    let never_used = RingFile::create(&folder.path().join("new"), 4096, 1 << 20).unwrap();
    seed("ring_file", "no_lanes", &pack(&fs::read(never_used.path()).unwrap()));
}

/// One of each look; none is anybody's.
const SECRETS: [(&str, &str); 6] = [
    ("assignments", "password=hunter2 apiKey: \"s3cr3t\" Cookie: a=b; c=d\ntoken => 'x' user[secret]=1"),
    ("url", "GET https://me:pw@example.com/a?token=abc&page=2#x and postgres://u:p@h/db"),
    ("headers", "Authorization: Bearer abcdef123456 and Basic dXNlcjpwYXNz, scheme only: Bearer"),
    ("card", "card 4242 4242 4242 4242, 4242424242424242 and 378282246310005"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlc2lnbmF0dXJl AKIAIOSFODNN7EXAMPLE"),
    ("key", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY----- [redacted] [redacted:jwt]"),
];

fn secrets() -> SpanData {
    let map = vec![(Cow::Borrowed("password"), "x".into()), (Cow::Borrowed("page"), 2.into())];
    let texts = vec!["Bearer abcdef123456".into(), "plain".into()];
    SpanData {
        attributes: vec![
            ("db.password".to_owned(), Value::Array(vec!["a".into(), "b".into()])),
            ("arguments".to_owned(), Value::Map(map)),
            ("texts".to_owned(), Value::Array(texts)),
            ("body".to_owned(), b"api_key=abcdefgh".to_vec().into()),
            ("url.query".to_owned(), "token=abc&page=2".into()),
        ],
        ..bare(1)
    }
}
