//! This project beside its peers: one program, one run, everything paired and interleaved.
//!
//! `cargo bench -p tracer-factory-benches --bench compare [-- --summary] [--part NAME] [--rounds N]`
//! One case alone, for callgrind and perf: `-- --case native --shape rich --depth 1 --spans 200000`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]
#![allow(missing_docs)]

#[path = "compare/allocations.rs"]
mod allocations;
#[path = "compare/children.rs"]
mod children;
#[path = "compare/figures.rs"]
mod figures;
#[path = "compare/groups.rs"]
mod groups;
#[path = "compare/instructions.rs"]
mod instructions;
#[path = "compare/load.rs"]
mod load;
#[path = "compare/options.rs"]
mod options;
#[path = "compare/producers.rs"]
mod producers;
#[path = "compare/rounds.rs"]
mod rounds;
#[path = "compare/runs.rs"]
mod runs;
#[path = "compare/series.rs"]
mod series;
#[path = "compare/summary.rs"]
mod summary;
#[path = "compare/table.rs"]
mod table;

use std::process::ExitCode;

use children::Children;
use figures::Figures;
use options::{Mode, Options, Part};
use runs::Runs;
use tracer_factory_benches::{cases, sink};
use tracer_factory_hot_path::{Failure, NATIVE};

fn main() -> ExitCode {
    let mode = match Mode::parse(std::env::args().skip(1)) {
        Ok(mode) => mode,
        Err(error) => {
            note(&error);
            return ExitCode::from(2);
        }
    };
    match run(mode) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// A word that is not a figure.
fn note(text: &str) {
    eprintln!("{text}");
}

fn run(mode: Mode) -> Result<(), Failure> {
    match mode {
        Mode::Compare(options) => compare(&options),
        Mode::Sink => Ok(sink::run()?),
        Mode::Alone(alone) => alone.run(&cases()),
        Mode::Group(group, rounds) => {
            for series in groups::run(group, rounds)? {
                println!("{}", series.to_line());
            }
            Ok(())
        }
        Mode::Pipeline(pipeline, run) => {
            println!("{}", load::run(pipeline, &run)?.to_line());
            Ok(())
        }
    }
}

fn compare(options: &Options) -> Result<(), Failure> {
    let children = Children::new()?;
    let mut figures = Figures::default();
    if options.wants(Part::Producer) {
        figures.groups = groups::measure(&children, options.rounds)?;
    }
    if options.wants(Part::Allocations) {
        figures.allocations = allocations::measure(&children)?;
    }
    if options.wants(Part::Instructions) {
        figures.instructions = instructions::measure(children.program())?;
    }
    let runs = Runs::new(&children, options);
    if options.wants(Part::Delivered) {
        figures.delivered = runs.delivered()?;
    }
    if options.wants(Part::FullSpeed) {
        figures.full_speed = runs.full_speed()?;
    }
    if options.wants(Part::Rates) {
        figures.rates = runs.rates()?;
    }
    if !options.summary {
        table::print(&figures);
    }
    summary::print(&figures);
    match figures.lost(NATIVE) {
        0 => Ok(()),
        lost => Err(format!(
            "{lost} of our spans did not arrive: the figures above leave out the work of delivering them"
        )
        .into()),
    }
}
