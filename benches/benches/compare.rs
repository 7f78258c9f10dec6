//! CPU time of the recording thread, per span: this project and its peers in one process, interleaved and paired.
//!
//! `cargo bench -p tracer-factory-benches --bench compare [-- --summary] [--rounds N]`
//! One case alone, for callgrind and perf: `-- --case native --shape rich --depth 1 --spans 200000`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]
#![allow(missing_docs)]

#[path = "compare/options.rs"]
mod options;
#[path = "compare/rounds.rs"]
mod rounds;
#[path = "compare/table.rs"]
mod table;

use std::process::ExitCode;

use options::{Alone, Options};
use tracer_factory_benches::{NATIVE, cases, produce};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match &options.alone {
        Some(alone) => run_alone(alone),
        None => compare(&options),
    }
}

fn compare(options: &Options) -> ExitCode {
    let measurements = rounds::run(&cases(), options.rounds);
    if !options.summary {
        table::print(&measurements);
    }
    table::print_ratios(&measurements);
    let lost = measurements.lost(NATIVE);
    if lost > 0 {
        eprintln!(
            "{lost} of our spans did not arrive: the figures above leave out the work of delivering them"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Records with one case and nothing else, in the bursts of the comparison.
fn run_alone(alone: &Alone) -> ExitCode {
    let cases = cases();
    let Some(case) = cases.iter().find(|case| case.name() == alone.case) else {
        let known: Vec<_> = cases.iter().map(|case| case.name()).collect();
        eprintln!("there is no case {}; there are {}", alone.case, known.join(", "));
        return ExitCode::from(2);
    };
    let traces = (rounds::BURST / alone.depth).max(1);
    for _ in 0..alone.spans.div_ceil(traces * alone.depth) {
        produce(&**case, alone.shape, alone.depth, traces);
        case.settle();
    }
    ExitCode::SUCCESS
}
