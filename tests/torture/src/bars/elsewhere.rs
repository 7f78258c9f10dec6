//! Bars that are tests beside the code they are about. They run with every `cargo test`; here they are run by name.

use anyhow::Result;

use crate::harness::{Bench, Finding, run_tests};

/// Part of a test run, where these tests are run anyway.
fn unless_short(bench: &Bench, runs: &[(&str, &[&str])]) -> Result<Finding> {
    let mut finding = Finding::default();
    for (what, args) in runs {
        if bench.effort.short {
            finding.figure(format!("{what}: in this test run (cargo test {})", args.join(" ")));
        } else {
            finding.join(run_tests(what, args)?);
        }
    }
    Ok(finding)
}

pub(super) fn flipped_bits(bench: &Bench) -> Result<Finding> {
    let args = ["-p", "tracer-factory-core", "--lib", "spool::tests::damage"];
    unless_short(bench, &[("every byte of a segment", &args)])
}

pub(super) fn retry_after(bench: &Bench) -> Result<Finding> {
    unless_short(bench, &[("never earlier than asked", &["-p", "tracer-factory-otlp", "--test", "retry_after"])])
}

pub(super) fn every_code(bench: &Bench) -> Result<Finding> {
    unless_short(bench, &[("the table of codes", &["-p", "tracer-factory-otlp", "--test", "codes"])])
}

pub(super) fn bad_answers(bench: &Bench) -> Result<Finding> {
    unless_short(bench, &[("200 that is none", &["-p", "tracer-factory-otlp", "--test", "answers"])])
}

pub(super) fn runtimes(bench: &Bench) -> Result<Finding> {
    let debug: &[&str] = &["-p", "tracer-factory", "--test", "runtimes"];
    let release: &[&str] = &["-p", "tracer-factory", "--test", "runtimes", "--release"];
    unless_short(bench, &[("debug", debug), ("release", release)])
}

pub(super) fn tls(bench: &Bench) -> Result<Finding> {
    unless_short(bench, &[("certificates and their rotation", &["-p", "tracer-factory-otlp", "--test", "tls"])])
}

pub(super) fn fuzz_corpora(bench: &Bench) -> Result<Finding> {
    let mut finding = unless_short(bench, &[("every input of the corpora", &["-p", "tracer-factory-fuzz-targets"])])?;
    finding.figure("a minute for each target: cargo xtask fuzz");
    Ok(finding)
}
