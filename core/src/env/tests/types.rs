//! TRACER_TYPE, TRACER_EXPORTER and OpenTelemetry's words for them.

use super::super::{EnvMap, Program, Source, is_disabled, resolve_for};
use super::{config, error, resolved, setting};
use crate::config::TracerType::{
    self, AgentSession, Console, Jaeger, NoOp, Otlp, OtlpSdk, Registered, Zipkin, ZipkinSdk,
};

#[test]
fn the_environment_chooses_the_destinations() {
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [TracerType]);
    let cases: &[Case<'_>] = &[
        (&[], &[AgentSession]),
        (&[("TRACER_TYPE", "")], &[AgentSession]),
        (&[("TRACER_TYPE", "agentops")], &[AgentSession]),
        (&[("TRACER_TYPE", " Jaeger ")], &[Jaeger]),
        (&[("TRACER_TYPE", "jaeger, zipkin,jaeger,")], &[Jaeger, Zipkin]),
        (&[("TRACER_TYPE", "none")], &[NoOp]),
        (&[("TRACER_TYPE", "otlp-sdk,zipkin-sdk")], &[OtlpSdk, ZipkinSdk]),
        (&[("TRACER_TYPE", "opentelemetry")], &[Otlp]),
        (&[("TRACER_TYPE", "opentelemetry"), ("TRACER_EXPORTER", "zipkin")], &[Zipkin]),
        (&[("TRACER_TYPE", "opentelemetry"), ("TRACER_EXPORTER", "console,otlp")], &[Console, Otlp]),
        (&[("TRACER_TYPE", "opentelemetry"), ("OTEL_TRACES_EXPORTER", "jaeger")], &[Jaeger]),
        (&[("TRACER_TYPE", "opentelemetry"), ("OTEL_TRACES_EXPORTER", "none")], &[NoOp]),
        (&[("TRACER_TYPE", "opentelemetry,jaeger"), ("OTEL_TRACES_EXPORTER", "none")], &[Jaeger]),
        (&[("TRACER_TYPE", "opentelemetry,jaeger"), ("TRACER_EXPORTER", "jaeger")], &[Jaeger]),
        (
            &[
                ("TRACER_TYPE", "opentelemetry"),
                ("TRACER_EXPORTER", "zipkin"),
                ("OTEL_TRACES_EXPORTER", "jaeger"),
            ],
            &[Zipkin],
        ),
        (&[("TRACER_TYPE", "otlp"), ("OTEL_TRACES_EXPORTER", "zipkin")], &[Otlp]),
        (&[("OTEL_TRACES_EXPORTER", "zipkin,console")], &[Zipkin, Console]),
        (&[("OTEL_TRACES_EXPORTER", "none")], &[NoOp]),
        (&[("OTEL_SDK_DISABLED", "TRUE"), ("TRACER_TYPE", "jaeger")], &[NoOp]),
        (&[("OTEL_SDK_DISABLED", "false"), ("TRACER_TYPE", "jaeger")], &[Jaeger]),
    ];
    for (variables, types) in cases {
        assert_eq!(config(variables).tracer_types, *types, "{variables:?}");
    }
}

#[test]
fn a_wrong_type_is_an_error_with_what_is_allowed_and_the_nearest() {
    let text = error(&[("TRACER_TYPE", "jeager")]);
    assert!(text.starts_with("TRACER_TYPE=\"jeager\" is not valid: one of agent-session,"), "{text}");
    assert!(text.ends_with("did you mean jaeger?"), "{text}");
    assert!(!error(&[("TRACER_TYPE", "elsewhere")]).contains("did you mean"));
    assert!(error(&[("TRACER_TYPE", "noop,jaeger")]).contains("alone"));
    assert!(error(&[("TRACER_TYPE", "none,zipkin")]).contains("alone"));
    assert!(error(&[("TRACER_TYPE", ",")]).contains("TRACER_TYPE"));
    assert!(
        error(&[("TRACER_TYPE", "opentelemetry"), ("TRACER_EXPORTER", "prometheus")])
            .contains("TRACER_EXPORTER")
    );
}

#[test]
fn registered_names_are_types_only_when_they_are_registered() {
    let names = ["acme".to_owned()];
    let program = Program::default().registered(&names);
    let map = EnvMap::from_iter([("TRACER_TYPE", "acme,jaeger")]);
    let types = resolve_for(&map, &program).unwrap().config.tracer_types;
    assert_eq!(types, [Registered("acme".to_owned()), Jaeger]);
    assert!(error(&[("TRACER_TYPE", "acme")]).contains("TRACER_TYPE=\"acme\""));
    let text = resolve_for(&EnvMap::from_iter([("TRACER_TYPE", "acne")]), &program).unwrap_err().to_string();
    assert!(text.contains("an exporter of this program: acme; did you mean acme?"), "{text}");
}

#[test]
fn a_backends_limits_are_defaults_under_the_environments() {
    let limits = |tracer_type: &TracerType, limits: &mut crate::config::Limits| {
        if *tracer_type == AgentSession {
            (limits.attributes, limits.events) = (u32::MAX, u32::MAX);
        }
    };
    let program = Program::default().limits(&limits);
    let resolved = resolve_for(&EnvMap::from_iter([("TRACER_EVENT_LIMIT", "7")]), &program).unwrap();
    assert_eq!((resolved.config.limits.attributes, resolved.config.limits.events), (u32::MAX, 7));
    assert_eq!(setting(&resolved, "limits.attributes").value, "unlimited");
    let jaeger = resolve_for(&EnvMap::from_iter([("TRACER_TYPE", "jaeger")]), &program).unwrap();
    assert_eq!(jaeger.config.limits.attributes, 128);
}

#[test]
fn what_does_not_count_is_said_once() {
    for (variables, variable) in [
        (vec![("TRACER_EXPORTER", "zipkin")], "TRACER_EXPORTER"),
        (vec![("TRACER_TYPE", "otlp"), ("TRACER_EXPORTER", "zipkin")], "TRACER_EXPORTER"),
        (vec![("OTEL_TRACES_EXPORTER", "prometheus")], "OTEL_TRACES_EXPORTER"),
        (vec![("OTEL_TRACES_EXPORTER", "none,otlp")], "OTEL_TRACES_EXPORTER"),
        (vec![("OTEL_SDK_DISABLED", "yes")], "OTEL_SDK_DISABLED"),
        (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")], "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (vec![("AGENTOPS_MANAGED", "true"), ("AGENTOPS_API_ENDPOINT", "http://h")], "AGENTOPS_API_ENDPOINT"),
        (
            vec![("OTEL_EXPORTER_OTLP_CLIENT_KEY", "k"), ("TRACER_TYPE", "otlp")],
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        ),
    ] {
        let warnings = resolved(&variables).warnings;
        assert_eq!(warnings.len(), 1, "{variables:?}: {warnings:?}");
        assert_eq!(warnings[0].variable(), variable);
        assert!(warnings[0].to_string().contains(variable), "{}", warnings[0]);
    }
    config(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"), ("TRACER_TYPE", "jaeger")]);
}

#[test]
fn half_a_client_certificate_is_one_error() {
    for (half, other) in [
        ("TRACER_CLIENT_CERTIFICATE", "TRACER_CLIENT_KEY"),
        ("TRACER_CLIENT_KEY", "TRACER_CLIENT_CERTIFICATE"),
    ] {
        let error = error(&[("TRACER_TYPE", "jaeger,zipkin,otlp"), (half, "/half.pem")]).to_string();
        assert_eq!(error.matches("/half.pem").count(), 1, "{error}");
        assert!(error.contains(half) && error.contains(other), "{error}");
    }
}

#[test]
fn a_disabled_sdk_shows_what_it_overrode() {
    let resolved =
        resolved(&[("OTEL_SDK_DISABLED", "true"), ("TRACER_TYPE", "jaeger"), ("TRACER_PROPAGATOR", "b3")]);
    let setting = setting(&resolved, "tracer_types");
    assert_eq!((setting.value.as_str(), setting.source), ("noop", Source::Var("OTEL_SDK_DISABLED")));
    assert_eq!((setting.overrode[0].variable, setting.overrode[0].value.as_str()), ("TRACER_TYPE", "jaeger"));
    assert_eq!(resolved.config.propagators, [crate::propagation::Propagator::B3], "propagators go on");
    assert!(is_disabled(&EnvMap::from_iter([("OTEL_SDK_DISABLED", "True ")])));
    assert!(!is_disabled(&EnvMap::from_iter([("OTEL_SDK_DISABLED", "1")])));
    assert!(!is_disabled(&EnvMap::default()));
}
