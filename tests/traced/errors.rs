//! `err`: what a function that failed leaves in its span.

use std::error::Error;
use std::fmt;

use tracer_factory::{SpanData, StatusCode, traced};

use crate::recorded;

#[derive(Debug, PartialEq)]
struct Failed(&'static str);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed: {}", self.0)
    }
}

impl Error for Failed {}

fn exception<'a>(span: &'a SpanData, key: &str) -> Option<&'a str> {
    assert_eq!(span.status.code, StatusCode::Error, "{span:?}");
    assert_eq!(span.events.len(), 1, "{span:?}");
    assert_eq!(span.events[0].name, "exception");
    let attributes = &span.events[0].attributes;
    attributes.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.as_str())
}

#[traced(err)]
fn typed(fails: bool) -> Result<u8, Failed> {
    if fails {
        return Err(Failed("early"));
    }
    Ok(1)
}

#[traced(err)]
fn by_question_mark() -> Result<u8, Box<dyn Error>> {
    let number: u8 = "x".parse()?;
    Ok(number)
}

#[traced(err)]
fn boxed() -> Result<(), Box<dyn Error + Send + Sync>> {
    Err(Failed("boxed"))?
}

#[traced(err(Display))]
fn displayed() -> Result<(), &'static str> {
    Err("only words")
}

#[traced(err(Debug))]
fn debugged() -> Result<(), Vec<u8>> {
    Err(vec![1])
}

#[traced]
fn unasked() -> Result<(), Failed> {
    Err(Failed("unasked"))
}

#[traced(err)]
fn generic<E: Error + From<Failed>>() -> Result<impl fmt::Debug, E> {
    if true {
        Err(Failed("generic"))?;
    }
    Ok(1)
}

#[test]
fn of_functions() {
    let recorded = recorded();
    assert_eq!(typed(true), Err(Failed("early")));
    let span = recorded.span();
    assert_eq!(exception(&span, "exception.message"), Some("failed: early"));
    assert!(exception(&span, "exception.type").unwrap().ends_with("Failed"));
    assert_eq!(span.status.message, "failed: early");

    assert!(by_question_mark().is_err());
    let message = "invalid digit found in string";
    assert_eq!(exception(&recorded.named("by_question_mark"), "exception.message"), Some(message));
    assert!(boxed().is_err());
    assert_eq!(exception(&recorded.named("boxed"), "exception.message"), Some("failed: boxed"));
    assert!(displayed().is_err());
    assert_eq!(exception(&recorded.named("displayed"), "exception.message"), Some("only words"));
    assert!(debugged().is_err());
    assert_eq!(exception(&recorded.named("debugged"), "exception.message"), Some("[1]"));
    assert!(generic::<Failed>().is_err());
    assert_eq!(exception(&recorded.named("generic"), "exception.message"), Some("failed: generic"));
}

#[test]
fn success_and_unasked_errors_leave_no_trace() {
    let recorded = recorded();
    assert_eq!(typed(false), Ok(1));
    assert!(unasked().is_err());
    for span in recorded.capture.spans() {
        assert_eq!((span.status.code, span.events.len()), (StatusCode::Unset, 0));
    }
}

#[traced(err)]
async fn typed_future(fails: bool) -> Result<u8, Failed> {
    tokio::task::yield_now().await;
    if fails {
        return Err(Failed("later"));
    }
    Ok(1)
}

#[traced(err)]
async fn boxed_future() -> Result<(), Box<dyn Error + Send + Sync>> {
    typed_future(true).await?;
    Ok(())
}

#[traced(err(Display))]
async fn displayed_future(text: &str) -> Result<(), &str> {
    tokio::task::yield_now().await;
    Err(text)
}

#[tokio::test]
async fn of_futures() {
    let recorded = recorded();
    assert_eq!(typed_future(false).await, Ok(1));
    assert_eq!(recorded.span().status.code, StatusCode::Unset);
    recorded.capture.clear();
    assert!(boxed_future().await.is_err());
    let (outer, inner) = (recorded.named("boxed_future"), recorded.named("typed_future"));
    assert_eq!(exception(&outer, "exception.message"), Some("failed: later"));
    assert_eq!(exception(&inner, "exception.message"), Some("failed: later"));
    assert_eq!(inner.parent_span_id, Some(outer.context.span_id));
    assert_eq!(displayed_future("words").await, Err("words"));
    assert_eq!(exception(&recorded.named("displayed_future"), "exception.message"), Some("words"));
}

#[tokio::test]
async fn results_are_the_same_without_a_tracer() {
    assert_eq!(typed(true), Err(Failed("early")));
    assert_eq!(typed(false), Ok(1));
    assert_eq!(displayed(), Err("only words"));
    assert_eq!(typed_future(true).await, Err(Failed("later")));
    assert_eq!(displayed_future("words").await, Err("words"));
}
