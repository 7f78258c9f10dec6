use std::sync::Arc;

use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags};
use tracer_factory_core::otlp::{decode_request, encode_request};
use tracer_factory_core::span::{Event, InstrumentationScope, Link, Resource, SpanData, Status, StatusCode};
use tracer_factory_core::value::Value;

use super::*;

fn span(trace: u128, id: u64, parent: u64, name: &str) -> SpanData {
    SpanData {
        context: SpanContext::new(TraceId::from_int(trace), SpanId::from_int(id), TraceFlags::SAMPLED),
        parent_span_id: Some(SpanId::from_int(parent)).filter(|id| id.is_valid()),
        name: name.to_owned(),
        start_unix_nanos: 1_000 + id,
        end_unix_nanos: 2_000 + id,
        resource: service("shop"),
        scope: Arc::new(InstrumentationScope { name: "lib".to_owned(), version: "1".to_owned() }),
        ..SpanData::default()
    }
}

fn service(name: &str) -> Arc<Resource> {
    Arc::new(Resource { attributes: vec![("service.name".to_owned(), Value::from(name.to_owned()))] })
}

/// A store, and the directory it is in.
struct Tested {
    store: Store,
    _directory: Option<tempfile::TempDir>,
}

impl std::ops::Deref for Tested {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

#[derive(Clone, Copy)]
enum Place {
    Memory,
    Disk,
}

impl Place {
    fn store(self) -> Tested {
        self.bounded(1 << 30)
    }

    fn bounded(self, max_bytes: usize) -> Tested {
        let keep = Keep { max_bytes, max_age: Duration::MAX };
        match self {
            Place::Memory => Tested { store: Store::in_memory(keep), _directory: None },
            Place::Disk => {
                let directory = tempfile::tempdir().unwrap();
                let store = Store::on_disk(directory.path(), keep).unwrap();
                Tested { store, _directory: Some(directory) }
            }
        }
    }
}

fn ingest(store: &Store, request: &[u8]) -> Result<Ingested, IngestError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.ingest(request.to_vec()))
}

fn traces(store: &Store, query: &TraceQuery) -> Vec<TraceSummary> {
    store.list(query).unwrap().traces
}

fn list(store: &Store, query: TraceQuery) -> Vec<String> {
    traces(store, &query).into_iter().map(|trace| trace.root_name).collect()
}

fn read(store: &Store, trace: u128) -> Vec<SpanData> {
    decode_request(&store.request_of(TraceId::from_int(trace)).unwrap().unwrap_or_default()).unwrap()
}

fn a_trace_is_read_as_it_was_written(place: Place) {
    let mut rich = span(1, 1, 0, "root");
    rich.attributes = vec![
        (
            "deep".to_owned(),
            Value::Array(vec![Value::Map(vec![("k".into(), Value::Double(0.5))]), Value::Empty]),
        ),
        ("bytes".to_owned(), Value::from(vec![0u8, 255])),
    ];
    rich.events = vec![Event { name: "e".to_owned(), time_unix_nanos: 7, ..Event::default() }];
    rich.links = vec![Link { context: span(9, 9, 0, "").context, ..Link::default() }];
    rich.status = Status { code: StatusCode::Error, message: "no".to_owned() };
    let mut other = span(1, 2, 1, "child");
    other.resource = service("db");
    let store = place.store();
    let spans = [rich, span(2, 3, 0, "another"), other];
    assert_eq!(
        ingest(&store, &encode_request(&spans)).unwrap(),
        Ingested { accepted: 3, ..Ingested::default() }
    );
    assert_eq!(read(&store, 1), [spans[0].clone(), spans[2].clone()]);
    assert_eq!(read(&store, 2), [spans[1].clone()]);
    assert!(store.request_of(TraceId::from_int(3)).unwrap().is_none());
}

fn summaries_follow_what_arrives(place: Place) {
    let store = place.store();
    let mut child = span(1, 5, 4, "child");
    child.status.code = StatusCode::Error;
    ingest(&store, &encode_request(&[child])).unwrap();
    let early = traces(&store, &TraceQuery::default()).remove(0);
    assert_eq!((early.root_name.as_str(), early.has_root, early.errors), ("child", false, 1));
    let mut root = span(1, 4, 0, "root");
    root.resource = service("gateway");
    root.end_unix_nanos = 9_000;
    ingest(&store, &encode_request(&[root])).unwrap();
    let trace = traces(&store, &TraceQuery::default()).remove(0);
    assert_eq!(trace.trace_id, TraceId::from_int(1).to_string());
    assert_eq!((trace.root_name.as_str(), trace.has_root, trace.spans), ("root", true, 2));
    assert_eq!(trace.services, ["gateway", "shop"]);
    assert_eq!((trace.start_unix_nanos, trace.duration_nanos), (1_004, 7_996));
}

fn the_list_is_newest_first_and_filtered(place: Place) {
    let store = place.store();
    let mut failed = span(2, 2, 0, "b");
    failed.status.code = StatusCode::Error;
    failed.resource = service("bank");
    for span in [span(1, 1, 0, "a"), failed, span(3, 3, 0, "ab")] {
        ingest(&store, &encode_request(&[span])).unwrap();
    }
    ingest(&store, &encode_request(&[span(1, 4, 1, "late child of a")])).unwrap();
    assert_eq!(list(&store, TraceQuery::default()), ["a", "ab", "b"]);
    assert_eq!(list(&store, TraceQuery { limit: 1, ..TraceQuery::default() }), ["a"]);
    assert_eq!(list(&store, TraceQuery { service: Some("bank".to_owned()), ..TraceQuery::default() }), ["b"]);
    assert_eq!(list(&store, TraceQuery { name: Some("b".to_owned()), ..TraceQuery::default() }), ["ab", "b"]);
    assert_eq!(list(&store, TraceQuery { errors: Some(false), ..TraceQuery::default() }), ["a", "ab"]);
    assert_eq!(list(&store, TraceQuery { errors: Some(true), limit: 0, ..TraceQuery::default() }), [""; 0]);
}

fn what_is_sent_again_is_stored_once(place: Place) {
    let store = place.store();
    let request = encode_request(&[span(1, 1, 0, "a"), span(1, 2, 1, "b")]);
    ingest(&store, &request).unwrap();
    let before = store.totals();
    assert_eq!(ingest(&store, &request).unwrap(), Ingested { duplicates: 2, ..Ingested::default() });
    assert_eq!(store.totals(), before);
    // The same identifier with another content is not the same span: both stay.
    let more = encode_request(&[span(1, 1, 0, "a"), span(1, 2, 1, "B"), span(1, 2, 1, "B")]);
    assert_eq!(ingest(&store, &more).unwrap(), Ingested { accepted: 1, duplicates: 2, rejected: 0 });
    assert_eq!(read(&store, 1).iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["a", "b", "B"]);
}

fn spans_that_name_nothing_are_counted_and_not_stored(place: Place) {
    let store = place.store();
    let request = encode_request(&[span(0, 1, 0, "a"), span(1, 0, 0, "b"), span(1, 1, 0, "c")]);
    assert_eq!(ingest(&store, &request).unwrap(), Ingested { accepted: 1, rejected: 2, duplicates: 0 });
    assert_eq!(store.totals().spans, 1);
}

fn a_malformed_request_leaves_nothing_behind(place: Place) {
    let store = place.store();
    let mut request = encode_request(&[span(1, 1, 0, "a")]);
    assert!(ingest(&store, &request[..request.len() - 1]).is_err());
    // A good span, then one whose name is not text.
    let resource_spans = [0x0a, 7, 0x12, 5, 0x12, 3, 0x2a, 1, 0xff];
    request.extend_from_slice(&resource_spans);
    assert!(matches!(ingest(&store, &request), Err(IngestError::Malformed(DecodeError::Utf8))));
    assert_eq!(store.totals(), Totals::default());
}

#[test]
fn every_cut_and_every_flipped_byte_is_stored_readable_or_refused() {
    let mut rich = span(1, 1, 0, "root");
    rich.attributes =
        vec![("k".to_owned(), Value::Array(vec![Value::Int(3), Value::from("text".to_owned())]))];
    rich.events = vec![Event { name: "e".to_owned(), ..Event::default() }];
    rich.links = vec![Link { context: span(9, 9, 0, "").context, ..Link::default() }];
    let request = encode_request(&[rich, span(1, 2, 1, "child")]);
    let check = |bytes: &[u8]| {
        let store = Place::Memory.store();
        if ingest(&store, bytes).is_ok() {
            for trace in traces(&store, &TraceQuery::default()) {
                let id = trace.trace_id.parse().unwrap();
                let spans = decode_request(&store.request_of(id).unwrap().unwrap()).unwrap();
                assert_eq!(spans.len() as u64, trace.spans);
            }
        }
    };
    for at in 0..request.len() {
        check(&request[..at]);
        for bit in 0..8 {
            let mut flipped = request.clone();
            flipped[at] ^= 1 << bit;
            check(&flipped);
        }
    }
}

fn bytes_are_bounded_and_the_oldest_leave_first(place: Place) {
    let store = place.bounded(64 << 10);
    let big = |trace: u128, id: u64| {
        let mut span = span(trace, id, 0, &format!("t{trace}"));
        span.attributes = vec![("prompt".to_owned(), Value::from("x".repeat(10_000)))];
        encode_request(&[span])
    };
    for trace in 1..=5 {
        ingest(&store, &big(trace, 1)).unwrap();
    }
    ingest(&store, &big(1, 2)).unwrap();
    assert_eq!(store.totals().evicted_spans, 0);
    ingest(&store, &big(6, 1)).unwrap();
    ingest(&store, &big(7, 1)).unwrap();
    assert_eq!(list(&store, TraceQuery::default()), ["t7", "t6", "t1", "t5", "t4", "t3"]);
    let totals = store.totals();
    assert_eq!((totals.traces, totals.evicted_traces, totals.evicted_spans), (6, 1, 2));
    assert!(totals.bytes <= 64 << 10, "{totals:?}");
    // The first span of the first trace is gone, the later one is not.
    let first = traces(&store, &TraceQuery { q: Some("T1".to_owned()), ..TraceQuery::default() }).remove(0);
    assert_eq!((first.spans, first.omitted_spans), (1, 1));
    assert_eq!(read(&store, 1).len(), 1);
    // What is gone may come again.
    assert_eq!(ingest(&store, &big(1, 1)).unwrap().accepted, 1);
}

fn one_trace_alone_is_bounded_too(place: Place) {
    let store = place.bounded(64 << 10);
    for id in 1..=50 {
        let mut span = span(1, id, u64::from(id > 1), "s");
        span.attributes = vec![("prompt".to_owned(), Value::from("x".repeat(10_000)))];
        ingest(&store, &encode_request(&[span])).unwrap();
    }
    let trace = traces(&store, &TraceQuery::default()).remove(0);
    let totals = store.totals();
    assert!(totals.bytes <= 64 << 10 && trace.spans >= 4, "{totals:?}");
    assert_eq!(trace.spans + trace.omitted_spans, 50);
    assert_eq!(totals.spans + totals.evicted_spans, 50);
    assert_eq!(read(&store, 1).last().unwrap().span_id(), SpanId::from_int(50));
    // What fits nowhere is let go, counted, and leaves no empty trace.
    let tiny = place.bounded(10);
    ingest(&tiny, &encode_request(&[span(1, 1, 0, "s")])).unwrap();
    assert_eq!(tiny.totals(), Totals { evicted_traces: 1, evicted_spans: 1, ..Totals::default() });
}

fn long_names_are_cut_in_the_index_only(place: Place) {
    let store = place.store();
    ingest(&store, &encode_request(&[span(1, 1, 0, &"ä".repeat(1_000))])).unwrap();
    assert_eq!(list(&store, TraceQuery::default()), ["ä".repeat(128)]);
    assert_eq!(read(&store, 1)[0].name.len(), 2_000);
}

macro_rules! in_both_places {
    ($($test:ident)*) => {
        mod in_memory {
            $(#[test] fn $test() { super::$test(super::Place::Memory); })*
        }
        mod on_disk {
            $(#[test] fn $test() { super::$test(super::Place::Disk); })*
        }
    };
}

in_both_places! {
    a_trace_is_read_as_it_was_written
    summaries_follow_what_arrives
    the_list_is_newest_first_and_filtered
    what_is_sent_again_is_stored_once
    spans_that_name_nothing_are_counted_and_not_stored
    a_malformed_request_leaves_nothing_behind
    bytes_are_bounded_and_the_oldest_leave_first
    one_trace_alone_is_bounded_too
    long_names_are_cut_in_the_index_only
}
