//! Bars that are tests beside the code they are about. They run with every `cargo test`; here they are run by name.

use anyhow::Result;

use crate::harness::{Bench, Finding, run_tests};

/// Words for them, the package and where its tests are, and the names that are looked for.
type Tests = (&'static str, &'static [&'static str], &'static [&'static str]);

const RECEIVERS: &[&str] = &["-p", "tracer-factory-otlp", "--test", "receivers"];
const RUNTIMES: &[&str] = &["-p", "tracer-factory", "--test", "runtimes"];
const RUNTIMES_OPTIMISED: &[&str] = &["-p", "tracer-factory", "--test", "runtimes", "--release"];

fn run(bench: &Bench, tests: Tests) -> Result<Finding> {
    let (what, at, names) = tests;
    let mut args = at.to_vec();
    if !names.is_empty() {
        args.push("--");
        args.extend(names);
    }
    if bench.effort.short {
        // Part of a test run, where these tests are run anyway.
        let mut finding = Finding::default();
        finding.figure(format!("{what}: in this test run (cargo test {})", args.join(" ")));
        return Ok(finding);
    }
    run_tests(what, &args, names.len().max(1))
}

pub(super) fn flipped_bits(bench: &Bench) -> Result<Finding> {
    run(
        bench,
        ("every byte of a segment", &["-p", "tracer-factory-core", "--lib"], &["spool::tests::damage"]),
    )
}

pub(super) fn retry_after(bench: &Bench) -> Result<Finding> {
    const NAMES: &[&str] = &[
        "faults::nobody_is_asked_earlier_than_it_wanted",
        "grpc_answers::retry_info_is_honoured_and_decides_about_exhaustion",
        "http::retry_after_is_passed_on",
    ];
    run(bench, ("never earlier than asked", RECEIVERS, NAMES))
}

pub(super) fn every_code(bench: &Bench) -> Result<Finding> {
    const NAMES: &[&str] = &[
        "faults::permanent_refusals_are_counted_once",
        "grpc_answers::every_code_is_retried_or_not_as_the_specification_says",
        "http::every_status_means_what_the_specification_says",
    ];
    run(bench, ("the table of codes", RECEIVERS, NAMES))
}

pub(super) fn bad_answers(bench: &Bench) -> Result<Finding> {
    const NAMES: &[&str] = &[
        "grpc::partial_success_is_counted",
        "grpc_answers::only_a_whole_response_counts_as_delivered",
        "http::a_success_that_is_none_never_counts_as_delivered",
        "http::partial_success_is_counted_in_both_encodings",
    ];
    run(bench, ("a success that is none", RECEIVERS, NAMES))
}

pub(super) fn runtimes(bench: &Bench) -> Result<Finding> {
    let mut finding = run(bench, ("debug", RUNTIMES, &[]))?;
    finding.join(run(bench, ("release", RUNTIMES_OPTIMISED, &[]))?);
    Ok(finding)
}

pub(super) fn tls(bench: &Bench) -> Result<Finding> {
    run(bench, ("certificates, their faults and their rotation", RECEIVERS, &["tls::", "tls_faults::"]))
}

pub(super) fn fuzz_corpora(bench: &Bench) -> Result<Finding> {
    let mut finding =
        run(bench, ("every input of the corpora", &["-p", "tracer-factory-fuzz-targets"], &[]))?;
    finding.figure("a minute for each target: cargo xtask fuzz");
    Ok(finding)
}
