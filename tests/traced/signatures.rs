//! Functions of every shape compile and do what they did.

use std::error::Error;
use std::fmt::Display;
use std::pin::Pin;
use std::rc::Rc;

use tracer_factory::{Scope, current_span, traced};

use crate::recorded;

#[traced]
fn reborrowed<'a>(items: &'a mut Vec<u8>, other: &u8) -> &'a mut u8 {
    items.push(*other);
    if items.len() > 9 {
        return &mut items[0];
    }
    items.last_mut().unwrap()
}

#[traced]
fn elided(text: &str) -> &str {
    text.trim()
}

#[traced]
fn iterated(items: &[u8]) -> impl Iterator<Item = u8> + '_ {
    items.iter().map(|item| item + 1)
}

#[traced]
fn precise<T: std::fmt::Debug>(items: &[u8], _unused: T) -> impl Iterator<Item = u8> + use<'_, T> {
    items.iter().copied()
}

#[traced]
fn coerced(text: bool) -> Box<dyn Display> {
    if text {
        return Box::new("text");
    }
    Box::new(1)
}

#[traced]
fn nested_impl(text: &str) -> Result<impl Display + '_, Box<dyn Error>> {
    text.parse::<u8>()?;
    Ok(text)
}

#[traced(skip_all)]
fn called(work: impl FnOnce(u8) -> u8, more: &mut dyn FnMut()) -> u8 {
    more();
    work(1)
}

#[traced(skip(argument))]
fn moved_sometimes<T>(argument: T, keep: bool) -> Option<T> {
    if keep { Some(argument) } else { None }
}

#[traced]
fn recursive(depth: u8) -> u8 {
    #![allow(clippy::only_used_in_recursion)]
    const STEP: u8 = 1;
    fn below(depth: u8) -> u8 {
        depth - STEP
    }
    if depth == 0 { 0 } else { recursive(below(depth)) + 1 }
}

#[traced]
fn never(code: u8) -> ! {
    panic!("{code}");
}

#[traced]
#[allow(clippy::unused_unit)]
fn explicit_unit(list: &mut Vec<u8>) -> () {
    list.push(1);
    list.retain(|item| *item == 1)
}

#[traced]
#[allow(unsafe_code)]
unsafe fn not_safe(pointer: *const u8) -> u8 {
    // SAFETY: the caller's.
    unsafe { *pointer }
}

#[traced]
extern "C" fn foreign(number: u8) -> u8 {
    number + 1
}

#[traced]
pub(crate) fn names_of_ours(span: u8, scope: u8, result: u8, error: u8, parent: u8, tracer: u8) -> u8 {
    let returned = current_span().map_or(0, |_| 1);
    span + scope + result + error + parent + tracer + returned
}

#[test]
fn free_functions() {
    let recorded = recorded();
    let mut items = vec![1];
    *reborrowed(&mut items, &2) += 1;
    assert_eq!(items, [1, 3]);
    assert_eq!(elided(" a "), "a");
    assert_eq!(iterated(&items).chain(precise(&items, ())).collect::<Vec<_>>(), [2, 4, 1, 3]);
    assert_eq!((coerced(true).to_string(), coerced(false).to_string()), ("text".to_owned(), "1".to_owned()));
    assert_eq!(nested_impl("7").unwrap().to_string(), "7");
    assert!(nested_impl("seven").is_err());
    let mut calls = 0;
    assert_eq!(called(|number| number + 1, &mut || calls += 1), 2);
    assert_eq!(calls, 1);
    assert_eq!(moved_sometimes(Rc::new(1), true).map(|one| *one), Some(1));
    assert_eq!(recursive(3), 3);
    assert!(std::panic::catch_unwind(|| never(1)).is_err());
    explicit_unit(&mut items);
    assert_eq!(items, [1, 1]);
    #[allow(unsafe_code)]
    // SAFETY: the pointer comes from a reference.
    let read = unsafe { not_safe(&5) };
    assert_eq!((read, foreign(5)), (5, 6));
    assert_eq!(names_of_ours(1, 1, 1, 1, 1, 1), 7);
    let spans = recorded.capture.spans();
    assert_eq!(spans.iter().filter(|span| span.name == "recursive").count(), 4);
    assert!(spans.iter().all(|span| span.end_unix_nanos != 0));
}

#[derive(Default)]
struct Receivers {
    count: u8,
    text: String,
}

impl Receivers {
    #[traced]
    fn text(&self) -> &str {
        &self.text
    }

    #[traced]
    fn text_mut(&mut self) -> &mut String {
        self.count += 1;
        &mut self.text
    }

    #[traced]
    fn of_pin(self: Pin<&mut Self>) -> &mut Self {
        self.get_mut()
    }

    #[traced]
    fn of_rc(self: Rc<Self>) -> Rc<Self> {
        self
    }

    #[traced(skip(self))]
    fn consumed(mut self) -> String {
        self.text.push('!');
        self.text
    }

    #[traced(attributes(count = self.count, text = &self.text))]
    fn chained(self, more: u8) -> Self {
        Self { count: self.count + more, ..self }
    }
}

#[test]
fn methods() {
    let recorded = recorded();
    let mut receivers = Receivers::default();
    receivers.text_mut().push('a');
    Pin::new(&mut receivers).of_pin().text_mut().push('b');
    assert_eq!((receivers.text(), receivers.count), ("ab", 2));
    let chained = receivers.chained(1);
    assert_eq!(recorded.named("chained").attribute("text").and_then(|text| text.as_str()), Some("ab"));
    assert_eq!(Rc::new(chained).of_rc().count, 3);
    assert_eq!(Receivers::default().consumed(), "!");
}

#[traced]
fn with_children(tracer: &str) -> Option<()> {
    let _child: Scope = tracer_factory::scope(&tracer_factory::SpanOptions::new(tracer));
    None?;
    unreachable!()
}

#[test]
fn scopes_inside_are_children() {
    let recorded = recorded();
    assert_eq!(with_children("child"), None);
    assert_eq!(recorded.named("child").parent_span_id, Some(recorded.named("with_children").context.span_id));
}
