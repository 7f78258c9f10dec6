//! Which destinations the environment chooses: TRACER_TYPE, TRACER_EXPORTER and OpenTelemetry's words for them.

use super::parse::{self, Parsed, items};
use super::program::Program;
use super::resolver::Resolver;
use super::show;
use super::unknown::nearest;
use super::var::Kind;
use super::vars::*;
use crate::config::TracerType;

/// The chosen types, and whether one of them was `opentelemetry`, which leaves open what to export to.
struct Chosen {
    types: Vec<TracerType>,
    open: bool,
}

pub(super) fn tracer_types(r: &mut Resolver, program: &Program<'_>, types: &mut Vec<TracerType>) {
    let disabled = r.read(&OTEL_SDK_DISABLED, parse::boolean).filter(|found| found.value);
    let ours = r.read(&TRACER_TYPE, |_, text| choose(text, program.registered));
    let exporter = r.read(&TRACER_EXPORTER, exporters);
    let otel = r.read(&OTEL_TRACES_EXPORTER, exporters);

    let chosen = ours.is_some() || otel.is_some();
    let open = ours.as_ref().is_some_and(|found| found.value.open);
    if let (Some(_), false) = (&exporter, open) {
        let text = "TRACER_EXPORTER is not used: it goes with TRACER_TYPE=opentelemetry";
        r.warn(&TRACER_EXPORTER, text.to_owned());
    }
    let list = |types: &Vec<TracerType>| show::list(types.iter().map(TracerType::name));

    // With `opentelemetry`, the exporter decides what that type stands for; without, OTEL_TRACES_EXPORTER
    // is the weaker sibling of TRACER_TYPE.
    let mut exports = vec![TracerType::Otlp];
    let (by_exporter, by_otel) = if open { (otel, None) } else { (None, otel) };
    r.settle("exporter", &mut exports, list, &TRACER_EXPORTER, [exporter, by_exporter]);
    let ours = ours.map(|found| found.map(|chosen| chosen.resolved(&exports)));
    let disabled = disabled.map(|found| found.map(|_| vec![TracerType::NoOp]));
    r.settle("tracer_types", types, list, &TRACER_TYPE, [disabled, ours, by_otel]);
    if !chosen {
        warn_of_unused_endpoint(r);
    }
}

impl Chosen {
    /// With `opentelemetry` replaced by what it exports to. `none` beside other types adds nothing.
    fn resolved(self, exports: &[TracerType]) -> Vec<TracerType> {
        if !self.open {
            return self.types;
        }
        let mut types = Vec::new();
        for tracer_type in self.types {
            let stands_for = if tracer_type == TracerType::OpenTelemetry { exports } else { &[tracer_type] };
            for tracer_type in stands_for {
                if !types.contains(tracer_type) {
                    types.push(tracer_type.clone());
                }
            }
        }
        if types.len() > 1 {
            types.retain(|tracer_type| *tracer_type != TracerType::NoOp);
        }
        types
    }
}

fn choose(text: &str, registered: &[String]) -> Parsed<Chosen> {
    let mut chosen = Chosen { types: Vec::new(), open: false };
    for item in items(text) {
        // `otlp` says what it exports to; the other names of the same type don't.
        chosen.open |= ["opentelemetry", "otel"].iter().any(|open| open.eq_ignore_ascii_case(item));
        let by_program = || registered.iter().find(|name| *name == item).cloned().map(TracerType::Registered);
        let tracer_type = TracerType::from_name(item).or_else(by_program);
        let tracer_type = tracer_type.ok_or_else(|| not_a_type(item, registered))?;
        if !chosen.types.contains(&tracer_type) {
            chosen.types.push(tracer_type);
        }
    }
    if chosen.types.is_empty() {
        return Err(TRACER_TYPE.allowed());
    }
    if chosen.types.len() > 1 && chosen.types.contains(&TracerType::NoOp) {
        return Err("noop and none stand alone: leave the other types out, or them".to_owned());
    }
    Ok(chosen)
}

fn not_a_type(item: &str, registered: &[String]) -> String {
    let mut allowed = TRACER_TYPE.allowed();
    if !registered.is_empty() {
        allowed = format!("{allowed}, or an exporter of this program: {}", registered.join(", "));
    }
    let names = TracerType::NAMES.iter().flat_map(|(_, names)| names.iter().copied());
    let lower = item.to_ascii_lowercase();
    match nearest(&lower, names.chain(registered.iter().map(String::as_str))) {
        Some(name) => format!("{allowed}; did you mean {name}?"),
        None => allowed,
    }
}

fn exporters(kind: &Kind, text: &str) -> Parsed<Vec<TracerType>> {
    let Kind::ListOf(words) = *kind else { return Err(kind.allowed()) };
    let mut types = Vec::new();
    for item in items(text) {
        let known = words.iter().find(|word| word.eq_ignore_ascii_case(item));
        let tracer_type = known.and_then(|word| TracerType::from_name(word)).ok_or_else(|| kind.allowed())?;
        if !types.contains(&tracer_type) {
            types.push(tracer_type);
        }
    }
    if types.is_empty() || types.len() > 1 && types.contains(&TracerType::NoOp) {
        return Err(kind.allowed());
    }
    Ok(types)
}

/// An endpoint that someone injected (Kubernetes' operator does) and that the default type passes by.
fn warn_of_unused_endpoint(r: &mut Resolver) {
    for var in [&OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, &OTEL_EXPORTER_OTLP_ENDPOINT] {
        if r.is_set(var) {
            let text = format!(
                "{} is not used by TRACER_TYPE=agent-session, the default: set TRACER_TYPE=otlp",
                var.name
            );
            return r.warn(var, text);
        }
    }
}
