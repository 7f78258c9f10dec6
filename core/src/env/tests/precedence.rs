//! Code, then our variables, then OpenTelemetry's, then the default; and what the seeds' examples mean.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::{EnvMap, Source, Var};
use super::{config, error, resolved, setting};
use crate::config::{Compression, ConsoleFormat, OtlpProtocol, TracerConfig, TracerType};
use crate::propagation::Propagator;

/// A setting, its variables from the strongest to the weakest with a value each, and the values as they are shown.
type Row = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("tracer_types", &[("OTEL_SDK_DISABLED", "true", "noop"), ("TRACER_TYPE", "jaeger", "jaeger"), ("OTEL_TRACES_EXPORTER", "zipkin", "zipkin")]),
    ("service_name", &[("TRACER_SERVICE_NAME", "a", "a"), ("TRACER_RESOURCE_ATTRIBUTES", "service.name=b", "b"), ("OTEL_SERVICE_NAME", "c", "c"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=d", "d")]),
    ("service_version", &[("TRACER_SERVICE_VERSION", "1", "1"), ("TRACER_RESOURCE_ATTRIBUTES", "service.version=2", "2"), ("OTEL_RESOURCE_ATTRIBUTES", "service.version=3", "3")]),
    ("environment", &[("TRACER_ENVIRONMENT", "a", "a"), ("TRACER_RESOURCE_ATTRIBUTES", "deployment.environment.name=b", "b"), ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=c", "c")]),
    ("project", &[("TRACER_PROJECT", "a", "a"), ("TRACER_RESOURCE_ATTRIBUTES", "project.name=b", "b"), ("OTEL_RESOURCE_ATTRIBUTES", "project.name=c", "c")]),
    ("resource.k8s.pod.name", &[("TRACER_RESOURCE_ATTRIBUTES", "k8s.pod.name=a", "a"), ("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=b", "b"), ("OTEL_RESOURCE_ATTRIBUTES_POD_NAME", "c", "c")]),
    ("resource.k8s.node.name", &[("OTEL_RESOURCE_ATTRIBUTES", "k8s.node.name=b", "b"), ("OTEL_RESOURCE_ATTRIBUTES_NODE_NAME", "c", "c")]),
    ("sampling_rate", &[("TRACER_SAMPLING_RATE", "0.1", "0.1"), ("OTEL_TRACES_SAMPLER", "parentbased_always_off", "0")]),
    ("instrument_managed", &[("TRACER_INSTRUMENT_MANAGED", "true", "true")]),
    ("propagators", &[("TRACER_PROPAGATOR", "b3,baggage", "b3,baggage"), ("OTEL_PROPAGATORS", "jaeger", "jaeger")]),
    ("limits.attributes", &[("TRACER_ATTRIBUTE_LIMIT", "unlimited", "unlimited"), ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2", "2"), ("OTEL_ATTRIBUTE_COUNT_LIMIT", "3", "3")]),
    ("limits.events", &[("TRACER_EVENT_LIMIT", "0", "0"), ("OTEL_SPAN_EVENT_COUNT_LIMIT", "2", "2")]),
    ("limits.links", &[("TRACER_LINK_LIMIT", "1", "1"), ("OTEL_SPAN_LINK_COUNT_LIMIT", "2", "2")]),
    ("limits.event_attributes", &[("TRACER_EVENT_ATTRIBUTE_LIMIT", "1", "1"), ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "2", "2"), ("OTEL_ATTRIBUTE_COUNT_LIMIT", "3", "3")]),
    ("limits.link_attributes", &[("TRACER_LINK_ATTRIBUTE_LIMIT", "1", "1"), ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "2", "2"), ("OTEL_ATTRIBUTE_COUNT_LIMIT", "3", "3")]),
    ("limits.value_bytes", &[("TRACER_VALUE_LENGTH_LIMIT", "4KiB", "4KiB"), ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2", "2"), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3", "3")]),
    ("limits.span_bytes", &[("TRACER_SPAN_BYTES", "65536", "64KiB")]),
    ("limits.last_trace_bytes", &[("TRACER_LAST_TRACE_BYTES", "0", "0")]),
    (
        "capture_messages",
        &[
            ("TRACER_CAPTURE_MESSAGES", "no", "false"),
            ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only", "true"),
        ],
    ),
    ("redact.mode", &[("TRACER_REDACT", "OFF", "off")]),
    ("redact.keys", &[("TRACER_REDACT_KEYS", "a, b.c", "a,b.c")]),
    ("redact.allow_keys", &[("TRACER_REDACT_ALLOW_KEYS", "a.*", "a.*")]),
    ("redact.url_query", &[("TRACER_REDACT_URL_QUERY", "keep", "keep")]),
    ("allow_plaintext_credentials", &[("TRACER_ALLOW_PLAINTEXT_CREDENTIALS", "true", "true")]),
    ("delivery.schedule_delay", &[("TRACER_SCHEDULE_DELAY", "2s", "2s"), ("OTEL_BSP_SCHEDULE_DELAY", "300", "300ms")]),
    ("delivery.max_batch_spans", &[("TRACER_BATCH_SPANS", "1", "1"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2", "2")]),
    ("delivery.max_batch_bytes", &[("TRACER_BATCH_BYTES", "1MiB", "1MiB")]),
    ("delivery.queue_bytes", &[("TRACER_QUEUE_BYTES", "1MiB", "1MiB"), ("OTEL_BSP_MAX_QUEUE_SIZE", "2048", "2MiB")]),
    ("delivery.lane_bytes", &[("TRACER_LANE_BYTES", "2MiB", "2MiB")]),
    ("delivery.overflow", &[("TRACER_OVERFLOW", "Block", "block")]),
    ("delivery.spool.directory", &[("TRACER_SPOOL_DIR", "/a", "/a")]),
    ("delivery.spool.max_bytes", &[("TRACER_SPOOL_MAX_BYTES", "1GiB", "1GiB")]),
    ("delivery.spool.max_age", &[("TRACER_SPOOL_MAX_AGE", "2h", "2h")]),
    ("delivery.spool.fsync", &[("TRACER_SPOOL_FSYNC", "never", "never")]),
    ("delivery.shutdown_timeout", &[("TRACER_SHUTDOWN_TIMEOUT", "0", "0ms")]),
    ("otlp.endpoint", &[("OTLP_ENDPOINT", "http://a:4317", "http://a:4317"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b/x", "http://b/x"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c?key=1", "https://c")]),
    ("otlp.protocol", &[("OTLP_PROTOCOL", "GRPC", "grpc"), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "http/json"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "http/protobuf")]),
    ("otlp.headers", &[("OTLP_HEADERS", "k=canary", "<hidden>"), ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "k=canary", "<hidden>"), ("OTEL_EXPORTER_OTLP_HEADERS", "k=canary", "<hidden>")]),
    ("otlp.timeout", &[("OTLP_TIMEOUT", "1m", "1m"), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2", "2ms"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000", "3s"), ("OTEL_BSP_EXPORT_TIMEOUT", "4", "4ms")]),
    ("otlp.compression", &[("OTLP_COMPRESSION", "none", "none"), ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip", "gzip"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "none", "none")]),
    ("otlp.tls.ca_file", &[("OTLP_CERTIFICATE", "/a", "/a"), ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/b", "/b"), ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/c", "/c"), ("TRACER_CERTIFICATE", "/d", "/d")]),
    ("jaeger.tls.ca_file", &[("TRACER_CERTIFICATE", "/a", "/a")]),
    ("zipkin.tls.ca_file", &[("TRACER_CERTIFICATE", "/a", "/a")]),
    ("agent_session.tls.ca_file", &[("TRACER_CERTIFICATE", "/a", "/a")]),
    ("jaeger.endpoint", &[("JAEGER_ENDPOINT", "udp://a:6831", "udp://a:6831"), ("OTEL_EXPORTER_JAEGER_ENDPOINT", "http://b:1/c", "http://b:1/c")]),
    ("jaeger.timeout", &[("JAEGER_TIMEOUT", "1", "1ms"), ("OTEL_EXPORTER_JAEGER_TIMEOUT", "2", "2ms"), ("OTEL_BSP_EXPORT_TIMEOUT", "3", "3ms")]),
    ("zipkin.endpoint", &[("ZIPKIN_ENDPOINT", "http://a:1/b", "http://a:1/b"), ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://c", "http://c")]),
    ("zipkin.timeout", &[("ZIPKIN_TIMEOUT", "1", "1ms"), ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "2", "2ms"), ("OTEL_BSP_EXPORT_TIMEOUT", "3", "3ms")]),
    ("console.format", &[("TRACER_CONSOLE_FORMAT", "json", "json")]),
    ("console.stderr", &[("TRACER_CONSOLE_STREAM", "stderr", "stderr")]),
    ("agent_session.managed", &[("AGENTOPS_MANAGED", "false", "false")]),
    ("agent_session.daemon", &[("AGENTOPS_DAEMON", "false", "false")]),
    ("agent_session.endpoint", &[("AGENTOPS_EXPORTER_ENDPOINT", "http://a/traces", "http://a/traces"), ("AGENTOPS_API_ENDPOINT", "http://b", "http://b")]),
    ("agent_session.api_key", &[("AGENTOPS_API_KEY", "canary", "<hidden>")]),
    ("agent_session.listen", &[("TRACER_SERVER_LISTEN", "[::1]:0", "[::1]:0")]),
    ("agent_session.server_bin", &[("TRACER_SERVER_BIN", "/bin/x", "/bin/x")]),
    ("agent_session.max_bytes", &[("TRACER_SERVER_MAX_BYTES", "1GiB", "1GiB")]),
];

#[test]
fn the_strongest_wins_and_remembers_the_others() {
    for (name, row) in ROWS {
        for strongest in 0..row.len() {
            let variables: Vec<_> =
                row[strongest..].iter().map(|(variable, value, _)| (*variable, *value)).collect();
            let resolved = resolved(&variables);
            let setting = setting(&resolved, name);
            let (variable, _, shown) = row[strongest];
            assert_eq!((setting.value.as_str(), setting.source), (shown, Source::Var(variable)), "{name}");
            let overrode: Vec<_> = setting.overrode.iter().map(|o| (o.variable, o.value.as_str())).collect();
            let weaker: Vec<_> =
                row[strongest + 1..].iter().map(|(variable, _, shown)| (*variable, *shown)).collect();
            assert_eq!(overrode, weaker, "{name}");
        }
    }
}

#[test]
fn every_variable_is_in_a_row() {
    let rows = || ROWS.iter().flat_map(|(_, row)| row.iter().map(|(variable, ..)| *variable));
    // These come in pairs and have tests of their own.
    let pairs = [
        "TRACER_EXPORTER",
        "OTEL_TRACES_SAMPLER_ARG",
        "OTLP_CLIENT_CERTIFICATE",
        "OTLP_CLIENT_KEY",
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        "TRACER_CLIENT_CERTIFICATE",
        "TRACER_CLIENT_KEY",
    ];
    let is_file = |var: &Var| var.name.ends_with("_FILE");
    for var in super::super::VARS.iter().filter(|var| !is_file(var)) {
        assert!(rows().chain(pairs).any(|name| name == var.name), "{}", var.name);
    }
}

#[test]
fn every_setting_is_in_a_row() {
    let is_pair = |name: &str| {
        name == "exporter"
            || name.ends_with(".tls.client_certificate_file")
            || name.ends_with(".tls.client_key_file")
    };
    for setting in resolved(&[]).settings {
        assert_eq!(setting.source, Source::Default);
        let known = ROWS.iter().any(|(name, _)| *name == setting.name);
        assert!(known || is_pair(&setting.name), "{}", setting.name);
    }
}

#[test]
fn values_arrive_in_the_fields() {
    let c = config(&[
        ("TRACER_TYPE", "otlp"),
        ("TRACER_SERVICE_NAME", "svc"),
        ("TRACER_SERVICE_VERSION", "1.0.0"),
        ("TRACER_ENVIRONMENT", "production"),
        ("TRACER_PROJECT", "p"),
        ("TRACER_RESOURCE_ATTRIBUTES", "team=a%2Cb,region=eu"),
        ("OTEL_RESOURCE_ATTRIBUTES", "region=us,host=h"),
        ("TRACER_SAMPLING_RATE", "0.25"),
        ("TRACER_INSTRUMENT_MANAGED", "true"),
        ("TRACER_PROPAGATOR", "b3multi,tracecontext"),
        ("TRACER_ATTRIBUTE_LIMIT", "unlimited"),
        ("TRACER_VALUE_LENGTH_LIMIT", "4KiB"),
        ("TRACER_SCHEDULE_DELAY", "250"),
        ("TRACER_QUEUE_BYTES", "8MiB"),
        ("OTLP_ENDPOINT", "https://collector:4318?key=canary"),
        ("OTLP_PROTOCOL", "http/json"),
        ("OTLP_HEADERS", "Authorization=Bearer%20canary, x-team=a"),
        ("OTLP_TIMEOUT", "1500ms"),
        ("OTLP_COMPRESSION", "gzip"),
        ("OTLP_CERTIFICATE", "/ca.pem"),
        ("OTLP_CLIENT_CERTIFICATE", "/c.pem"),
        ("OTLP_CLIENT_KEY", "/k.pem"),
        ("TRACER_CERTIFICATE", "/general-ca.pem"),
        ("TRACER_CLIENT_CERTIFICATE", "/general-c.pem"),
        ("TRACER_CLIENT_KEY", "/general-k.pem"),
        ("JAEGER_ENDPOINT", "udp://jaeger:6831"),
        ("JAEGER_TIMEOUT", "2s"),
        ("ZIPKIN_ENDPOINT", "http://zipkin:9411/api/v2/spans"),
        ("ZIPKIN_TIMEOUT", "3s"),
        ("TRACER_CONSOLE_FORMAT", "json"),
        ("TRACER_CONSOLE_STREAM", "stderr"),
        ("AGENTOPS_API_KEY", "canary"),
        ("AGENTOPS_DAEMON", "false"),
        ("TRACER_SERVER_LISTEN", "0"),
    ]);
    assert_eq!(c.tracer_types, [TracerType::Otlp]);
    assert_eq!(c.service_name, "svc");
    assert_eq!(c.service_version.as_deref(), Some("1.0.0"));
    assert_eq!(c.environment.as_deref(), Some("production"));
    assert_eq!(c.project.as_deref(), Some("p"));
    let attributes: std::collections::BTreeMap<_, _> = c.resource_attributes.iter().cloned().collect();
    assert_eq!(attributes.len(), c.resource_attributes.len(), "a key is there twice");
    let of = |key: &str| attributes[key].as_str();
    assert_eq!((of("team"), of("region"), of("host")), ("a,b", "eu", "h"));
    assert_eq!(c.sampling_rate, 0.25);
    assert!(c.instrument_managed);
    assert_eq!(c.propagators, [Propagator::B3Multi, Propagator::TraceContext]);
    assert_eq!((c.limits.attributes, c.limits.value_bytes), (u32::MAX, 4096));
    assert_eq!((c.delivery.schedule_delay, c.delivery.queue_bytes), (Duration::from_millis(250), 8 << 20));
    assert_eq!(c.otlp.endpoint.as_deref(), Some("https://collector:4318?key=canary"));
    assert_eq!(c.otlp.protocol, Some(OtlpProtocol::HttpJson));
    let headers: Vec<_> =
        c.otlp.headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    assert_eq!(headers, [("authorization", "Bearer canary"), ("x-team", "a")]);
    assert_eq!((c.otlp.timeout, c.otlp.compression), (Duration::from_millis(1500), Compression::Gzip));
    assert_eq!(c.otlp.tls.ca_file.as_deref(), Some("/ca.pem".as_ref()));
    assert_eq!(c.otlp.tls.client_certificate_file.as_deref(), Some("/c.pem".as_ref()));
    assert_eq!(c.otlp.tls.client_key_file.as_deref(), Some("/k.pem".as_ref()));
    for tls in [&c.jaeger.tls, &c.zipkin.tls, &c.agent_session.tls] {
        assert_eq!(tls.ca_file.as_deref(), Some("/general-ca.pem".as_ref()));
        assert_eq!(tls.client_certificate_file.as_deref(), Some("/general-c.pem".as_ref()));
        assert_eq!(tls.client_key_file.as_deref(), Some("/general-k.pem".as_ref()));
    }
    assert_eq!((c.jaeger.endpoint.as_str(), c.jaeger.timeout.as_secs()), ("udp://jaeger:6831", 2));
    assert_eq!(
        (c.zipkin.endpoint.as_str(), c.zipkin.timeout.as_secs()),
        ("http://zipkin:9411/api/v2/spans", 3)
    );
    assert!(c.console.format == ConsoleFormat::Json && c.console.stderr);
    assert_eq!(c.agent_session.api_key.as_ref().map(|key| key.expose_secret()), Some("canary"));
    assert!(c.agent_session.managed && !c.agent_session.daemon);
    assert_eq!(c.agent_session.listen.to_string(), "127.0.0.1:0");
    assert!(!format!("{c:?}").contains("canary"));
}

#[test]
fn only_the_signals_own_endpoint_is_exact() {
    let otel = ("TRACER_TYPE", "otlp");
    let exact = config(&[otel, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h/custom")]);
    let base = config(&[otel, ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h/custom")]);
    let ours = config(&[
        otel,
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h/x"),
        ("OTLP_ENDPOINT", "http://h/custom"),
    ]);
    for (config, is_exact) in [(exact, true), (base, false), (ours, false)] {
        assert_eq!(config.otlp.endpoint.as_deref(), Some("http://h/custom"));
        assert_eq!(config.otlp.endpoint_is_exact, is_exact);
    }
}

#[test]
fn a_session_endpoint_means_that_no_server_is_started() {
    let exporter = config(&[("AGENTOPS_EXPORTER_ENDPOINT", "http://h/traces")]).agent_session;
    assert!(!exporter.managed && exporter.endpoint_is_exact);
    let api = config(&[("AGENTOPS_API_ENDPOINT", "http://h")]).agent_session;
    assert!(!api.managed && !api.endpoint_is_exact);
    let resolved = resolved(&[("AGENTOPS_API_ENDPOINT", "http://h")]);
    assert_eq!(setting(&resolved, "agent_session.managed").source, Source::Var("AGENTOPS_API_ENDPOINT"));
}

#[test]
fn samplers_become_rates() {
    for (sampler, argument, rate) in [
        ("always_on", "", 1.0),
        ("always_off", "", 0.0),
        ("traceidratio", "0.5", 0.5),
        ("traceidratio", "", 1.0),
        ("parentbased_traceidratio", "0.25", 0.25),
        ("parentbased_always_on", "0.25", 1.0),
    ] {
        let c = config(&[("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)]);
        assert_eq!(c.sampling_rate, rate, "{sampler}");
    }
    let bad = resolved(&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")]);
    assert_eq!((bad.config.sampling_rate, bad.warnings.len()), (1.0, 1));
    let unknown = resolved(&[("OTEL_TRACES_SAMPLER", "jaeger_remote")]);
    assert_eq!((unknown.config.sampling_rate, unknown.warnings.len()), (1.0, 1));
}

#[test]
fn a_certificate_and_its_key_go_together() {
    let text = error(&[("OTLP_CLIENT_KEY", "/k.pem")]);
    assert_eq!(
        text,
        "OTLP_CLIENT_KEY=\"/k.pem\" is not valid: it goes with OTLP_CLIENT_CERTIFICATE, which is not set"
    );
    let otel = resolved(&[("TRACER_TYPE", "otlp"), ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem")]);
    assert_eq!(otel.config.otlp.tls.client_certificate_file, None);
    assert_eq!(setting(&otel, "otlp.tls.client_certificate_file").source, Source::Default);
    let mixed = config(&[
        ("TRACER_TYPE", "otlp"),
        ("OTLP_CLIENT_CERTIFICATE", "/c.pem"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/t.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k.pem"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/tc.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/oc.pem"),
    ]);
    assert_eq!(mixed.otlp.tls.client_certificate_file.as_deref(), Some("/c.pem".as_ref()));
    assert_eq!(mixed.otlp.tls.client_key_file.as_deref(), Some("/t.pem".as_ref()));
}

#[test]
fn code_wins_over_the_environment() {
    let map = EnvMap::from_iter([
        ("TRACER_TYPE", "jaeger"),
        ("TRACER_SERVICE_NAME", "env"),
        ("ZIPKIN_ENDPOINT", "http://env"),
    ]);
    let config = TracerConfig::from_map(&map).unwrap();
    let config = config.into_builder().tracer_type(TracerType::Zipkin).service_name("code").build();
    assert_eq!(
        (config.tracer_types.as_slice(), config.service_name.as_str()),
        ([TracerType::Zipkin].as_slice(), "code")
    );
    assert_eq!(config.zipkin.endpoint, "http://env");
}
