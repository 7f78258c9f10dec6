//! Each bar once, at the size that every test run can afford. What is measured by the clock needs an idle machine and
//! an optimised build: `cargo xtask torture`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::sync::{Mutex, PoisonError};

use tracer_factory_torture::bars::BARS;
use tracer_factory_torture::harness::{Bench, Effort};

/// One at a time: each bar has several processes as it is.
static TURN: Mutex<()> = Mutex::new(());

fn judge(number: u32) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let program = env!("CARGO_BIN_EXE_tracer-factory-torture");
    let bench = Bench::new(program.into(), Effort::short());
    let bar = BARS.iter().find(|bar| bar.number == number).unwrap();
    let finding = bar.judge(&bench);
    println!("bar {number} with seed {}: {finding}", bench.effort.seed);
    assert!(finding.holds(), "bar {number}, {}, with seed {}: {finding}", bar.name, bench.effort.seed);
    assert_eq!(bench.law.broken(), 0);
}

#[test]
fn killed_workers_lose_nothing() {
    judge(1);
}

#[test]
fn an_outage_loses_nothing() {
    judge(2);
}

#[test]
fn a_full_disk_and_a_failing_one() {
    judge(5);
}

#[test]
fn teardown_keeps_its_deadline_and_the_spans() {
    judge(10);
}

#[test]
fn panics_forks_and_refused_threads() {
    judge(12);
}

#[test]
fn bad_values_in_every_variable() {
    judge(13);
}

#[test]
fn jumping_clocks() {
    judge(14);
}
