//! Records with one case of ours and nothing else: `hot-path --case native --shape rich --depth 1 --spans 4800`.
#![allow(clippy::print_stderr, reason = "a command talks on its terminal")]

use std::process::ExitCode;

use tracer_factory_hot_path::{Alone, CASES};

fn main() -> ExitCode {
    let alone = match Alone::parse(std::env::args().skip(1)) {
        Ok(alone) => alone,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match alone.run(CASES) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
