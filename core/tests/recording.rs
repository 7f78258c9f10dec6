//! What the recorder promises, seen through decoded spans: nesting, limits, order, threads, futures, last traces.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use tracer_factory_core::capture::Capture;
use tracer_factory_core::config::{TracerConfig, TracerType};
use tracer_factory_core::context::{Context, current_span, current_trace_id, detach, set_current_span};
use tracer_factory_core::future::TraceFuture;
use tracer_factory_core::manual::Span;
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::span::{SpanKind, StatusCode};
use tracer_factory_core::tracer::{BaseTracer, SpanOptions};
use tracer_factory_core::value::{AttrValue, Value};

fn tracer() -> (Arc<RecordingTracer>, Capture) {
    tracer_with(|_| {})
}

fn tracer_with(change: impl FnOnce(&mut TracerConfig)) -> (Arc<RecordingTracer>, Capture) {
    let config = TracerConfig::builder().tracer_type(TracerType::Console).with(change).build();
    Capture::with_config(&config).unwrap()
}

/// Polls once; the future must not be ready.
fn poll_pending<F: Future>(future: Pin<&mut F>) {
    assert!(future.poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
}

fn poll_ready<F: Future>(future: Pin<&mut F>) -> F::Output {
    match future.poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("not ready"),
    }
}

/// Pending at the first poll, ready at the second.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(
        |_| if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}

#[test]
fn scopes_nest_and_carry_everything() {
    let (tracer, capture) = tracer();
    let root = tracer.start_scope(&SpanOptions::new("root").kind(SpanKind::Server));
    root.set_attribute("text", "a").set_attribute("number", 1).set_attribute("text", "longer than before");
    root.set_attribute("double", f64::NAN)
        .set_attribute("bytes", &b"\x00\xff"[..])
        .set_attribute("flag", true);
    root.set_attribute("list", AttrValue::Array(vec!["x".into(), 2.into()]));
    root.set_attribute("map", AttrValue::Map(vec![("k".into(), AttrValue::Empty)]));
    root.add_event_with("happened", &[("items", 3.into())]);
    let child = tracer.trace_context("child");
    tracer.add_span_attribute("through", "tracer".into());
    let error = std::io::Error::other("broken");
    child.record_error(&error);
    root.add_link(&child.span_context(), &[("why", "because".into())]);
    drop(child);
    root.set_status(StatusCode::Ok, "ignored").set_status(StatusCode::Error, "too late");
    drop(root);

    let (root, child) = (capture.span("root").unwrap(), capture.span("child").unwrap());
    assert_eq!(child.parent_span_id, Some(root.span_id()));
    assert_eq!((child.trace_id(), root.parent_span_id, root.kind), (root.trace_id(), None, SpanKind::Server));
    let names: Vec<_> = root.attributes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["text", "number", "double", "bytes", "flag", "list", "map"],
        "each once, where it was first set"
    );
    assert_eq!(root.attribute("text"), Some(&Value::from("longer than before")));
    assert_eq!(root.attribute("bytes"), Some(&Value::Bytes(vec![0, 255].into())));
    assert!(matches!(root.attribute("double"), Some(Value::Double(value)) if value.is_nan()));
    assert_eq!(root.attribute("map"), Some(&Value::Map(vec![("k".into(), Value::Empty)])));
    assert_eq!(root.events[0].attributes, [("items".to_owned(), Value::Int(3))]);
    assert_eq!(root.links[0].context.span_id, child.span_id());
    assert_eq!(root.status.code, StatusCode::Ok, "ok is final");
    assert_eq!(child.attribute("through"), Some(&Value::from("tracer")));
    assert_eq!((child.status.code, child.status.message.as_str()), (StatusCode::Error, "broken"));
    assert_eq!(child.events[0].name, "exception");
    assert!(root.start_unix_nanos <= child.start_unix_nanos && child.end_unix_nanos <= root.end_unix_nanos);
}

#[test]
fn limits_drop_and_count_and_never_split_a_character() {
    let (tracer, capture) = tracer_with(|config| {
        config.limits.attributes = 3;
        config.limits.events = 1;
        config.limits.links = 0;
        config.limits.event_attributes = 1;
        config.limits.value_bytes = 5;
    });
    let scope = tracer.trace_context("limited");
    for n in 0..5 {
        scope.set_attribute(&format!("k{n}"), "ééé");
    }
    scope.set_attribute("k0", "replaced is not added");
    scope.add_event_with("kept", &[("a", 1.into()), ("b", 2.into())]).add_event("dropped");
    scope.add_link(&scope.span_context(), &[]);
    drop(scope);
    let span = capture.span("limited").unwrap();
    assert_eq!((span.dropped_attributes, span.dropped_events, span.dropped_links), (2, 1, 1));
    assert_eq!(span.attribute("k1"), Some(&Value::from("éé")));
    assert_eq!(span.attribute("k0"), Some(&Value::from("repla")));
    assert_eq!(span.attribute("tracer.truncated_values"), Some(&Value::Int(4)));
    assert_eq!((span.events.len(), span.events[0].dropped_attributes), (1, 1));
}

#[test]
fn ten_megabytes_and_ten_thousand_attributes_stay_in_bounds() {
    let (tracer, capture) = tracer_with(|config| config.limits.attributes = u32::MAX);
    let big = "🦀".repeat(10 << 18);
    let scope = tracer.trace_context("name with \0 and 🦀");
    scope.set_attribute("big", big.as_str());
    scope.add_event_with("also big", &[("big", big.as_str().into())]);
    drop(scope);
    let scope = tracer.trace_context("many");
    for n in 0..10_000 {
        scope.set_attribute(&format!("attribute-{n}"), n);
    }
    drop(scope);
    let report = tracer.flush(std::time::Duration::from_secs(10));
    assert!(report.is_complete() && report.adds_up(), "{report}");
    let span = capture.span("name with \0 and 🦀").unwrap();
    let kept = span.attribute("big").and_then(Value::as_str).unwrap();
    assert!(kept.len() > 900_000 && kept.len() < 1 << 20 && big.starts_with(kept), "{}", kept.len());
    assert_eq!(capture.span("many").unwrap().attributes.len(), 10_000);
}

#[test]
fn ten_thousand_deep_and_closing_out_of_order() {
    let (tracer, capture) = tracer_with(|config| config.delivery.lane_bytes = 16 << 20);
    let mut scopes: Vec<_> = (0..10_000).map(|_| tracer.trace_context("deep")).collect();
    // Every other one first, outermost first: children go on under parents that have ended.
    let mut n = 0;
    scopes.retain(|_| {
        n += 1;
        n % 2 == 0
    });
    scopes.reverse();
    drop(scopes);
    assert!(current_span().is_none());
    let spans = capture.spans();
    assert_eq!(spans.len(), 10_000);
    let ids: std::collections::HashSet<_> = spans.iter().map(|span| span.span_id()).collect();
    assert!(spans.iter().all(|span| span.parent_span_id.is_none_or(|parent| ids.contains(&parent))));
}

#[test]
fn a_child_opened_after_its_parent_closed_first_is_the_grandparents() {
    let (tracer, capture) = tracer();
    let outer = tracer.trace_context("outer");
    let middle = tracer.trace_context("middle");
    let inner = tracer.trace_context("inner");
    drop(middle);
    drop(inner);
    drop(tracer.trace_context("next"));
    let outer_id = outer.span_id();
    drop(outer);
    assert_eq!(capture.span("next").unwrap().parent_span_id, Some(outer_id));
}

#[test]
fn last_traces_belong_to_roots() {
    let (tracer, _capture) = tracer();
    let first = tracer.trace_context("first");
    let (first_id, inner) = (first.trace_id(), tracer.trace_context("inner"));
    assert!(inner.finish().is_empty(), "an inner scope ends no trace");
    let other = std::thread::spawn({
        let (tracer, context) = (Arc::clone(&tracer), first.context());
        move || {
            let _here = context.attach();
            drop(tracer.trace_context("elsewhere"));
            drop(tracer.start_scope(&SpanOptions::new("unrelated").new_trace()));
        }
    });
    other.join().unwrap();
    let trace = first.finish();
    let names: Vec<_> = trace.spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["inner", "elsewhere", "first"]);
    assert!(trace.spans.iter().all(|span| span.trace_id() == first_id));
    assert_eq!(tracer.get_last_trace().trace_id(), first_id, "the newest of all threads");
    drop(tracer.trace_context("second"));
    assert_eq!(tracer.get_last_trace().spans[0].name, "second");
}

#[test]
fn workers_have_their_own_last_trace_and_mark_their_spans() {
    let (tracer, capture) = tracer();
    let run = |worker: i64| {
        let tracer = Arc::clone(&tracer);
        std::thread::spawn(move || {
            tracer.init_worker(worker).unwrap();
            drop(tracer.trace_context(&format!("by {worker}")));
            let last = tracer.get_last_trace();
            assert!(tracer.teardown_worker(worker).is_complete());
            last
        })
    };
    let (one, two) = (run(1).join().unwrap(), run(2).join().unwrap());
    assert_eq!((one.spans[0].name.as_str(), two.spans[0].name.as_str()), ("by 1", "by 2"));
    for worker in [1, 2] {
        let span = capture.span(&format!("by {worker}")).unwrap();
        assert_eq!(span.attribute("worker.id"), Some(&Value::Int(worker)));
    }
    // With one worker in the process, every thread is its.
    tracer.init_worker(7).unwrap();
    let tracer2 = Arc::clone(&tracer);
    std::thread::spawn(move || drop(tracer2.trace_context("unbound"))).join().unwrap();
    assert_eq!(capture.span("unbound").unwrap().attribute("worker.id"), Some(&Value::Int(7)));
    tracer.teardown_worker(7);
    drop(tracer.trace_context("afterwards"));
    assert_eq!(capture.span("afterwards").unwrap().attribute("worker.id"), None);
}

#[test]
fn futures_keep_their_span_between_polls() {
    let (tracer, capture) = tracer();
    let task = |name: &'static str| {
        let tracer = Arc::clone(&tracer);
        let span = Span::start(&*tracer, name);
        async move {
            drop(tracer.trace_context("before"));
            let held = tracer.trace_context("held");
            yield_once().await;
            drop(tracer.trace_context("after"));
            drop(held);
        }
        .in_span(span)
    };
    let (mut a, mut b) = (pin!(task("a")), pin!(task("b")));
    poll_pending(a.as_mut());
    assert!(current_span().is_none(), "nothing leaks out of a poll");
    poll_pending(b.as_mut());
    poll_ready(a.as_mut());
    poll_ready(b.as_mut());
    let spans = capture.spans();
    for root in ["a", "b"] {
        let root = spans.iter().find(|span| span.name == root).unwrap();
        let under = |parent| {
            move |span: &&_| {
                let span: &tracer_factory_core::span::SpanData = span;
                span.parent_span_id == Some(parent)
            }
        };
        let mut children: Vec<_> =
            spans.iter().filter(under(root.span_id())).map(|span| span.name.as_str()).collect();
        children.sort_unstable();
        assert_eq!(children, ["before", "held"]);
        let held = spans.iter().filter(under(root.span_id())).find(|span| span.name == "held").unwrap();
        assert_eq!(spans.iter().find(under(held.span_id())).unwrap().name, "after");
    }
}

#[test]
fn a_cancelled_future_ends_its_spans_and_a_panic_leaves_its_words() {
    let (tracer, capture) = tracer();
    let cancelled = {
        let tracer = Arc::clone(&tracer);
        let span = Span::start(&*tracer, "cancelled");
        async move {
            let _held = tracer.trace_context("held");
            std::future::pending::<()>().await;
        }
        .in_span(span)
    };
    let mut cancelled = Box::pin(cancelled);
    poll_pending(cancelled.as_mut());
    drop(cancelled);
    let held = capture.span("held").unwrap();
    assert_eq!(held.parent_span_id, Some(capture.span("cancelled").unwrap().span_id()));

    let panics = async { panic!("these words") }.in_span(Span::start(&*tracer, "panics"));
    let mut panics = Box::pin(panics);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll_ready::<_>(panics.as_mut())));
    assert!(caught.is_err());
    let span = capture.span("panics").unwrap();
    assert_eq!((span.status.code, span.status.message.as_str()), (StatusCode::Error, "these words"));

    let scoped = Arc::clone(&tracer);
    let thread = std::thread::spawn(move || {
        let _scope = scoped.trace_context("unwound");
        panic!("in a scope");
    });
    assert!(thread.join().is_err());
    assert_eq!(capture.span("unwound").unwrap().status.code, StatusCode::Error);
}

#[test]
fn manual_spans_follow_the_work() {
    let (tracer, capture) = tracer();
    let mut span = Span::start(&*tracer, "manual");
    let context = span.context();
    span.set_attribute("on", "one thread");
    let moved = std::thread::spawn({
        let tracer = Arc::clone(&tracer);
        move || {
            span.in_scope(|| drop(tracer.trace_context("inside")));
            span.set_attribute("and", "another").set_status(StatusCode::Error, "no");
            span.finish();
        }
    });
    moved.join().unwrap();
    let manual = capture.span("manual").unwrap();
    assert_eq!(capture.span("inside").unwrap().parent_span_id, Some(context.span_id()));
    assert_eq!((manual.attributes.len(), manual.status.message.as_str()), (2, "no"));
    let last = tracer.get_last_trace();
    assert_eq!(last.spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["inside", "manual"]);
}

#[test]
fn what_is_current_can_be_set_and_hidden() {
    let (tracer, _capture) = tracer();
    let scope = tracer.trace_context("outer");
    let outer = scope.context();
    {
        let _clean = detach();
        assert_eq!((current_trace_id(), current_span().is_none()), (None, true));
        let fresh = tracer.trace_context("fresh");
        assert_ne!(fresh.trace_id(), outer.trace_id());
        let _back = set_current_span(Some(&outer));
        assert_eq!(current_trace_id(), Some(outer.trace_id()));
    }
    assert_eq!(Context::current().span_id(), outer.span_id());
    let json = scope.to_json();
    assert_eq!(
        (json["name"].as_str(), json["trace_id"].as_str()),
        (Some("outer"), Some(&*outer.trace_id().to_string()))
    );
}

#[test]
fn sampling_follows_the_parent_and_costs_no_context() {
    let (none, captured) = tracer_with(|config| config.sampling_rate = 0.0);
    let root = none.trace_context("root");
    let child = none.trace_context("child");
    assert!(root.trace_id().is_valid() && !root.is_recording());
    assert_eq!(child.trace_id(), root.trace_id());
    let mut evaluated = false;
    child.set_attribute_with("lazy", || {
        evaluated = true;
        1
    });
    assert!(!evaluated, "closures of spans that are not recorded are not called");
    let mut headers = std::collections::HashMap::new();
    none.inject_context(&child.context(), &mut headers);
    assert!(
        headers["traceparent"].ends_with("-00")
            && headers["traceparent"].contains(&root.trace_id().to_string())
    );
    drop((child, root));

    let parent = Vec::from([("traceparent".to_owned(), format!("00-{:032x}-{:016x}-01", 7, 8))]);
    let context = none.extract_context(&parent);
    drop(none.start_scope(&SpanOptions::new("asked for").parent_context(&context)));
    let span = captured.span("asked for").unwrap();
    assert_eq!((span.trace_id().to_int(), span.parent_is_remote), (7, Some(true)));
    assert_eq!((captured.spans().len(), none.report().sampled_out_traces), (1, 1));
}

#[test]
fn after_teardown_nothing_is_recorded_and_everything_is_counted() {
    let (tracer, _capture) = tracer();
    let open = tracer.trace_context("still open");
    drop(tracer.trace_context("in time"));
    let report = tracer.teardown();
    assert!(report.is_complete() && report.adds_up() && report.accepted == 1, "{report}");
    drop(open);
    let late = tracer.trace_context("too late");
    assert!(!late.is_recording() && late.trace_id().is_valid());
    drop(late);
    let report = tracer.report();
    assert_eq!((report.accepted, report.destinations[0].dropped["torn_down"]), (2, 1));
    assert!(report.adds_up(), "{report}");
    assert!(tracer.init_worker(1).is_err());
    assert_eq!(tracer.teardown().accepted, 2, "again, and nothing happens");
}

#[test]
fn two_tracers_in_one_thread_share_the_trace_and_not_the_spans() {
    let ((a, spans_a), (b, spans_b)) = (tracer(), tracer());
    let outer = a.trace_context("a outer");
    let middle = b.trace_context("b middle");
    drop(a.trace_context("a inner"));
    assert_eq!(middle.finish().spans.len(), 1, "the trace of b is what b recorded");
    assert_eq!(outer.finish().spans.len(), 2);
    assert_eq!(spans_b.spans().len(), 1);
    let (inner, middle) = (spans_a.span("a inner").unwrap(), spans_b.span("b middle").unwrap());
    assert_eq!(inner.parent_span_id, Some(middle.span_id()));
    assert_eq!(middle.parent_span_id, Some(spans_a.span("a outer").unwrap().span_id()));
}

#[test]
fn a_clean_slate_held_across_an_await_stays_with_its_future() {
    let (tracer, capture) = tracer();
    let root = tracer.trace_context("root");
    let task = {
        let (tracer, span) = (Arc::clone(&tracer), Span::start(&*tracer, "task"));
        async move {
            let _clean = detach();
            yield_once().await;
            drop(tracer.trace_context("alone"));
        }
        .in_span(span)
    };
    let mut task = pin!(task);
    poll_pending(task.as_mut());
    drop(tracer.trace_context("beside"));
    poll_ready(task.as_mut());
    let id = root.span_id();
    drop(root);
    assert_eq!(capture.span("beside").unwrap().parent_span_id, Some(id));
    assert_eq!(capture.span("alone").unwrap().parent_span_id, None);
}

#[test]
fn panics_of_manual_spans_are_told_from_those_of_others() {
    struct Traced(Arc<RecordingTracer>);
    impl Drop for Traced {
        fn drop(&mut self) {
            Span::start(&*self.0, "in a destructor").finish();
            drop(self.0.trace_context("scope in a destructor"));
        }
    }
    let (tracer, capture) = tracer();
    let mut span = Span::start(&*tracer, "in scope");
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        span.in_scope(|| {
            let _traced = Traced(Arc::clone(&tracer));
            panic!("these words")
        })
    }));
    assert!(caught.is_err());
    span.finish();
    assert_eq!(capture.span("in scope").unwrap().status.message, "these words");
    for name in ["in a destructor", "scope in a destructor"] {
        assert_eq!(capture.span(name).unwrap().status.code, StatusCode::Unset, "{name}");
    }
}

#[test]
fn names_are_bounded_and_a_workers_number_is_there_once() {
    let (tracer, capture) = tracer_with(|config| config.limits.span_bytes = 4096);
    tracer.init_worker(3).unwrap();
    let scope = tracer.trace_context(&"n".repeat(1 << 20));
    for _ in 0..100 {
        scope.update_name(&"m".repeat(1000));
    }
    scope.set_attribute("worker.id", 7);
    drop(scope);
    let span = &capture.spans()[0];
    assert!(span.name.len() <= 1024, "{}", span.name.len());
    let workers: Vec<_> = span.attributes.iter().filter(|(name, _)| name == "worker.id").collect();
    assert_eq!(workers, [&("worker.id".to_owned(), Value::Int(7))]);
}

#[test]
fn a_context_for_later_carries_the_samplers_decision() {
    use tracer_factory_core::tracer::TracerExt as _;
    let (never, _) = tracer_with(|config| config.sampling_rate = 0.0);
    let (always, _) = tracer();
    assert!(never.generate_trace_context()["traceparent"].ends_with("-00"));
    assert!(always.generate_trace_context()["traceparent"].ends_with("-01"));
}

#[test]
fn names_set_again_keep_their_place_however_many_there_are() {
    let (tracer, capture) = tracer_with(|config| config.limits.attributes = u32::MAX);
    let scope = tracer.trace_context("many");
    for round in 1..=3usize {
        for name in 0..400 {
            scope.set_attribute(&format!("name.{name}"), "x".repeat(round * (1 + name % 7)));
        }
    }
    drop(scope);
    let span = capture.span("many").unwrap();
    assert_eq!((span.attributes.len(), span.dropped_attributes), (400, 0));
    for (at, (name, value)) in span.attributes.iter().enumerate() {
        assert_eq!(
            (name.as_str(), value.as_str()),
            (&*format!("name.{at}"), Some(&*"x".repeat(3 * (1 + at % 7))))
        );
    }
}

#[test]
fn limits_of_few_and_of_many_attributes_are_exact() {
    for limit in [0, 3, 63, 64, 65, 128] {
        let (tracer, capture) = tracer_with(|config| config.limits.attributes = limit);
        let scope = tracer.trace_context("limited");
        for round in 0..2 {
            for name in 0..200 {
                scope.set_attribute(&format!("name.{name}"), round);
            }
        }
        drop(scope);
        let span = capture.span("limited").unwrap();
        assert_eq!((span.attributes.len() as u32, span.dropped_attributes), (limit, 2 * (200 - limit)));
        assert!(
            span.attributes.iter().all(|(_, value)| value.as_int() == Some(1)),
            "those that are there are set"
        );
    }
}

#[test]
fn a_child_of_a_root_that_closed_first_is_in_nobody_elses_trace() {
    let (tracer, capture) = tracer();
    let (root, child) = (tracer.trace_context("root"), tracer.trace_context("child"));
    drop(root);
    let other = tracer.start_scope(&SpanOptions::new("other").new_trace());
    child.set_attribute("still", "open");
    drop(child);
    let names: Vec<_> = other.finish().spans.into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["other"]);
    assert_eq!(capture.span("child").unwrap().attributes.len(), 1);
    assert!(current_span().is_none());
}
