//! `#[traced]` on `async fn`.

use std::cell::Cell;
use std::fmt::Display;
use std::future::Future;

use tokio::task::yield_now;
use tracer_factory::{Span, TraceFuture, current_span, current_span_id, traced};

use crate::recorded;

#[traced]
async fn inner(step: u8) -> u8 {
    yield_now().await;
    step + 1
}

#[traced]
async fn outer() -> u8 {
    let (one, two) = tokio::join!(inner(1), inner(2));
    one + two
}

#[tokio::test]
async fn spans_nest_across_awaits() {
    let recorded = recorded();
    assert_eq!(outer().await, 5);
    let outer = recorded.named("outer");
    let spans = recorded.capture.spans();
    let inner: Vec<_> = spans.iter().filter(|span| span.name == "inner").collect();
    assert_eq!(inner.len(), 2);
    assert!(inner.iter().all(|span| span.parent_span_id == Some(outer.context.span_id)));
    assert!(current_span().is_none(), "nothing is left behind");
}

#[tokio::test]
async fn a_span_begins_with_the_first_poll_and_is_current_only_while_polled() {
    let recorded = recorded();
    let future = inner(1);
    assert!(recorded.capture.spans().is_empty());
    let root = recorded.tracer.trace_context("root");
    let mut future = std::pin::pin!(future);
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut task).is_pending());
    assert_eq!(current_span_id(), Some(root.span_id()));
    assert!(future.as_mut().poll(&mut task).is_ready());
    assert_eq!(recorded.span().parent_span_id, Some(root.span_id()));
}

#[tokio::test]
async fn a_cancelled_future_ends_its_span() {
    let recorded = recorded();
    {
        let mut future = Box::pin(outer());
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(future.as_mut().poll(&mut task).is_pending());
        assert!(recorded.capture.spans().is_empty());
    }
    assert_eq!(recorded.capture.spans().len(), 3);
}

/// `Send`, and not `Sync`.
#[traced(skip_all)]
async fn with_cell(cell: Cell<u8>, text: String) -> u8 {
    yield_now().await;
    cell.set(cell.get() + 1);
    let _ = text;
    cell.get()
}

#[traced(err(Debug), skip_all)]
async fn fallible_with_cell(cell: Cell<u8>) -> Result<u8, Cell<u8>> {
    yield_now().await;
    if cell.get() == 0 { Err(cell) } else { Ok(cell.get()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn futures_stay_send() {
    let recorded = recorded();
    let one = Span::start(&*recorded.tracer, "one");
    let other = Span::start(&*recorded.tracer, "other");
    let parent = one.span_id();
    let task = tokio::spawn(with_cell(Cell::new(1), String::new()).in_span(one));
    let failing = tokio::spawn(fallible_with_cell(Cell::new(0)).in_span(other));
    assert_eq!(task.await.unwrap(), 2);
    assert!(failing.await.unwrap().is_err());
    assert_eq!(recorded.named("with_cell").parent_span_id, Some(parent));
    assert_eq!(recorded.named("fallible_with_cell").status.message, "Cell { value: 0 }");
}

#[traced]
async fn borrowed<'a>(items: &'a mut Vec<u8>, text: &str) -> &'a mut u8 {
    yield_now().await;
    items.push(text.len() as u8);
    if items.len() > 3 {
        return &mut items[0];
    }
    items.last_mut().unwrap()
}

#[traced]
async fn coerced(text: bool) -> Box<dyn Display + Send> {
    if text {
        return Box::new("text");
    }
    Box::new(1)
}

#[traced(skip_all)]
async fn opaque(mut work: impl FnMut() -> u8) -> impl Display {
    work() + work()
}

#[traced]
async fn half_opaque(text: &str) -> Result<impl Display, std::num::ParseIntError> {
    let number: u8 = text.parse()?;
    Ok(number)
}

#[traced]
async fn never(code: u8) -> ! {
    loop {
        yield_now().await;
        assert_ne!(code, 1);
    }
}

#[traced]
#[allow(unsafe_code)]
async unsafe fn not_safe(number: u8) -> u8 {
    yield_now().await;
    number
}

#[tokio::test]
async fn every_shape() {
    let recorded = recorded();
    let mut items = vec![];
    *borrowed(&mut items, "ab").await += 1;
    assert_eq!(items, [3]);
    assert_eq!(format!("{}{}", coerced(true).await, coerced(false).await), "text1");
    let mut calls = 0;
    let sum = opaque(|| {
        calls += 1;
        calls
    });
    assert_eq!(sum.await.to_string(), "3");
    assert_eq!(half_opaque("4").await.unwrap().to_string(), "4");
    assert!(half_opaque("four").await.is_err());
    #[allow(unsafe_code)]
    // SAFETY: it asks for nothing.
    let read = unsafe { not_safe(6) }.await;
    assert_eq!(read, 6);
    assert!(tokio::spawn(never(1)).await.is_err());
    assert_eq!(recorded.capture.spans().len(), 8);
}
