//! Arguments and attributes.

use std::cell::Cell;
use std::fmt;

use tracer_factory::{AttrValue, SpanData, Value, traced};

use crate::recorded;

fn text(span: &SpanData, key: &str) -> Option<String> {
    span.attribute(key).map(ToString::to_string)
}

#[derive(Debug, Clone)]
struct Point {
    x: i32,
    y: i32,
}

#[traced]
fn typed(flag: bool, small: i8, big: &u64, ratio: f32, owned: String, borrowed: &&str, point: Point) {
    let _ = (flag, small, big, ratio, owned, borrowed, point);
}

#[test]
fn arguments_keep_their_type() {
    let recorded = recorded();
    typed(true, -1, &7, 0.5, "o".to_owned(), &"b", Point { x: 1, y: 2 });
    let span = recorded.span();
    assert_eq!(span.attribute("flag"), Some(&Value::Bool(true)));
    assert_eq!(span.attribute("small"), Some(&Value::Int(-1)));
    assert_eq!(span.attribute("big"), Some(&Value::Int(7)));
    assert_eq!(span.attribute("ratio"), Some(&Value::Double(0.5)));
    assert_eq!(span.attribute("owned"), Some(&AttrValue::from("o")));
    assert_eq!(span.attribute("borrowed"), Some(&AttrValue::from("b")));
    assert_eq!(span.attribute("point"), Some(&AttrValue::from("Point { x: 1, y: 2 }")));
}

#[traced]
fn patterns((a, mut b): (i32, i32), Point { x, y: renamed }: Point, [first, ..]: [u8; 3], _: Secret) -> i32 {
    b += 1;
    a + b + x + renamed + i32::from(first)
}

#[test]
fn every_name_that_a_pattern_binds_is_recorded() {
    let recorded = recorded();
    assert_eq!(patterns((1, 2), Point { x: 3, y: 4 }, [5, 6, 7], Secret), 16);
    let span = recorded.span();
    let attributes: Vec<_> = ["a", "b", "x", "renamed", "first"].map(|key| text(&span, key).unwrap()).into();
    assert_eq!(attributes, ["1", "2", "3", "4", "5"]);
    assert_eq!(span.attribute("_"), None);
}

#[traced]
fn generic<T: fmt::Debug, const N: usize>(
    items: [T; N],
    any: impl fmt::Debug,
    r#type: Option<&str>,
) -> usize {
    let _ = (items, any, r#type);
    N
}

#[test]
fn generic_arguments_are_shown_by_debug() {
    let recorded = recorded();
    assert_eq!(generic([1, 2], 'c', Some("t")), 2);
    let span = recorded.span();
    assert_eq!(text(&span, "items").as_deref(), Some("[1, 2]"));
    assert_eq!(text(&span, "any").as_deref(), Some("'c'"));
    assert_eq!(text(&span, "type").as_deref(), Some("Some(\"t\")"));
}

/// Has no `Debug`.
struct Secret;

#[traced(skip(secret, also))]
fn some_skipped(user: &str, secret: Secret, also: u8) -> u8 {
    let _ = (user, secret);
    also
}

#[traced(skip_all, attributes(user = user.len()))]
fn all_skipped(user: &str, secret: &mut Secret) {
    let _ = (user, secret);
}

#[test]
fn skipped_arguments_are_not_recorded() {
    let recorded = recorded();
    some_skipped("u", Secret, 3);
    all_skipped("four", &mut Secret);
    let some = recorded.named("some_skipped");
    assert_eq!(text(&some, "user").as_deref(), Some("u"));
    assert_eq!((some.attribute("secret"), some.attribute("also")), (None, None));
    let all = recorded.named("all_skipped");
    assert_eq!(all.attribute("user"), Some(&Value::Int(4)));
    assert_eq!(all.attribute("secret"), None);
}

#[traced(attributes(
    payload = "replaced",
    gen_ai.request.model = model.as_str(),
    "any text" = format!("{model}!"),
    type = 1 + 1,
    fixed = true,
))]
fn with_attributes(payload: Secret, model: String) -> String {
    let _ = payload;
    model
}

#[test]
fn attributes_may_use_arguments_and_replace_them() {
    let recorded = recorded();
    assert_eq!(with_attributes(Secret, "m".to_owned()), "m");
    let span = recorded.span();
    assert_eq!(text(&span, "payload").as_deref(), Some("replaced"));
    assert_eq!(text(&span, "gen_ai.request.model").as_deref(), Some("m"));
    assert_eq!(text(&span, "any text").as_deref(), Some("m!"));
    assert_eq!(span.attribute("type"), Some(&Value::Int(2)));
    assert_eq!(span.attribute("fixed"), Some(&Value::Bool(true)));
    assert_eq!(text(&span, "model").as_deref(), Some("m"));
}

#[traced]
fn conditional(#[cfg(any())] absent: Secret, #[cfg(test)] present: u8) -> u8 {
    present
}

#[test]
fn conditional_arguments_may_be_absent() {
    let recorded = recorded();
    assert_eq!(conditional(9), 9);
    assert_eq!(recorded.span().attribute("present"), Some(&Value::Int(9)));
}

thread_local! {
    static SHOWN: Cell<u32> = const { Cell::new(0) };
}

struct Counted;

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SHOWN.set(SHOWN.get() + 1);
        f.write_str("counted")
    }
}

#[traced(attributes(extra = format!("{argument:?}")))]
fn lazy(argument: Counted) {
    let _ = argument;
}

#[traced(attributes(extra = format!("{argument:?}")))]
async fn lazy_future(argument: Counted) {
    let _ = argument;
}

#[tokio::test]
async fn nothing_is_shown_when_nothing_is_recorded() {
    lazy(Counted);
    lazy_future(Counted).await;
    assert_eq!(SHOWN.get(), 0);
    let recorded = recorded();
    lazy(Counted);
    lazy_future(Counted).await;
    assert_eq!(SHOWN.get(), 4);
    assert_eq!(text(&recorded.named("lazy_future"), "extra").as_deref(), Some("counted"));
}

#[traced(event_type = "model", skip_all)]
fn model(prompt: &str) -> usize {
    prompt.len()
}

#[test]
fn what_an_agent_does_is_recorded_in_both_vocabularies() {
    let recorded = recorded();
    assert_eq!(model("hi"), 2);
    let span = recorded.span();
    assert_eq!(text(&span, "event_type").as_deref(), Some("model"));
    assert_eq!(text(&span, "agentops.span.kind").as_deref(), Some("llm"));
    assert_eq!(span.attribute("prompt"), None);
}
