//! Bad input: each variable with each bad value is taken or gets one diagnostic that names it and holds no secret.

use std::ffi::OsString;

use proptest::prelude::*;

use super::super::{EnvMap, VARS, Var, resolve};
use super::{config, error, resolved};
use crate::error::ConfigError;

/// The number of diagnostics, each of which names the variable.
fn diagnostics(var: &Var, value: OsString) -> usize {
    // So that OTEL_EXPORTER_OTLP_ENDPOINT has someone to use it, and TRACER_EXPORTER too.
    let used = (OsString::from("TRACER_TYPE"), OsString::from("opentelemetry"));
    let map = EnvMap::from_iter([used, (var.name.into(), value)]);
    let texts: Vec<String> = match resolve(&map) {
        Ok(resolved) => {
            assert!(var.is_otel() || resolved.warnings.is_empty(), "{}: {:?}", var.name, resolved.warnings);
            resolved.warnings.iter().map(ToString::to_string).collect()
        }
        Err(error) => {
            assert!(!var.is_otel(), "{error}");
            assert!(!matches!(error, ConfigError::Several(_)), "{error}");
            vec![error.to_string()]
        }
    };
    for text in &texts {
        assert!(
            text.starts_with(var.name) && text.len() < 1000 && !text.contains("canary"),
            "{}: {text}",
            var.name
        );
    }
    texts.len()
}

#[test]
fn every_variable_bears_every_bad_value() {
    for var in VARS {
        assert_eq!(diagnostics(var, "".into()), 0, "{}", var.name);
        assert_eq!(diagnostics(var, "  ".into()), 0, "{}", var.name);
        for value in [
            "0",
            "-1",
            "18446744073709551616",
            "NaN",
            "inf",
            "1e400",
            ",",
            "=",
            "%",
            "\u{0}",
            "🦀",
            "canary\r\nx: y",
        ] {
            // A canary is only in what may not be shown.
            if value.contains("canary") && !var.secret {
                continue;
            }
            assert!(diagnostics(var, value.into()) <= 1, "{}={value:?}", var.name);
        }
        assert!(diagnostics(var, "x".repeat(1 << 20).into()) <= 1, "{}", var.name);
    }
}

#[cfg(unix)]
#[test]
fn what_is_not_utf8_is_one_diagnostic() {
    use std::os::unix::ffi::OsStringExt;
    for var in VARS {
        let text: &[u8] = if var.secret { b"canary\xff" } else { b"1\xff" };
        assert_eq!(diagnostics(var, OsString::from_vec(text.to_vec())), 1, "{}", var.name);
    }
    let other = [("PATH", OsString::from_vec(vec![0xff])), ("TRACER_TYPE", "jaeger".into())];
    assert!(resolve(&EnvMap::from_iter(other)).is_ok());
    let name = OsString::from_vec(b"TRACER_\xff\n".to_vec());
    let text = resolve(&EnvMap::from_iter([(name, "1")])).unwrap_err().to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn numbers_that_would_harm_are_refused() {
    for (name, value) in [
        ("TRACER_SAMPLING_RATE", "NaN"),
        ("TRACER_SAMPLING_RATE", "1.0001"),
        ("TRACER_SCHEDULE_DELAY", "0"),
        ("TRACER_BATCH_SPANS", "0"),
        ("TRACER_QUEUE_BYTES", "0"),
        ("TRACER_QUEUE_BYTES", "10000GiB"),
        ("TRACER_SHUTDOWN_TIMEOUT", "18446744073709551615"),
        ("OTLP_TIMEOUT", "0"),
        ("TRACER_ATTRIBUTE_LIMIT", "-1"),
    ] {
        let text = error(&[(name, value)]);
        assert!(text.starts_with(&format!("{name}=\"{value}\" is not valid: ")), "{text}");
    }
    for (name, value) in [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1000000000000"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "-1"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many"),
    ] {
        let resolved = resolved(&[(name, value)]);
        assert_eq!(resolved.warnings.len(), 1, "{name}");
        assert!(
            resolved.settings.iter().all(|setting| setting.value != value && setting.overrode.is_empty())
        );
    }
}

#[test]
fn a_span_fits_its_lane() {
    assert!(error(&[("TRACER_SPAN_BYTES", "2MiB")]).contains("at most TRACER_LANE_BYTES, which is 1MiB"));
    config(&[("TRACER_SPAN_BYTES", "2MiB"), ("TRACER_LANE_BYTES", "4MiB")]);
    config(&[("TRACER_LANE_BYTES", "64KiB")]);
}

#[test]
fn unknown_variables_are_errors_with_the_nearest_name() {
    assert_eq!(
        error(&[("TRACER_TYP", "jaeger")]),
        "TRACER_TYP is not a variable of tracer-factory; did you mean TRACER_TYPE?"
    );
    assert_eq!(error(&[("TRACER_", "")]), "TRACER_ is not a variable of tracer-factory");
    let several = error(&[("TRACER_TYPO_ONE_TWO", "1"), ("TRACER_TYPE", "x"), ("ZIPKIN_ENDPOINT", "zipkin")]);
    assert_eq!(several.lines().count(), 3, "{several}");
}

#[test]
fn kubernetes_links_and_other_programs_variables_are_nobodys() {
    config(&[
        ("TRACER_PORT", "tcp://10.0.0.1:80"),
        ("TRACER_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("TRACER_SERVICE_HOST", "10.0.0.1"),
        ("TRACER_SERVICE_PORT_HTTP", "80"),
        ("OTLP_SERVICE_HOST", "10.0.0.1"),
        ("JAEGER_PORT", "tcp://10.0.0.1:80"),
        ("JAEGER_AGENT_HOST", "agent"),
        ("ZIPKIN_UI_PORT", "9411"),
        ("AGENTOPS_APP_URL", "http://h"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("tracer_type", "jaeger"),
    ]);
    let near = resolved(&[("JAEGER_ENDPIONT", "http://h")]);
    assert_eq!(near.warnings.len(), 1);
    assert_eq!(
        near.warnings[0].to_string(),
        "JAEGER_ENDPIONT is not a variable of tracer-factory; did you mean JAEGER_ENDPOINT?"
    );
}

#[test]
fn no_secret_is_in_an_error_or_a_setting() {
    for (name, value) in [
        ("OTLP_HEADERS", "authorization"),
        ("OTLP_HEADERS", "authorization=canary%zz"),
        ("OTLP_HEADERS", "authorization canary=1"),
        ("OTLP_HEADERS", "host=canary"),
        ("AGENTOPS_API_KEY", "can\u{1}canary"),
        ("OTLP_ENDPOINT", "http://me:canary@h:0"),
        ("JAEGER_ENDPOINT", "http://me:canary@h:14268"),
        ("OTLP_ENDPOINT", "http://me:can/canary@h:4317"),
        ("JAEGER_ENDPOINT", "me:canary@h"),
        ("ZIPKIN_ENDPOINT", "http://h/?key=canary#top"),
    ] {
        let text = error(&[(name, value)]);
        assert!(text.starts_with(name) && !text.contains("canary"), "{text}");
    }
    let resolved = resolved(&[
        ("OTLP_HEADERS", "authorization=canary"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=canary"),
        ("AGENTOPS_API_KEY", "canary"),
        ("ZIPKIN_ENDPOINT", "http://me:canary@h/?key=canary"),
        ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://h/?key=canary"),
    ]);
    let shown = format!("{resolved:?}");
    assert!(!shown.contains("canary"), "{shown}");
}

proptest! {
    #[test]
    fn any_environment_is_a_configuration_or_an_error(
        variables in prop::collection::vec((prop::sample::select(VARS), ".{0,40}|[0-9.,=%a-z/:@]{0,40}"), 0..8),
    ) {
        let map: EnvMap = variables.iter().map(|(var, value)| (var.name, value.as_str())).collect();
        if let Ok(resolved) = resolve(&map) {
            prop_assert_eq!(resolved.config.validate(), Ok(()));
        }
    }
}
