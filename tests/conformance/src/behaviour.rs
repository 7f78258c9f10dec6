//! A program does the same whatever traces it: only the traces differ.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracer_factory_core::span::StatusCode;
use tracer_factory_core::tracer::{BaseTracer, SpanOptions, TracerExt};

use crate::Subject;

/// Orders with their outcome, as a small worker would compute them; with a tracer, traced everywhere.
fn program(tracer: Option<&dyn BaseTracer>) -> Vec<String> {
    let mut outcomes = Vec::new();
    for order in ["3 x 4", "x", "7", "200 x 200", ""] {
        let scope = tracer.map(|tracer| tracer.trace_context("order"));
        if let Some(tracer) = tracer {
            tracer.add_span_attribute("order", order.into());
        }
        let result = price(tracer, order);
        if let Some(scope) = &scope {
            match &result {
                Ok(price) => scope.set_attribute("price", i64::from(*price)),
                Err(error) => scope.set_status(StatusCode::Error, error),
            };
        }
        outcomes.push(format!("{order}: {result:?}"));
    }
    outcomes
}

fn price(tracer: Option<&dyn BaseTracer>, order: &str) -> Result<u8, String> {
    let _scope = tracer.map(|tracer| tracer.start_scope(&SpanOptions::new("price")));
    let (left, right) = order.split_once(" x ").ok_or_else(|| "not an order".to_owned())?;
    let number = |text: &str| text.parse::<u8>().map_err(|error| error.to_string());
    let (left, right) = (number(left)?, number(right)?);
    left.checked_mul(right).ok_or_else(|| "too much".to_owned())
}

/// The same program gives the same results with this tracer and without any.
pub fn a_program_behaves_the_same(subject: &Subject<'_>) {
    let expected = program(None);
    for _ in 0..2 {
        assert_eq!(program(Some(subject.tracer)), expected);
    }
    subject.tracer.teardown();
    assert_eq!(program(Some(subject.tracer)), expected, "after teardown too");
}

/// What work returns, and what it panics with, is not touched.
pub fn results_and_panics_pass_through(subject: &Subject<'_>) {
    let ok: Result<i32, std::fmt::Error> = subject.tracer.in_scope("fine", |_| Ok(7));
    assert_eq!(ok, Ok(7));
    let failed: Result<i32, std::fmt::Error> = subject.tracer.in_scope("fails", |_| Err(std::fmt::Error));
    assert_eq!(failed, Err(std::fmt::Error));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        subject.tracer.in_scope("panics", |_| -> Result<i32, std::fmt::Error> {
            std::panic::resume_unwind(Box::new(7_u8))
        })
    }));
    assert_eq!(panicked.err().and_then(|payload| payload.downcast_ref::<u8>().copied()), Some(7));
}
