//! What is taken out of spans, and whether credentials may travel without TLS.

use super::parse::{self, Parsed};
use super::resolver::Resolver;
use super::show;
use super::var::Kind;
use super::vars::*;
use crate::config::{RedactConfig, RedactMode, TracerConfig, UrlQuery};

const MODES: &[(&str, RedactMode)] = &[
    ("credentials", RedactMode::Credentials),
    ("allow-list", RedactMode::AllowList),
    ("off", RedactMode::Off),
];
const QUERIES: &[(&str, UrlQuery)] =
    &[("secrets", UrlQuery::Secrets), ("all", UrlQuery::All), ("keep", UrlQuery::Keep)];

pub(super) fn redact(r: &mut Resolver, c: &mut RedactConfig) {
    let mode = |kind: &Kind, text: &str| parse::word(kind, text, MODES);
    let found = r.read(&TRACER_REDACT, mode);
    r.settle("redact.mode", &mut c.mode, show::word(MODES), &TRACER_REDACT, [found]);
    let vars = [&TRACER_REDACT_KEYS];
    r.set("redact.keys", &mut c.keys, names, |names| shown(names), &vars);
    let vars = [&TRACER_REDACT_ALLOW_KEYS];
    r.set("redact.allow_keys", &mut c.allow_keys, names, |names| shown(names), &vars);
    let query = |kind: &Kind, text: &str| parse::word(kind, text, QUERIES);
    let found = r.read(&TRACER_REDACT_URL_QUERY, query);
    r.settle("redact.url_query", &mut c.url_query, show::word(QUERIES), &TRACER_REDACT_URL_QUERY, [found]);
}

/// OpenTelemetry's variable has a word for each place that messages may go to; here there is one, the span.
pub(super) fn messages(r: &mut Resolver, c: &mut TracerConfig) {
    let ours = r.read(&TRACER_CAPTURE_MESSAGES, parse::boolean);
    let otel = r.read(&OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT, |kind, text| {
        match text.to_ascii_lowercase().as_str() {
            "true" | "span_only" | "span_and_event" | "event_only" => Ok(true),
            "false" | "no_content" => Ok(false),
            _ => Err(kind.allowed()),
        }
    });
    let mut captures = c.captures_messages();
    r.settle("capture_messages", &mut captures, show::plain, &TRACER_CAPTURE_MESSAGES, [ours, otel]);
    c.capture_messages = Some(captures);
}

fn names(kind: &Kind, text: &str) -> Parsed<Vec<String>> {
    parse::text(kind, text).map(|text| parse::items(&text).map(str::to_owned).collect())
}

fn shown(names: &[String]) -> String {
    show::list(names.iter().map(String::as_str))
}

/// Said aloud once when it matters: whoever sets the variable for one destination sets it for all.
pub(super) fn plaintext(r: &mut Resolver, c: &mut TracerConfig) {
    let var = &TRACER_ALLOW_PLAINTEXT_CREDENTIALS;
    let allow = &mut c.allow_plaintext_credentials;
    r.set("allow_plaintext_credentials", allow, parse::boolean, show::plain, &[var]);
    if *allow {
        for (field, shown) in c.plaintext_credentials() {
            r.warn(var, format!("{field}={shown}: credentials are sent to another host in plain text"));
        }
    }
}
