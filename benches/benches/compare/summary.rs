//! The figures for programs: lines `ratio <name> <value>`. What was not measured has no line.

use tracer_factory_benches::{FASTRACE_LOCAL, FASTRACE_ROOT, OTEL, TRACING_OTEL, paired};
use tracer_factory_hot_path::Shape::{Bare, Rich};
use tracer_factory_hot_path::{
    GUEST, NATIVE, NATIVE_GUEST_INSTALLED, NATIVE_SPOOL, NOOP, RECORDER, SAMPLED_OUT, Shape,
};

use crate::figures::{Figures, middle, pipeline};
use crate::load::{OFFERED, Outcome};

/// Name, case, what it is compared with, and the span.
const PRODUCER: &[(&str, &str, &str, Shape)] = &[
    ("recorder_rich_vs_otel", RECORDER, OTEL, Rich),
    ("recorder_bare_vs_otel", RECORDER, OTEL, Bare),
    ("recorder_rich_vs_fastrace_root", RECORDER, FASTRACE_ROOT, Rich),
    ("recorder_rich_vs_fastrace_local", RECORDER, FASTRACE_LOCAL, Rich),
    ("recorder_bare_vs_fastrace_local", RECORDER, FASTRACE_LOCAL, Bare),
    ("native_rich_vs_otel", NATIVE, OTEL, Rich),
    ("native_rich_vs_fastrace_root", NATIVE, FASTRACE_ROOT, Rich),
    ("native_rich_vs_fastrace_local", NATIVE, FASTRACE_LOCAL, Rich),
    ("native_bare_vs_otel", NATIVE, OTEL, Bare),
    ("native_bare_vs_fastrace_local", NATIVE, FASTRACE_LOCAL, Bare),
    ("native_guest_installed_rich_vs_otel", NATIVE_GUEST_INSTALLED, OTEL, Rich),
    ("guest_rich_vs_otel", GUEST, OTEL, Rich),
    ("guest_bare_vs_otel", GUEST, OTEL, Bare),
    ("tracing_otel_rich_vs_otel", TRACING_OTEL, OTEL, Rich),
    ("sampled_out_vs_otel", SAMPLED_OUT, OTEL, Rich),
];

/// Name, pipeline, and what it is compared with.
const DELIVERED: &[(&str, &str, &str)] = &[
    ("cpu_per_delivered_vs_otel", "native_grpc", "otel_grpc"),
    ("cpu_per_delivered_vs_fastrace", "native_grpc", "fastrace_grpc"),
    ("cpu_per_delivered_http_vs_otel", "native_http", "otel_http"),
    ("cpu_per_delivered_guest_vs_otel", "guest_grpc", "otel_grpc"),
    ("cpu_per_delivered_spool_vs_off", "native_grpc", "native_spool_off_grpc"),
    ("zipkin_cpu_vs_otel", "native_zipkin", "otel_zipkin"),
    ("jaeger_cpu_vs_otel", "native_jaeger", "otel_grpc"),
];

/// End of the name, and the pipeline.
const AT_FULL_SPEED: &[(&str, &str)] = &[
    ("", "native_grpc"),
    ("_http", "native_http"),
    ("_spool_off", "native_spool_off_grpc"),
    ("_otel", "otel_grpc"),
    ("_otel_http", "otel_http"),
    ("_fastrace", "fastrace_grpc"),
];

fn line(name: &str, value: Option<f64>, digits: usize) {
    if let Some(value) = value {
        println!("ratio {name} {value:.digits$}");
    }
}

pub(crate) fn print(figures: &Figures) {
    producer(figures);
    instructions(figures);
    for &(name, ours, theirs) in DELIVERED {
        let pair = pipeline(&figures.delivered, ours).zip(pipeline(&figures.delivered, theirs));
        let costs = pair.map(|pair| {
            let [ours, theirs] = <[_; 2]>::from(pair).map(|one| one.figures(Outcome::cpu_per_received));
            paired(&ours, &theirs)
        });
        line(name, costs, 3);
    }
    for (end, name) in AT_FULL_SPEED {
        line(&format!("loss_full_speed{end}"), middle(&figures.full_speed, name, Outcome::loss_percent), 3);
    }
    for (end, name) in AT_FULL_SPEED {
        let rate = middle(&figures.full_speed, name, Outcome::received_per_second);
        line(&format!("delivered_per_second{end}"), rate, 0);
        let peak = middle(&figures.full_speed, name, Outcome::peak_mib);
        line(&format!("peak_rss_mib{end}"), peak, 1);
    }
    for (end, name) in AT_FULL_SPEED {
        line(&format!("loss_free_rate{end}"), loss_free_rate(figures, name), 0);
    }
}

fn producer(figures: &Figures) {
    for (name, case, other, shape) in PRODUCER {
        line(name, figures.nanos_ratio(case, other, *shape, 1), 3);
    }
    for (name, case, other, shape) in PRODUCER {
        line(&format!("{name}_2_threads"), figures.nanos_ratio(case, other, *shape, 2), 3);
    }
    let spool = Shape::ALL.map(|shape| figures.nanos_ratio(NATIVE_SPOOL, NATIVE, shape, 1));
    line("spool_on_vs_off", spool.into_iter().flatten().reduce(f64::max), 3);
    line("noop_ns", figures.worst_nanos(NOOP), 1);
    for case in [NOOP, NATIVE, SAMPLED_OUT] {
        line(&format!("{case}_allocs"), figures.most_allocations(case), 3);
    }
}

fn instructions(figures: &Figures) {
    for (name, case, other, shape) in PRODUCER {
        line(&format!("{name}_ir"), figures.instructions_ratio(case, other, *shape, false), 3);
    }
    let spool = Shape::ALL.map(|shape| figures.instructions_ratio(NATIVE_SPOOL, NATIVE, shape, false));
    line("spool_on_vs_off_ir", spool.into_iter().flatten().reduce(f64::max), 3);
    for shape in Shape::ALL {
        for (end, other) in [("otel", OTEL), ("fastrace_local", FASTRACE_LOCAL)] {
            let name = format!("all_threads_{}_ir_vs_{end}", shape.name());
            line(&name, figures.instructions_ratio(NATIVE, other, shape, true), 3);
        }
    }
}

/// The highest rate up to which nothing was lost in any round; 0 when the lowest lost already.
fn loss_free_rate(figures: &Figures, name: &str) -> Option<f64> {
    let (_, lowest) = figures.rates.first()?;
    pipeline(lowest, name)?;
    let without_loss = figures.rates.iter().take_while(|(rate, all)| {
        let whole = |outcome: &Outcome| {
            outcome.received >= outcome.made && outcome.offered_per_second() >= OFFERED * *rate as f64
        };
        pipeline(all, name).is_some_and(|outcomes| outcomes.rounds.iter().all(whole))
    });
    Some(without_loss.last().map_or(0.0, |(rate, _)| *rate as f64))
}
