//! Each bar once, at the size that every test run can afford, but for those that are tests elsewhere in the workspace.
//! What is judged by the clock needs an idle machine and an optimised build: `cargo xtask torture`.
//!
//! A part that this machine can't run fails. `TORTURE_ALLOW_MISSING=mount,strace,faketime` goes without what it names.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::sync::{Mutex, PoisonError};

use tracer_factory_torture::bars::BARS;
use tracer_factory_torture::harness::{Bench, Effort, Need};

/// One at a time: each bar has several processes as it is.
static TURN: Mutex<()> = Mutex::new(());

fn judge(number: u32) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let program = env!("CARGO_BIN_EXE_tracer-factory-torture");
    let allowed = std::env::var("TORTURE_ALLOW_MISSING").unwrap_or_default();
    let effort = Effort { allow_missing: Need::parse_list(&allowed).unwrap(), ..Effort::short() };
    let bench = Bench::new(program.into(), effort);
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
fn nothing_is_lost_at_speed() {
    judge(3);
}

#[test]
fn a_thread_that_records_waits_for_nobody() {
    judge(4);
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

#[test]
fn one_backend_of_three_is_down() {
    judge(16);
}
