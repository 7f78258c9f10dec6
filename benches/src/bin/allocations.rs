//! Allocations of the recording thread, a span, in steady state: `allocations CASE...` says, a line each, case, shape,
//! depth, allocations and bytes.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

use std::process::ExitCode;

use allocation_counter::measure;
use tracer_factory_benches::cases;
use tracer_factory_hot_path::{BURST, Case, Load, Shape, produce, warm_up};

const BURSTS: usize = 20;

fn main() -> ExitCode {
    let entries = cases();
    for name in std::env::args().skip(1) {
        let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
            eprintln!("there is no case {name}");
            return ExitCode::from(2);
        };
        match (entry.make)() {
            Ok(case) => count(entry.name, &*case),
            Err(error) => {
                eprintln!("{name} can't be made: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn count(name: &str, case: &dyn Case) {
    for shape in Shape::ALL {
        for depth in [1, 10] {
            let load = Load::of_spans(shape, depth, BURST);
            for _ in 0..3 {
                warm_up(case, load);
            }
            let (mut count, mut bytes) = (0, 0);
            for _ in 0..BURSTS {
                let allocated = measure(|| produce(case, load));
                (count, bytes) = (count + allocated.count_total, bytes + allocated.bytes_total);
                case.settle();
            }
            let spans = BURSTS as f64 * load.spans() as f64;
            let (count, bytes) = (count as f64 / spans, bytes as f64 / spans);
            println!("{name} {} {depth} {count} {bytes}", shape.name());
        }
    }
}
