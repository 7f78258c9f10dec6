//! The figures for people, as the tables of docs/performance.md.

use tracer_factory_benches::{FASTRACE_LOCAL, OTEL, median};
use tracer_factory_hot_path::Shape;

use crate::figures::{Figures, pipeline};
use crate::groups::GroupFigures;
use crate::load::{OFFERED, Outcome};
use crate::rounds::THREADS;
use crate::runs::Outcomes;

pub(crate) fn print(figures: &Figures) {
    for group in &figures.groups {
        for threads in THREADS {
            recording(figures, group, threads);
        }
    }
    if figures.groups.is_empty() {
        counts(figures);
    }
    background(figures);
    pipelines("Delivering 100,000 spans a second, each burst before the next", &figures.delivered);
    pipelines("At full speed, two threads", &figures.full_speed);
    losses(figures);
}

fn heading(title: &str, columns: &str, alignment: &str) {
    println!("### {title}\n\n{columns}\n{alignment}");
}

/// One group's cases with so many threads. Counts are the same for any number of threads, and are beside one.
fn recording(figures: &Figures, group: &GroupFigures, threads: usize) {
    heading(
        &format!("Recording: {}, threads: {threads}", group.name),
        "| shape, depth | case | min ns | median ns | ÷ otel | ÷ fastrace_local | instructions | allocations |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    );
    for series in group.series.iter().filter(|series| series.key.threads == threads) {
        let (case, shape, depth) = (series.key.case.as_str(), series.key.shape, series.key.depth);
        let instructions = figures.instructions_of(case, shape, depth, false).filter(|_| threads == 1);
        let allocations = figures.allocations_of(case, shape, depth).filter(|_| threads == 1);
        let arrived = if series.lost == 0 { String::new() } else { format!(" ({} lost)", series.lost) };
        println!(
            "| {}, {depth} | `{case}`{arrived} | {:.1} | {:.1} | {} | {} | {} | {} |",
            shape.name(),
            series.minimum(),
            series.median(),
            number(group.against(series, OTEL), 3),
            number(group.against(series, FASTRACE_LOCAL), 3),
            number(instructions, 0),
            number(allocations, 2),
        );
    }
    println!();
}

/// Instructions and allocations alone, when nothing else was measured of the cases.
fn counts(figures: &Figures) {
    if !figures.instructions.is_empty() {
        heading("Instructions a span", "| shape, depth | case | instructions |", "|---|---|---:|");
        for of in figures.instructions.iter().filter(|of| !of.all_threads) {
            println!("| {}, {} | `{}` | {:.0} |", of.shape.name(), of.depth, of.case, of.count);
        }
        println!();
    }
    if !figures.allocations.is_empty() {
        heading("Allocations a span", "| shape, depth | case | allocations | bytes |", "|---|---|---:|---:|");
        for of in &figures.allocations {
            let (shape, depth) = (of.shape.name(), of.depth);
            println!("| {shape}, {depth} | `{}` | {:.2} | {:.0} |", of.case, of.count, of.bytes);
        }
        println!();
    }
}

fn background(figures: &Figures) {
    let mut bare =
        figures.instructions.iter().filter(|of| of.all_threads && of.shape == Shape::Bare).peekable();
    if bare.peek().is_none() {
        return;
    }
    heading("Instructions of all threads, depth 1", "| case | bare | rich |", "|---|---:|---:|");
    for of in bare {
        let rich = figures.instructions_of(of.case, Shape::Rich, of.depth, true);
        println!("| `{}` | {:.0} | {} |", of.case, of.count, number(rich, 0));
    }
    println!();
}

fn pipelines(title: &str, all: &[Outcomes]) {
    if all.is_empty() {
        return;
    }
    heading(
        title,
        "| pipeline | made a second | delivered a second | lost % | CPU ns a delivered span | of them the producer | peak MiB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    );
    for outcomes in all {
        let middle = |figure: fn(&Outcome) -> f64| median(&outcomes.figures(figure));
        println!(
            "| `{}` | {:.0} | {:.0} | {:.2} | {:.0} | {:.0} | {:.1} |",
            outcomes.pipeline,
            middle(Outcome::offered_per_second),
            middle(Outcome::received_per_second),
            middle(Outcome::loss_percent),
            middle(Outcome::cpu_per_received),
            middle(|outcome| outcome.producing as f64 / outcome.received as f64),
            middle(Outcome::peak_mib),
        );
    }
    println!();
}

/// Percent lost at each rate; in parentheses the rate that the producer reached, where it fell short.
fn losses(figures: &Figures) {
    let Some((_, first)) = figures.rates.first() else { return };
    let rates: Vec<_> = figures.rates.iter().map(|(rate, _)| rate.to_string()).collect();
    let columns = format!("| pipeline | {} |", rates.join(" | "));
    heading(
        "Percent lost of so many spans a second",
        &columns,
        &format!("|---|{}", "---:|".repeat(rates.len())),
    );
    for name in first.iter().map(|outcomes| outcomes.pipeline) {
        let cells = figures.rates.iter().map(|(rate, all)| {
            let Some(outcomes) = pipeline(all, name) else { return "-".to_owned() };
            let lost = median(&outcomes.figures(Outcome::loss_percent));
            let offered = median(&outcomes.figures(Outcome::offered_per_second));
            let short = offered < OFFERED * *rate as f64;
            if short { format!("{lost:.2} ({offered:.0})") } else { format!("{lost:.2}") }
        });
        println!("| `{name}` | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    println!();
}

fn number(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(String::new, |number| format!("{number:.digits$}"))
}
