//! OpenTelemetry spans and `tracing` spans inside native scopes and around them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{
    Event, Link, Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, Context as OtelContext, KeyValue, StringValue, Value as OtelValue};
use tracer_factory_core::capture::Capture;
use tracer_factory_core::config::{TracerConfig, TracerType};
use tracer_factory_core::context::{Context, current_span, current_span_id, detach};
use tracer_factory_core::future::TraceFuture;
use tracer_factory_core::guest::GuestTracer;
use tracer_factory_core::manual::Span;
use tracer_factory_core::propagation::Baggage;
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::span::{SpanData, StatusCode};
use tracer_factory_core::tracer::BaseTracer;
use tracer_factory_core::value::Value;
use tracing_subscriber::layer::SubscriberExt as _;

fn tracer() -> (Arc<RecordingTracer>, GuestTracer, Capture) {
    let (tracer, capture) = Capture::with_config(&TracerConfig::new(TracerType::Console)).unwrap();
    let guest = tracer.tracer_provider().tracer("guest-library");
    (tracer, guest, capture)
}

fn names(spans: &[SpanData]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

fn assert_chain(capture: &Capture, chain: &[&str]) {
    for pair in chain.windows(2) {
        let (parent, child) = (capture.span(pair[0]).unwrap(), capture.span(pair[1]).unwrap());
        assert_eq!(child.parent_span_id, Some(parent.span_id()), "{} under {}", pair[1], pair[0]);
        assert_eq!(child.trace_id(), parent.trace_id());
    }
}

#[test]
fn they_nest_in_both_directions() {
    let (tracer, guest, capture) = tracer();
    let native = tracer.trace_context("native root");
    guest.in_span("guest child", |cx| {
        assert_eq!(
            current_span_id().map(|id| id.to_int().to_be_bytes()),
            Some(cx.span().span_context().span_id().to_bytes())
        );
        let inner = tracer.trace_context("native grandchild");
        guest.in_span("guest leaf", |_| {});
        drop(inner);
    });
    drop(tracer.trace_context("native sibling"));
    let trace = native.finish();
    assert_chain(&capture, &["native root", "guest child", "native grandchild", "guest leaf"]);
    assert_chain(&capture, &["native root", "native sibling"]);
    let expected = ["guest leaf", "native grandchild", "guest child", "native sibling", "native root"];
    assert_eq!(names(&trace.spans), expected, "the last trace has both kinds");
    assert_eq!(capture.span("guest leaf").unwrap().scope.name, "guest-library");
    assert_eq!(capture.span("native root").unwrap().scope.name, "tracer-factory");
    assert!(current_span().is_none() && !OtelContext::current().has_active_span());
}

#[test]
fn a_guest_root_has_a_last_trace_too() {
    let (tracer, guest, capture) = tracer();
    guest.in_span("guest root", |cx| {
        drop(tracer.trace_context("native child"));
        let elsewhere = std::thread::spawn({
            let (guest, cx) = (guest.clone(), cx.clone());
            move || guest.build_with_context(guest.span_builder("guest elsewhere"), &cx).end()
        });
        elsewhere.join().unwrap();
        cx.span().end();
    });
    assert_chain(&capture, &["guest root", "native child"]);
    assert_chain(&capture, &["guest root", "guest elsewhere"]);
    assert_eq!(names(&tracer.get_last_trace().spans), ["native child", "guest elsewhere", "guest root"]);
}

#[test]
fn a_native_root_gathers_what_is_done_elsewhere_in_its_opentelemetry_context() {
    let (tracer, guest, capture) = tracer();
    tracer.init_worker(3).unwrap();
    tracer.init_worker(4).unwrap();
    let root = tracer.trace_context("native root");
    guest.in_span("guest here", |cx| {
        std::thread::scope(|scope| {
            let elsewhere = scope.spawn(|| {
                let _here = cx.clone().attach();
                guest.in_span("guest elsewhere", |_| {});
                drop(tracer.trace_context("native elsewhere"));
            });
            elsewhere.join().unwrap();
        });
    });
    let trace = root.finish();
    assert_chain(&capture, &["native root", "guest here", "guest elsewhere"]);
    assert_chain(&capture, &["guest here", "native elsewhere"]);
    let mut gathered = names(&trace.spans);
    gathered.sort_unstable();
    assert_eq!(gathered, ["guest elsewhere", "guest here", "native elsewhere", "native root"]);
    for name in gathered {
        let worker = capture.span(name).unwrap().attribute("worker.id").cloned();
        assert_eq!(worker, Some(Value::Int(4)), "{name}: the thread's own or inherited, as there are two");
    }
}

#[test]
fn baggage_goes_on_through_guests_and_to_other_threads() {
    let (tracer, guest, _capture) = tracer();
    let mut baggage = Baggage::default();
    baggage.insert("user", "7").unwrap();
    let user = || Context::current().baggage().get("user").map(str::to_owned);
    let _outer = Context::current().with_baggage(baggage).attach();
    let _native = tracer.trace_context("native");
    guest.in_span("guest", |cx| {
        let _inner = tracer.trace_context("inner");
        assert_eq!(user().as_deref(), Some("7"));
        let elsewhere = || {
            let _here = cx.clone().attach();
            let _native = tracer.trace_context("elsewhere");
            user()
        };
        let seen = std::thread::scope(|scope| scope.spawn(elsewhere).join().unwrap());
        assert_eq!(seen.as_deref(), Some("7"));
        let _clean = detach();
        guest.in_span("alone", |_| assert_eq!(user(), None));
    });
}

#[test]
fn everything_the_api_can_say_is_recorded() {
    let (_tracer, guest, capture) = tracer();
    let other = guest.start("other").span_context().clone();
    let mut span = guest
        .span_builder("said")
        .with_kind(SpanKind::Client)
        .with_attributes([KeyValue::new("built", 1)])
        .start(&guest);
    span.set_attribute(KeyValue::new("f", 1.5));
    span.set_attribute(KeyValue::new("b", true));
    let words = OtelValue::Array(Array::String(vec![StringValue::from("x"), StringValue::from("y")]));
    span.set_attribute(KeyValue::new("words", words));
    span.add_event("event", vec![KeyValue::new("k", "v")]);
    span.add_link(other.clone(), vec![KeyValue::new("why", "test")]);
    span.set_status(Status::error("went wrong"));
    span.update_name("renamed");
    assert!(span.is_recording());
    span.end();
    assert!(!span.is_recording());
    span.set_attribute(KeyValue::new("late", 1));
    drop(span);
    let span = capture.span("renamed").unwrap();
    assert_eq!(span.kind, tracer_factory_core::span::SpanKind::Client);
    assert_eq!(names_of(&span), ["built", "f", "b", "words"]);
    assert_eq!(span.attribute("words"), Some(&Value::Array(vec!["x".into(), "y".into()])));
    assert_eq!(span.events[0].attributes, [("k".to_owned(), Value::from("v"))]);
    assert_eq!(span.links[0].context.span_id.to_bytes(), other.span_id().to_bytes());
    assert_eq!((span.status.code, span.status.message.as_str()), (StatusCode::Error, "went wrong"));
    assert_eq!(capture.spans().len(), 2, "ended once");
}

#[test]
fn a_builder_brings_events_and_links() {
    let (_tracer, guest, capture) = tracer();
    let other = guest.start("other").span_context().clone();
    let event = Event::new("begun", SystemTime::UNIX_EPOCH, vec![KeyValue::new("k", "v")], 0);
    let link = Link::new(other.clone(), vec![KeyValue::new("why", "test")], 0);
    guest.span_builder("built").with_events(vec![event]).with_links(vec![link]).start(&guest).end();
    let span = capture.span("built").unwrap();
    assert_eq!((span.events[0].name.as_str(), span.events[0].time_unix_nanos), ("begun", 0));
    assert_eq!(span.events[0].attributes, [("k".to_owned(), Value::from("v"))]);
    assert_eq!(span.links[0].context.span_id.to_bytes(), other.span_id().to_bytes());
    assert_eq!(span.links[0].attributes, [("why".to_owned(), Value::from("test"))]);
}

#[test]
fn spans_end_on_threads_that_have_recorded_nothing() {
    let (tracer, guest, capture) = tracer();
    let root = guest.start("root");
    let context = OtelContext::new().with_span(root);
    let inner = guest.start_with_context("inner", &context);
    std::thread::spawn(move || {
        drop(inner);
        drop(context);
    })
    .join()
    .unwrap();
    assert_chain(&capture, &["root", "inner"]);
    assert_eq!(names(&tracer.get_last_trace().spans), ["inner", "root"]);
    assert_eq!(tracer.report().accepted, 2);
}

#[test]
fn a_root_gathers_its_own_spans_and_none_of_the_root_before() {
    let (tracer, guest, _capture) = tracer();
    for round in 0..3 {
        guest.in_span(format!("root {round}"), |_| {
            for leaf in 0..2 {
                guest.in_span("middle", |_| guest.in_span(format!("leaf {round} {leaf}"), |_| {}));
            }
        });
        let trace = tracer.get_last_trace();
        let expected = [0, 1].map(|leaf| [format!("leaf {round} {leaf}"), "middle".to_owned()]);
        let expected: Vec<_> = expected.into_iter().flatten().chain([format!("root {round}")]).collect();
        assert_eq!(names(&trace.spans), expected);
    }
}

fn names_of(span: &SpanData) -> Vec<&str> {
    span.attributes.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn tracing_spans_join_across_threads_and_awaits() {
    let (tracer, guest, capture) = tracer();
    let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(guest));
    tracing::subscriber::with_default(subscriber, || {
        let root = tracer.trace_context("native");
        let outer = tracing::info_span!("tracing outer", answer = 42);
        let entered = outer.enter();
        let native = tracer.trace_context("native inside tracing");
        tracing::info_span!("tracing leaf").in_scope(|| tracing::info!("an event"));
        drop(native);
        drop(entered);
        drop(outer);

        let work = async {
            let span = tracing::info_span!("tracing in future");
            let _here = span.enter();
            drop(tracer.trace_context("native in future"));
        };
        let under = work.in_span(Span::start(&*tracer, "future"));
        let mut under = Box::pin(under);
        assert!(under.as_mut().poll_once().is_ready());

        let (context, dispatch) = (Context::current(), tracing::dispatcher::get_default(Clone::clone));
        let thread = std::thread::spawn(move || {
            let _subscriber = tracing::dispatcher::set_default(&dispatch);
            let _here = context.attach();
            tracing::info_span!("tracing in thread").in_scope(|| {});
        });
        thread.join().unwrap();
        drop(root);
    });
    assert_chain(&capture, &["native", "tracing outer", "native inside tracing", "tracing leaf"]);
    assert_chain(&capture, &["native", "future", "tracing in future", "native in future"]);
    assert_chain(&capture, &["native", "tracing in thread"]);
    assert_eq!(capture.span("tracing outer").unwrap().attribute("answer"), Some(&Value::Int(42)));
    assert_eq!(capture.span("tracing leaf").unwrap().events[0].name, "an event");
}

#[test]
fn a_clean_slate_is_clean_for_guests() {
    let (tracer, guest, capture) = tracer();
    let _outer = tracer.trace_context("outer");
    {
        let _clean = detach();
        guest.in_span("alone", |_| {});
        drop(tracer.trace_context("alone too"));
    }
    assert_eq!(capture.span("alone").unwrap().parent_span_id, None);
    assert_eq!(capture.span("alone too").unwrap().parent_span_id, None);
    guest.in_span("back", |_| {});
    assert!(capture.span("back").unwrap().parent_span_id.is_some());
}

#[test]
fn remote_parents_and_their_decision_are_kept() {
    let (tracer, guest, capture) = tracer();
    let parent = |flag| Vec::from([("traceparent".to_owned(), format!("00-{:032x}-{:016x}-0{flag}", 5, 6))]);
    {
        let _remote = tracer.extract_context(&parent(1)).attach();
        guest.in_span("asked for", |_| {});
    }
    {
        let _remote = tracer.extract_context(&parent(0)).attach();
        guest.in_span("not asked for", |cx| assert!(!cx.span().is_recording()));
    }
    let span = capture.span("asked for").unwrap();
    assert_eq!((span.trace_id().to_int(), span.parent_is_remote), (5, Some(true)));
    assert_eq!(capture.spans().len(), 1);
}

/// Polling without a runtime.
trait PollOnce: Future {
    fn poll_once(self: std::pin::Pin<&mut Self>) -> std::task::Poll<Self::Output> {
        self.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }
}

impl<F: Future> PollOnce for F {}

#[test]
fn a_leaked_scope_does_not_end_the_process_with_its_thread() {
    let (tracer, _guest, _capture) = tracer();
    let leaks = std::thread::spawn(move || std::mem::forget(tracer.trace_context("leaked")));
    assert!(leaks.join().is_ok());
}

/// Pending at the first poll, ready at the second.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|_| match std::mem::replace(&mut yielded, true) {
        true => std::task::Poll::Ready(()),
        false => std::task::Poll::Pending,
    })
    .await;
}

#[test]
fn scopes_held_across_an_await_are_hidden_from_other_tasks_and_come_back() {
    let (tracer, guest, capture) = tracer();
    let task = |name: &'static str, inner: &'static str, leaf: &'static str| {
        let (tracer, guest, span) = (Arc::clone(&tracer), guest.clone(), Span::start(&*tracer, name));
        async move {
            let held = tracer.trace_context(inner);
            yield_once().await;
            guest.in_span(leaf, |_| {});
            drop(held);
        }
        .in_span(span)
    };
    let mut a = Box::pin(task("task a", "inner a", "leaf a"));
    let mut b = Box::pin(task("task b", "inner b", "leaf b"));
    assert!(a.as_mut().poll_once().is_pending() && b.as_mut().poll_once().is_pending());
    drop(tracer.trace_context("between"));
    assert!(a.as_mut().poll_once().is_ready() && b.as_mut().poll_once().is_ready());
    assert_chain(&capture, &["task a", "inner a", "leaf a"]);
    assert_chain(&capture, &["task b", "inner b", "leaf b"]);
    assert_eq!(capture.span("between").unwrap().parent_span_id, None);
}
