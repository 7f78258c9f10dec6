//! What is recorded and how it is gathered: sampling, propagators, limits, delivery.

use std::time::Duration;

use super::parse::{self, Parsed};
use super::resolver::{Resolver, Source};
use super::show;
use super::var::Kind;
use super::vars::*;
use crate::config::{DeliveryConfig, Limits, Overflow, SpoolConfig, TracerConfig};
use crate::error::ConfigError;
use crate::propagation::Propagator;

pub(super) fn sampling(r: &mut Resolver, c: &mut TracerConfig) {
    let ours = r.read(&TRACER_SAMPLING_RATE, parse::ratio);
    let sampler = r.read(&OTEL_TRACES_SAMPLER, sampler);
    // A bad argument counts as none, and none means all.
    let ratio = r.read(&OTEL_TRACES_SAMPLER_ARG, parse::ratio).map_or(1.0, |found| found.value);
    let otel = sampler.map(|found| found.map(|rate| rate.unwrap_or(ratio)));
    r.settle("sampling_rate", &mut c.sampling_rate, show::plain, &TRACER_SAMPLING_RATE, [ours, otel]);
}

/// The rate of a sampler, `None` where the argument has it.
fn sampler(kind: &Kind, text: &str) -> Parsed<Option<f64>> {
    match text.strip_prefix("parentbased_").unwrap_or(text) {
        "always_on" => Ok(Some(1.0)),
        "always_off" => Ok(Some(0.0)),
        "traceidratio" => Ok(None),
        _ => Err(kind.allowed()),
    }
}

pub(super) fn instrumentation(r: &mut Resolver, c: &mut TracerConfig) {
    let managed = &mut c.instrument_managed;
    r.set("instrument_managed", managed, parse::boolean, show::plain, &[&TRACER_INSTRUMENT_MANAGED]);
    let ours = r.read(&TRACER_PROPAGATOR, parse::propagators);
    let otel = r.read(&OTEL_PROPAGATORS, parse::propagators);
    r.settle(
        "propagators",
        &mut c.propagators,
        |list| propagator_names(list),
        &TRACER_PROPAGATOR,
        [ours, otel],
    );
}

fn propagator_names(propagators: &[Propagator]) -> String {
    if propagators.is_empty() {
        return "none".to_owned();
    }
    let name =
        |wanted: &Propagator| parse::PROPAGATORS.iter().find(|(_, p)| p == wanted).map(|(name, _)| *name);
    show::list(propagators.iter().filter_map(name))
}

pub(super) fn limits(r: &mut Resolver, l: &mut Limits) -> Source {
    for (name, target, vars) in [
        (
            "limits.attributes",
            &mut l.attributes,
            [&TRACER_ATTRIBUTE_LIMIT, &OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, &OTEL_ATTRIBUTE_COUNT_LIMIT]
                .as_slice(),
        ),
        ("limits.events", &mut l.events, &[&TRACER_EVENT_LIMIT, &OTEL_SPAN_EVENT_COUNT_LIMIT]),
        ("limits.links", &mut l.links, &[&TRACER_LINK_LIMIT, &OTEL_SPAN_LINK_COUNT_LIMIT]),
        (
            "limits.event_attributes",
            &mut l.event_attributes,
            &[&TRACER_EVENT_ATTRIBUTE_LIMIT, &OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT, &OTEL_ATTRIBUTE_COUNT_LIMIT],
        ),
        (
            "limits.link_attributes",
            &mut l.link_attributes,
            &[&TRACER_LINK_ATTRIBUTE_LIMIT, &OTEL_LINK_ATTRIBUTE_COUNT_LIMIT, &OTEL_ATTRIBUTE_COUNT_LIMIT],
        ),
    ] {
        r.set(name, target, parse::limit, show::limit, vars);
    }
    let value_length = [
        &TRACER_VALUE_LENGTH_LIMIT,
        &OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT,
        &OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT,
    ];
    r.set("limits.value_bytes", &mut l.value_bytes, parse::size, show::size, &value_length);
    let last_trace = &mut l.last_trace_bytes;
    r.set("limits.last_trace_bytes", last_trace, parse::size, show::size, &[&TRACER_LAST_TRACE_BYTES]);
    r.set("limits.span_bytes", &mut l.span_bytes, parse::size, show::size, &[&TRACER_SPAN_BYTES])
}

pub(super) fn delivery(r: &mut Resolver, d: &mut DeliveryConfig) {
    let delay: &mut Duration = &mut d.schedule_delay;
    let vars = [&TRACER_SCHEDULE_DELAY, &OTEL_BSP_SCHEDULE_DELAY];
    r.set("delivery.schedule_delay", delay, parse::duration, show::duration, &vars);
    let vars = [&TRACER_BATCH_SPANS, &OTEL_BSP_MAX_EXPORT_BATCH_SIZE];
    r.set("delivery.max_batch_spans", &mut d.max_batch_spans, parse::size, show::plain, &vars);
    let batch = &mut d.max_batch_bytes;
    r.set("delivery.max_batch_bytes", batch, parse::size, show::size, &[&TRACER_BATCH_BYTES]);
    let ours = r.read(&TRACER_QUEUE_BYTES, parse::size);
    let spans = r.read(&OTEL_BSP_MAX_QUEUE_SIZE, parse::size);
    let otel = spans.map(|found| found.map(|spans| spans.saturating_mul(1024)));
    r.settle("delivery.queue_bytes", &mut d.queue_bytes, show::size, &TRACER_QUEUE_BYTES, [ours, otel]);
    let lane = &mut d.lane_bytes;
    r.set("delivery.lane_bytes", lane, parse::size, show::size, &[&TRACER_LANE_BYTES]);
    let name = |wanted: &Overflow| {
        show::list(parse::OVERFLOWS.iter().filter(|(_, value)| value == wanted).map(|(name, _)| *name))
    };
    r.set("delivery.overflow", &mut d.overflow, parse::overflow, name, &[&TRACER_OVERFLOW]);
    spool(r, &mut d.spool);
    let timeout = &mut d.shutdown_timeout;
    let vars = [&TRACER_SHUTDOWN_TIMEOUT];
    r.set("delivery.shutdown_timeout", timeout, parse::duration, show::duration, &vars);
}

fn spool(r: &mut Resolver, s: &mut SpoolConfig) {
    let directory = &mut s.directory;
    let vars = [&TRACER_SPOOL_DIR];
    r.set("delivery.spool.directory", directory, parse::spool_directory, show::spool_directory, &vars);
    let bytes = &mut s.max_bytes;
    r.set("delivery.spool.max_bytes", bytes, parse::size, show::size, &[&TRACER_SPOOL_MAX_BYTES]);
    let age = &mut s.max_age;
    r.set("delivery.spool.max_age", age, parse::duration, show::duration, &[&TRACER_SPOOL_MAX_AGE]);
    r.set("delivery.spool.fsync", &mut s.fsync, parse::fsync, show::fsync, &[&TRACER_SPOOL_FSYNC]);
}

/// A span goes through a lane whole.
pub(super) fn check_span_fits_lane(r: &mut Resolver, c: &TracerConfig, span_bytes: Source) {
    let (span, lane) = (c.limits.span_bytes, c.delivery.lane_bytes);
    if span > lane && span_bytes != Source::Default {
        let allowed = format!("at most TRACER_LANE_BYTES, which is {}", show::size(&lane));
        r.errors.push(ConfigError::invalid(TRACER_SPAN_BYTES.name, show::size(&span), allowed));
    }
}
