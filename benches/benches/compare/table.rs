//! The figures for people, a table for each kind of measurement.

use tracer_factory_benches::{FASTRACE_LOCAL, OTEL, median};

use crate::figures::Figures;
use crate::load::Outcome;
use crate::runs::Outcomes;

pub(crate) fn print(figures: &Figures) {
    for group in &figures.groups {
        println!("\nCPU ns a span of the recording threads, group {}", group.name);
        println!(
            "{:<22} {:<5} {:>5} {:>7} {:>8} {:>8} {:>8} {:>18} {:>6}",
            "case", "shape", "depth", "threads", "min", "median", "vs otel", "vs fastrace_local", "lost"
        );
        for series in &group.series {
            println!(
                "{:<22} {:<5} {:>5} {:>7} {:>8.1} {:>8.1} {:>8} {:>18} {:>6}",
                series.key.case,
                series.key.shape.name(),
                series.key.depth,
                series.key.threads,
                series.minimum(),
                series.median(),
                ratio(group.against(series, OTEL)),
                ratio(group.against(series, FASTRACE_LOCAL)),
                series.lost
            );
        }
    }
    if !figures.instructions.is_empty() {
        println!("\nInstructions a span");
        println!("{:<22} {:<5} {:>5} {:<9} {:>9}", "case", "shape", "depth", "threads", "count");
        for of in &figures.instructions {
            let threads = if of.all_threads { "all" } else { "recording" };
            let (shape, depth) = (of.shape.name(), of.depth);
            println!("{:<22} {shape:<5} {depth:>5} {threads:<9} {:>9.0}", of.case, of.count);
        }
    }
    if !figures.allocations.is_empty() {
        println!("\nAllocations a span of the recording thread");
        println!("{:<22} {:<5} {:>5} {:>11} {:>9}", "case", "shape", "depth", "allocations", "bytes");
        for of in &figures.allocations {
            let (shape, depth) = (of.shape.name(), of.depth);
            println!("{:<22} {shape:<5} {depth:>5} {:>11.3} {:>9.1}", of.case, of.count, of.bytes);
        }
    }
    loads(
        "At 100,000 spans a second, each burst delivered before the next, rich, medians",
        &figures.delivered,
    );
    loads("At full speed, two threads, rich, medians", &figures.full_speed);
    for (rate, outcomes) in &figures.rates {
        loads(&format!("Offered {rate} spans a second, rich, medians"), outcomes);
    }
    println!();
}

fn loads(title: &str, all: &[Outcomes]) {
    if all.is_empty() {
        return;
    }
    println!("\n{title}");
    println!(
        "{:<18} {:>9} {:>9} {:>8} {:>10} {:>12} {:>12} {:>9}",
        "pipeline", "offered/s", "received", "lost %", "CPU ns", "producer ns", "delivered/s", "peak MiB"
    );
    for outcomes in all {
        let middle = |figure: fn(&Outcome) -> f64| median(&outcomes.figures(figure));
        println!(
            "{:<18} {:>9.0} {:>9.0} {:>8.3} {:>10.0} {:>12.0} {:>12.0} {:>9.1}",
            outcomes.pipeline,
            middle(Outcome::offered_per_second),
            middle(|outcome| outcome.received as f64),
            middle(Outcome::loss_percent),
            middle(Outcome::cpu_per_received),
            middle(|outcome| outcome.producing as f64 / outcome.made as f64),
            middle(Outcome::received_per_second),
            middle(|outcome| outcome.peak_kib as f64 / 1024.0),
        );
    }
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"))
}
