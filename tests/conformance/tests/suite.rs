//! The suite itself: the recorder alone conforms, and a tracer that does not is found out.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracer_factory_conformance::{Capabilities, all, run};
use tracer_factory_core::capture::Capture;
use tracer_factory_core::config::TracerConfig;
use tracer_factory_core::tracer::BaseTracer;

fn sampling(rate: f64) -> Arc<dyn BaseTracer> {
    let config = TracerConfig::builder().sampling_rate(rate).build();
    Capture::with_config(&config).unwrap().0
}

mod recording {
    use super::*;

    tracer_factory_conformance::conformance_tests!((sampling(1.0), Capabilities::RECORDING));
}

mod unsampled {
    use super::*;

    tracer_factory_conformance::conformance_tests!((sampling(0.0), Capabilities::UNSAMPLED));
}

/// The checks that a tracer which claims `capabilities` does not pass.
fn failing(rate: f64, capabilities: Capabilities) -> Vec<&'static str> {
    let passes =
        |name: &&str| catch_unwind(AssertUnwindSafe(|| run(name, &*sampling(rate), capabilities))).is_ok();
    all().iter().map(|check| check.name).filter(|name| !passes(name)).collect()
}

#[test]
fn a_tracer_that_records_nothing_and_says_otherwise_is_found_out() {
    let failing = failing(0.0, Capabilities::RECORDING);
    let silent = all().iter().map(|check| check.name).filter(|name| !failing.contains(name));
    // What is left has nothing to do with recording.
    let silent: Vec<_> = silent.collect();
    assert!(
        silent.len() < all().len() / 2,
        "only {} of {} find it: {silent:?} do not",
        failing.len(),
        all().len()
    );
}

#[test]
fn a_tracer_that_records_and_says_otherwise_is_found_out() {
    let failing = failing(1.0, Capabilities::UNSAMPLED);
    assert!(failing.len() > all().len() / 2, "only {failing:?} find it");
}

#[test]
fn names_are_unique() {
    let names: std::collections::HashSet<_> = all().iter().map(|check| check.name).collect();
    assert_eq!(names.len(), all().len());
}
