//! Variables that look like ours and aren't: typing errors are told from Kubernetes' service links.

use std::ffi::OsStr;

use super::map::EnvMap;
use super::vars::VARS;
use super::warning::Warning;
use crate::error::ConfigError;

/// Prefixes that other programs use as well: only what is nearly one of our names is worth a word.
const SHARED: &[&str] = &["OTLP_", "JAEGER_", "ZIPKIN_", "AGENTOPS_"];

pub(super) fn look_for_unknown(map: &EnvMap, errors: &mut Vec<ConfigError>, warnings: &mut Vec<Warning>) {
    for (name, value) in map.iter() {
        if VARS.iter().any(|var| var.name == name) || is_service_link(name, value) {
            continue;
        }
        if name.starts_with("TRACER_") {
            let ours = VARS.iter().map(|var| var.name).filter(|known| !known.starts_with("OTEL_"));
            let nearest = nearest(name, ours).map(str::to_owned);
            errors.push(ConfigError::Unknown { variable: shown_name(name), nearest });
        } else if let Some(prefix) = SHARED.iter().find(|prefix| name.starts_with(*prefix)) {
            let siblings = VARS.iter().map(|var| var.name).filter(|known| known.starts_with(prefix));
            if let Some(known) =
                nearest(name, siblings).filter(|known| strsim::damerau_levenshtein(name, known) <= 2)
            {
                let variable = shown_name(name);
                let text = format!("{variable} is not a variable of tracer-factory; did you mean {known}?");
                warnings.push(Warning::new(variable, text));
            }
        }
    }
}

/// The nearest of `known` by edit distance, unless even that is far off.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The distance costs the product of the lengths.
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let (distance, nearest) = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= (nearest.len() / 3).max(2)).then_some(nearest)
}

/// A name from outside, safe to print.
fn shown_name(name: &str) -> String {
    name.chars().take(80).flat_map(char::escape_debug).collect()
}

/// `<SERVICE>_SERVICE_HOST`, `_SERVICE_PORT[_NAME]`, `_PORT` and `_PORT_<number>_<protocol>[_PROTO|_PORT|_ADDR]`,
/// as Kubernetes sets them for every service of a namespace, such as one called `tracer` or `tracer-server`.
fn is_service_link(name: &str, value: &OsStr) -> bool {
    let is_port = |rest: &str| {
        let Some((number, rest)) = rest.split_once('_') else { return false };
        let (protocol, part) =
            rest.split_once('_').map_or((rest, None), |(protocol, part)| (protocol, Some(part)));
        number.parse::<u16>().is_ok()
            && matches!(protocol, "TCP" | "UDP" | "SCTP")
            && matches!(part, None | Some("PROTO" | "PORT" | "ADDR"))
    };
    // `_PORT` alone is also what someone who wants to set a port would write: the value tells.
    let is_link = || {
        let value = value.to_string_lossy();
        ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme))
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT") && is_link()
        || name.match_indices("_PORT_").any(|(at, found)| is_port(&name[at + found.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_are_told_from_typing_errors() {
        for (name, value, link) in [
            ("TRACER_SERVICE_HOST", "10.0.0.1", true),
            ("TRACER_SERVICE_PORT", "80", true),
            ("TRACER_SERVICE_PORT_HTTP", "80", true),
            ("TRACER_PORT", "tcp://10.0.0.1:80", true),
            ("TRACER_PORT_80_TCP", "tcp://10.0.0.1:80", true),
            ("TRACER_PORT_80_TCP_PROTO", "tcp", true),
            ("TRACER_PORT_80_TCP_PORT", "80", true),
            ("TRACER_PORT_6831_UDP_ADDR", "10.0.0.1", true),
            ("TRACER_SERVER_PORT_4319_TCP", "tcp://10.0.0.1:80", true),
            ("OTLP_SERVICE_HOST", "10.0.0.1", true),
            ("TRACER_PORT", "8080", false),
            ("TRACER_PORT_80", "80", false),
            ("TRACER_PORT_99999_TCP", "80", false),
            ("TRACER_PORT_80_TCP_NAME", "80", false),
            ("TRACER_SERVICE_NAM", "a", false),
        ] {
            assert_eq!(is_service_link(name, OsStr::new(value)), link, "{name}={value}");
        }
    }

    #[test]
    fn no_variable_of_ours_looks_like_a_service_link() {
        for var in VARS {
            assert!(!is_service_link(var.name, OsStr::new("x")), "{}", var.name);
        }
    }

    #[test]
    fn the_nearest_name_is_near() {
        let known = || VARS.iter().map(|var| var.name);
        assert_eq!(nearest("TRACER_TPYE", known()), Some("TRACER_TYPE"));
        assert_eq!(nearest("TRACER_SAMPLE_RATE", known()), Some("TRACER_SAMPLING_RATE"));
        assert_eq!(nearest("TRACER_SOMETHING_ELSE_ENTIRELY", known()), None);
        assert_eq!(nearest(&"TRACER_".repeat(200_000), known()), None);
    }
}
