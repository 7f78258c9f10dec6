//! The table agrees with what the code does.

use super::super::{Kind, VARS, vars};
use super::resolved;
use crate::config::TracerType;

#[test]
fn the_tables_defaults_are_the_configurations() {
    let settings = resolved(&[]).settings;
    let of =
        |name: &str| settings.iter().find(|setting| setting.name == name).map(|s| s.value.as_str()).unwrap();
    for (name, var) in [
        ("tracer_types", &vars::TRACER_TYPE),
        ("exporter", &vars::TRACER_EXPORTER),
        ("service_version", &vars::TRACER_SERVICE_VERSION),
        ("environment", &vars::TRACER_ENVIRONMENT),
        ("project", &vars::TRACER_PROJECT),
        ("sampling_rate", &vars::TRACER_SAMPLING_RATE),
        ("instrument_managed", &vars::TRACER_INSTRUMENT_MANAGED),
        ("propagators", &vars::TRACER_PROPAGATOR),
        ("limits.attributes", &vars::TRACER_ATTRIBUTE_LIMIT),
        ("limits.events", &vars::TRACER_EVENT_LIMIT),
        ("limits.links", &vars::TRACER_LINK_LIMIT),
        ("limits.event_attributes", &vars::TRACER_EVENT_ATTRIBUTE_LIMIT),
        ("limits.link_attributes", &vars::TRACER_LINK_ATTRIBUTE_LIMIT),
        ("limits.value_bytes", &vars::TRACER_VALUE_LENGTH_LIMIT),
        ("limits.span_bytes", &vars::TRACER_SPAN_BYTES),
        ("limits.last_trace_bytes", &vars::TRACER_LAST_TRACE_BYTES),
        ("redact.mode", &vars::TRACER_REDACT),
        ("redact.keys", &vars::TRACER_REDACT_KEYS),
        ("redact.allow_keys", &vars::TRACER_REDACT_ALLOW_KEYS),
        ("redact.url_query", &vars::TRACER_REDACT_URL_QUERY),
        ("allow_plaintext_credentials", &vars::TRACER_ALLOW_PLAINTEXT_CREDENTIALS),
        ("delivery.schedule_delay", &vars::TRACER_SCHEDULE_DELAY),
        ("delivery.max_batch_spans", &vars::TRACER_BATCH_SPANS),
        ("delivery.max_batch_bytes", &vars::TRACER_BATCH_BYTES),
        ("delivery.queue_bytes", &vars::TRACER_QUEUE_BYTES),
        ("delivery.lane_bytes", &vars::TRACER_LANE_BYTES),
        ("delivery.overflow", &vars::TRACER_OVERFLOW),
        ("delivery.spool.directory", &vars::TRACER_SPOOL_DIR),
        ("delivery.spool.max_bytes", &vars::TRACER_SPOOL_MAX_BYTES),
        ("delivery.spool.max_age", &vars::TRACER_SPOOL_MAX_AGE),
        ("delivery.spool.fsync", &vars::TRACER_SPOOL_FSYNC),
        ("delivery.shutdown_timeout", &vars::TRACER_SHUTDOWN_TIMEOUT),
        ("otlp.endpoint", &vars::OTLP_ENDPOINT),
        ("otlp.protocol", &vars::OTLP_PROTOCOL),
        ("otlp.headers", &vars::OTLP_HEADERS),
        ("otlp.timeout", &vars::OTLP_TIMEOUT),
        ("otlp.compression", &vars::OTLP_COMPRESSION),
        ("otlp.tls.ca_file", &vars::OTLP_CERTIFICATE),
        ("otlp.tls.client_certificate_file", &vars::OTLP_CLIENT_CERTIFICATE),
        ("otlp.tls.client_key_file", &vars::OTLP_CLIENT_KEY),
        ("jaeger.endpoint", &vars::JAEGER_ENDPOINT),
        ("jaeger.timeout", &vars::JAEGER_TIMEOUT),
        ("zipkin.endpoint", &vars::ZIPKIN_ENDPOINT),
        ("zipkin.timeout", &vars::ZIPKIN_TIMEOUT),
        ("console.format", &vars::TRACER_CONSOLE_FORMAT),
        ("console.stderr", &vars::TRACER_CONSOLE_STREAM),
        ("agent_session.managed", &vars::AGENTOPS_MANAGED),
        ("agent_session.daemon", &vars::AGENTOPS_DAEMON),
        ("agent_session.endpoint", &vars::AGENTOPS_EXPORTER_ENDPOINT),
        ("agent_session.api_key", &vars::AGENTOPS_API_KEY),
        ("agent_session.listen", &vars::TRACER_SERVER_LISTEN),
        ("agent_session.server_bin", &vars::TRACER_SERVER_BIN),
        ("agent_session.data", &vars::TRACER_SERVER_DATA),
        ("agent_session.max_bytes", &vars::TRACER_SERVER_MAX_BYTES),
        ("agent_session.max_age", &vars::TRACER_SERVER_MAX_AGE),
    ] {
        assert_eq!(of(name), var.default, "{}", var.name);
    }
}

#[test]
fn a_default_that_is_a_value_is_taken_as_one() {
    for var in VARS.iter().filter(|var| !var.default.starts_with('(')) {
        let resolved = resolved(&[("TRACER_TYPE", "opentelemetry"), (var.name, var.default)]);
        assert!(resolved.warnings.is_empty(), "{}: {:?}", var.name, resolved.warnings);
    }
}

#[test]
fn the_names_of_types_are_all_in_the_table() {
    let Kind::ListOf(words) = vars::TRACER_TYPE.kind else { panic!("a list") };
    for (tracer_type, _) in TracerType::NAMES {
        assert!(words.contains(&tracer_type.name()), "{tracer_type}");
    }
    for word in words {
        assert!(TracerType::from_name(word).is_some(), "{word}");
    }
}

#[test]
fn names_are_unique_and_secrets_are_marked() {
    let names: std::collections::BTreeSet<_> = VARS.iter().map(|var| var.name).collect();
    assert_eq!(names.len(), VARS.len());
    for var in VARS {
        let secret = ["_HEADERS", "_API_KEY", "_FILE"].iter().any(|end| var.name.ends_with(end));
        assert_eq!(var.secret, secret, "{}", var.name);
    }
}
