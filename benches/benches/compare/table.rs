//! The figures, for people as a table and for programs as `ratio <name> <value>` lines.

use tracer_factory_benches::{FASTRACE_LOCAL, NATIVE, NOOP, OTEL, SAMPLED_OUT, Shape, median};

use crate::rounds::{DEPTHS, Measurements, Series};

pub(crate) fn print(measurements: &Measurements) {
    println!(
        "{:<5} {:>5} {:<16} {:>8} {:>8} {:>8} {:>18} {:>6}",
        "shape", "depth", "case", "min ns", "med ns", "vs otel", "vs fastrace_local", "lost"
    );
    for series in &measurements.0 {
        let against = |other| paired(measurements, series, other);
        println!(
            "{:<5} {:>5} {:<16} {:>8.1} {:>8.1} {:>8.3} {:>18.3} {:>6}",
            series.shape.name(),
            series.depth,
            series.case,
            series.minimum(),
            median(&series.nanos),
            against(OTEL),
            against(FASTRACE_LOCAL),
            series.lost
        );
    }
}

/// Each ratio is the median over rounds of both figures of one round, and of the depths the worse.
pub(crate) fn print_ratios(measurements: &Measurements) {
    for (name, case, shape, other) in [
        ("native_rich_vs_otel", NATIVE, Shape::Rich, OTEL),
        ("native_bare_vs_otel", NATIVE, Shape::Bare, OTEL),
        ("native_rich_vs_fastrace_local", NATIVE, Shape::Rich, FASTRACE_LOCAL),
        ("native_bare_vs_fastrace_local", NATIVE, Shape::Bare, FASTRACE_LOCAL),
        ("sampled_out_vs_otel", SAMPLED_OUT, Shape::Rich, OTEL),
    ] {
        let ratios = series_of(measurements, case, shape).map(|series| paired(measurements, series, other));
        println!("ratio {name} {:.3}", ratios.fold(0.0, f64::max));
    }
    let noop = Shape::ALL.into_iter().flat_map(|shape| series_of(measurements, NOOP, shape));
    println!("ratio noop_ns {:.1}", noop.map(|series| median(&series.nanos)).fold(0.0, f64::max));
}

fn series_of<'a>(
    measurements: &'a Measurements,
    case: &'a str,
    shape: Shape,
) -> impl Iterator<Item = &'a Series> {
    DEPTHS.into_iter().filter_map(move |depth| measurements.find(case, shape, depth))
}

fn paired(measurements: &Measurements, series: &Series, other: &str) -> f64 {
    let Some(other) = measurements.find(other, series.shape, series.depth) else { return f64::NAN };
    let ratios: Vec<_> = series.nanos.iter().zip(&other.nanos).map(|(ours, theirs)| ours / theirs).collect();
    median(&ratios)
}
