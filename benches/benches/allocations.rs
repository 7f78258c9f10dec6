//! Allocations and allocated bytes of the recording thread, per span in steady state.
//!
//! `cargo bench -p tracer-factory-benches --bench allocations [-- --summary]`

#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![allow(missing_docs)]

use allocation_counter::measure;
use tracer_factory_benches::{NATIVE, NOOP, Shape, cases, produce};

const BURST: usize = 480;
const BURSTS: usize = 20;

fn main() {
    let summary = std::env::args().any(|argument| argument == "--summary");
    if !summary {
        println!("{:<16} {:<5} {:>5} {:>12} {:>11}", "case", "shape", "depth", "allocations", "bytes");
    }
    let mut most: Vec<(&str, f64)> = Vec::new();
    for case in cases() {
        for shape in Shape::ALL {
            for depth in [1, 10] {
                let traces = BURST / depth;
                let burst = || produce(&*case, shape, depth, traces);
                // Pools, lanes and queues reach their size first.
                for _ in 0..3 {
                    burst();
                    case.settle();
                }
                let (mut count, mut bytes) = (0, 0);
                for _ in 0..BURSTS {
                    let allocated = measure(burst);
                    (count, bytes) = (count + allocated.count_total, bytes + allocated.bytes_total);
                    case.settle();
                }
                let spans = (BURSTS * traces * depth) as f64;
                let (count, bytes) = (count as f64 / spans, bytes as f64 / spans);
                most.push((case.name(), count));
                if !summary {
                    println!(
                        "{:<16} {:<5} {depth:>5} {count:>12.3} {bytes:>11.1}",
                        case.name(),
                        shape.name()
                    );
                }
            }
        }
    }
    for name in [NATIVE, NOOP] {
        let worst =
            most.iter().filter(|(case, _)| *case == name).map(|(_, count)| *count).fold(0.0, f64::max);
        println!("ratio {name}_allocs {worst}");
    }
}
