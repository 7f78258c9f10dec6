//! Panics: their text is in the span, and they go on as they were.

use std::panic::{Location, catch_unwind, panic_any};

use tracer_factory::{SpanData, StatusCode, traced};

use crate::recorded;

fn message(span: &SpanData) -> &str {
    assert_eq!(span.status.code, StatusCode::Error);
    assert_eq!(span.events.len(), 1, "one event, not {:?}", span.events);
    let attributes = &span.events[0].attributes;
    let message = attributes.iter().find(|(name, _)| name == "exception.message");
    message.and_then(|(_, value)| value.as_str()).unwrap()
}

#[traced]
fn divide(a: u32, b: u32) -> u32 {
    assert!(b != 0, "{a} cannot be divided");
    a / b
}

#[traced]
fn outer() -> u32 {
    divide(1, 0)
}

#[test]
fn the_text_is_recorded_where_it_passes() {
    let recorded = recorded();
    let payload = catch_unwind(outer).unwrap_err();
    assert_eq!(payload.downcast_ref::<String>().unwrap(), "1 cannot be divided");
    assert_eq!(message(&recorded.named("divide")), "1 cannot be divided");
    assert_eq!(message(&recorded.named("outer")), "1 cannot be divided");
    assert_eq!(divide(4, 2), 2);
}

#[traced]
fn by_hand() {
    panic_any(42_u8);
}

#[test]
fn the_payload_goes_on_as_it_is() {
    let recorded = recorded();
    let payload = catch_unwind(by_hand).unwrap_err();
    assert_eq!(payload.downcast_ref::<u8>(), Some(&42));
    assert_eq!(message(&recorded.span()), "panicked");
}

#[traced]
async fn future(text: &str) {
    tokio::task::yield_now().await;
    panic!("{text} in a future");
}

#[tokio::test]
async fn the_text_of_a_future() {
    let recorded = recorded();
    let task = tokio::task::LocalSet::new();
    let result = task.run_until(async { tokio::task::spawn_local(future("panic")).await }).await;
    assert!(result.unwrap_err().is_panic());
    assert_eq!(message(&recorded.span()), "panic in a future");
}

#[traced]
#[track_caller]
fn located(mut panics: bool) -> &'static Location<'static> {
    panics |= false;
    assert!(!panics, "located");
    Location::caller()
}

#[test]
fn callers_are_still_tracked() {
    let recorded = recorded();
    let (line, location) = (line!(), located(false));
    assert_eq!((location.file(), location.line()), (file!(), line));
    recorded.capture.clear();
    assert!(catch_unwind(|| located(true)).is_err());
    assert_eq!(message(&recorded.span()), "panicked");
}
