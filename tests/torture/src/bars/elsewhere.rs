//! Bars that are tests beside the code they are about. They run with every `cargo test`; here they are run by name.

use anyhow::Result;

use crate::harness::{Bench, Finding, run_tests};

/// Words for them, the package and where its tests are, and the names that are looked for.
type Tests = (&'static str, &'static [&'static str], &'static [&'static str]);

const RECEIVERS: &[&str] = &["-p", "tracer-factory-otlp", "--test", "receivers"];
const RUNTIMES: &[&str] = &["-p", "tracer-factory", "--test", "runtimes"];
const RUNTIMES_OPTIMISED: &[&str] = &["-p", "tracer-factory", "--test", "runtimes", "--release"];

fn run(tests: Tests) -> Result<Finding> {
    let (what, at, names) = tests;
    let mut args = at.to_vec();
    if !names.is_empty() {
        args.push("--");
        args.extend(names);
    }
    run_tests(what, &args, names.len().max(1))
}

pub(super) fn flipped_bits(_: &Bench) -> Result<Finding> {
    run(("every byte of a segment", &["-p", "tracer-factory-core", "--lib"], &["spool::tests::damage"]))
}

pub(super) fn retry_after(_: &Bench) -> Result<Finding> {
    const NAMES: &[&str] = &[
        "faults::nobody_is_asked_earlier_than_it_wanted",
        "grpc_answers::retry_info_is_honoured_and_decides_about_exhaustion",
        "http::retry_after_is_passed_on",
    ];
    run(("never earlier than asked", RECEIVERS, NAMES))
}

pub(super) fn every_code(_: &Bench) -> Result<Finding> {
    const NAMES: &[&str] = &[
        "faults::permanent_refusals_are_counted_once",
        "grpc_answers::every_code_is_retried_or_not_as_the_specification_says",
        "http::every_status_means_what_the_specification_says",
    ];
    run(("the table of codes", RECEIVERS, NAMES))
}

pub(super) fn bad_answers(_: &Bench) -> Result<Finding> {
    const NAMES: &[&str] = &[
        "grpc::partial_success_is_counted",
        "grpc_answers::only_a_whole_response_counts_as_delivered",
        "http::a_success_that_is_none_never_counts_as_delivered",
        "http::partial_success_is_counted_in_both_encodings",
    ];
    run(("a success that is none", RECEIVERS, NAMES))
}

pub(super) fn runtimes(_: &Bench) -> Result<Finding> {
    let mut finding = run(("debug", RUNTIMES, &[]))?;
    finding.join(run(("release", RUNTIMES_OPTIMISED, &[]))?);
    Ok(finding)
}

pub(super) fn tls(_: &Bench) -> Result<Finding> {
    run(("certificates, their faults and their rotation", RECEIVERS, &["tls::", "tls_faults::"]))
}

pub(super) fn fuzz_corpora(_: &Bench) -> Result<Finding> {
    let mut finding = run(("every input of the corpora", &["-p", "tracer-factory-fuzz-targets"], &[]))?;
    finding.figure("a minute for each target: cargo xtask fuzz");
    Ok(finding)
}
