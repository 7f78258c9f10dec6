//! Checks a `TracerConfig` that came from plain fields; touches neither network nor disk.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::bounds::{self, Bounds};
use super::{
    Endpoint, Fsync, SpoolDirectory, TlsConfig, TracerConfig, TracerType, check_header, shown_endpoint,
};
use crate::error::ConfigError;

impl TracerConfig {
    /// Every field that can't be as it is, in one error. Making a tracer begins with it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut found = Findings(Vec::new());
        self.check_tracer_types(&mut found);
        self.check_resource(&mut found);
        self.check_numbers(&mut found);
        self.check_destinations(&mut found);
        self.check_plaintext(&mut found);
        ConfigError::gather(found.0)
    }

    fn check_tracer_types(&self, found: &mut Findings) {
        let types = &self.tracer_types;
        let names = || types.iter().map(TracerType::name).collect::<Vec<_>>().join(",");
        if types.is_empty() {
            found.push("tracer_types", "", "at least one type; TracerType::NoOp sends spans nowhere");
        }
        if types.len() > 1 && types.contains(&TracerType::NoOp) {
            found.push("tracer_types", &names(), "noop stands alone");
        }
        if types.contains(&TracerType::Registered(String::new())) {
            found.push("tracer_types", &names(), "a registered type has a name");
        }
    }

    fn check_plaintext(&self, found: &mut Findings) {
        if self.allow_plaintext_credentials {
            return;
        }
        let allowed = "https://, or a host of this machine: credentials would cross the network in plain text \
            (TRACER_ALLOW_PLAINTEXT_CREDENTIALS=true sends them all the same)";
        for (field, shown) in self.plaintext_credentials() {
            found.push(field, &shown, allowed);
        }
    }

    fn check_resource(&self, found: &mut Findings) {
        if self.service_name.trim().is_empty() {
            found.push("service_name", &self.service_name, "a name");
        }
        if self.resource_attributes.iter().any(|(key, _)| key.is_empty()) {
            found.push("resource_attributes", "", "every key has a name");
        }
    }

    fn check_numbers(&self, found: &mut Findings) {
        // NaN is in no range.
        if !(0.0..=1.0).contains(&self.sampling_rate) {
            found.push("sampling_rate", &self.sampling_rate.to_string(), "a number from 0 to 1");
        }
        let (limits, delivery) = (&self.limits, &self.delivery);
        found.number("limits.span_bytes", limits.span_bytes, bounds::SPAN_BYTES);
        found.number("limits.last_trace_bytes", limits.last_trace_bytes, bounds::LAST_TRACE_BYTES);
        found.time("delivery.schedule_delay", delivery.schedule_delay, bounds::SCHEDULE_DELAY);
        found.number("delivery.max_batch_spans", delivery.max_batch_spans, bounds::BATCH_SPANS);
        found.number("delivery.max_batch_bytes", delivery.max_batch_bytes, bounds::BATCH_BYTES);
        found.number("delivery.queue_bytes", delivery.queue_bytes, bounds::QUEUE_BYTES);
        found.number("delivery.lane_bytes", delivery.lane_bytes, bounds::LANE_BYTES);
        let spool = &delivery.spool;
        found.number("delivery.spool.max_bytes", spool.max_bytes, bounds::SPOOL_BYTES);
        found.time("delivery.spool.max_age", spool.max_age, bounds::SPOOL_AGE);
        if let Fsync::Every(time) = spool.fsync {
            found.time("delivery.spool.fsync", time, bounds::SPOOL_FSYNC);
        }
        if spool.directory == SpoolDirectory::At(PathBuf::new()) {
            found.push("delivery.spool.directory", "", "a path");
        }
        found.time("delivery.shutdown_timeout", delivery.shutdown_timeout, bounds::SHUTDOWN_TIMEOUT);
        found.time("otlp.timeout", self.otlp.timeout, bounds::TIMEOUT);
        found.time("jaeger.timeout", self.jaeger.timeout, bounds::TIMEOUT);
        found.time("zipkin.timeout", self.zipkin.timeout, bounds::TIMEOUT);
        found.number("agent_session.max_bytes", self.agent_session.max_bytes, bounds::SERVER_BYTES);
    }

    fn check_destinations(&self, found: &mut Findings) {
        if let Some(url) = &self.otlp.endpoint {
            found.url("otlp.endpoint", url, Endpoint::HTTP);
        }
        found.url("jaeger.endpoint", &self.jaeger.endpoint, Endpoint::HTTP_OR_UDP);
        found.url("zipkin.endpoint", &self.zipkin.endpoint, Endpoint::HTTP);
        for (name, value) in &self.otlp.headers {
            if let Err(error) = check_header(name, value.expose_secret()) {
                found.0.push(ConfigError::invalid_secret("otlp.headers", error.to_string()));
            }
        }
        let session = &self.agent_session;
        found.tls("otlp.tls", &self.otlp.tls);
        found.tls("jaeger.tls", &self.jaeger.tls);
        found.tls("zipkin.tls", &self.zipkin.tls);
        found.tls("agent_session.tls", &session.tls);
        if let Some(url) = &session.endpoint {
            found.url("agent_session.endpoint", url, Endpoint::HTTP);
        }
        if session
            .api_key
            .as_ref()
            .is_some_and(|key| check_header("authorization", key.expose_secret()).is_err())
        {
            let allowed = "visible ASCII characters, as a header can hold them";
            found.0.push(ConfigError::invalid_secret("agent_session.api_key", allowed));
        }
        if !session.listen.ip().is_loopback() {
            let allowed = "an address of this machine only (127.0.0.1 or [::1]): the embedded server asks for no password";
            found.push("agent_session.listen", &session.listen.to_string(), allowed);
        }
    }
}

struct Findings(Vec<ConfigError>);

impl Findings {
    fn push(&mut self, field: &str, got: &str, allowed: &str) {
        self.0.push(ConfigError::invalid(field, got, allowed));
    }

    fn tls(&mut self, field: &str, tls: &TlsConfig) {
        if tls.client_certificate_file.is_some() != tls.client_key_file.is_some() {
            let got = tls.client_certificate_file.as_ref().or(tls.client_key_file.as_ref());
            let got = got.map(|path| path.display().to_string()).unwrap_or_default();
            self.push(field, &got, "client_certificate_file and client_key_file go together");
        }
    }

    fn number(&mut self, field: &str, value: usize, bounds: Bounds) {
        if !bounds.hold(value as u64) {
            let allowed = format!("a whole number from {} to {}", bounds.min, bounds.max);
            self.push(field, &value.to_string(), &allowed);
        }
    }

    fn time(&mut self, field: &str, value: Duration, bounds: Bounds) {
        if !bounds.hold_millis(value) {
            let allowed = format!("a time from {} to {} ms", bounds.min, bounds.max);
            self.push(field, &format!("{value:?}"), &allowed);
        }
    }

    fn url(&mut self, field: &str, url: &str, schemes: &'static [&'static str]) {
        if let Err(error) = Endpoint::check(url, schemes) {
            self.push(field, &shown_endpoint(url), &error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(change: impl FnOnce(&mut TracerConfig)) -> String {
        let config = TracerConfig::builder().with(change).build();
        config.validate().expect_err("a bad field was taken").to_string()
    }

    #[test]
    fn the_defaults_are_valid_for_every_type() {
        for (tracer_type, _) in TracerType::NAMES {
            assert_eq!(TracerConfig::new(tracer_type.clone()).validate(), Ok(()));
        }
    }

    #[test]
    fn every_bad_field_is_named() {
        type Change = fn(&mut TracerConfig);
        let cases: &[(&str, Change)] = &[
            ("tracer_types", |c| c.tracer_types.clear()),
            ("tracer_types", |c| c.tracer_types = vec![TracerType::NoOp, TracerType::Jaeger]),
            ("tracer_types", |c| c.tracer_types = vec![TracerType::Registered(String::new())]),
            ("service_name", |c| c.service_name = " ".to_owned()),
            ("resource_attributes", |c| c.resource_attributes.push((String::new(), "v".to_owned()))),
            ("sampling_rate", |c| c.sampling_rate = f64::NAN),
            ("sampling_rate", |c| c.sampling_rate = -0.1),
            ("sampling_rate", |c| c.sampling_rate = f64::INFINITY),
            ("limits.span_bytes", |c| c.limits.span_bytes = 0),
            ("limits.last_trace_bytes", |c| c.limits.last_trace_bytes = usize::MAX),
            ("delivery.schedule_delay", |c| c.delivery.schedule_delay = Duration::ZERO),
            ("delivery.max_batch_spans", |c| c.delivery.max_batch_spans = 0),
            ("delivery.max_batch_bytes", |c| c.delivery.max_batch_bytes = 0),
            ("delivery.queue_bytes", |c| c.delivery.queue_bytes = 0),
            ("delivery.lane_bytes", |c| c.delivery.lane_bytes = usize::MAX),
            ("delivery.spool.max_bytes", |c| c.delivery.spool.max_bytes = 0),
            ("delivery.spool.max_age", |c| c.delivery.spool.max_age = Duration::ZERO),
            ("delivery.spool.fsync", |c| c.delivery.spool.fsync = Fsync::Every(Duration::ZERO)),
            ("delivery.spool.directory", |c| c.delivery.spool.directory = SpoolDirectory::At("".into())),
            ("delivery.shutdown_timeout", |c| c.delivery.shutdown_timeout = Duration::MAX),
            ("otlp.timeout", |c| c.otlp.timeout = Duration::ZERO),
            ("jaeger.timeout", |c| c.jaeger.timeout = Duration::ZERO),
            ("zipkin.timeout", |c| c.zipkin.timeout = Duration::MAX),
            ("agent_session.max_bytes", |c| c.agent_session.max_bytes = 0),
            ("otlp.endpoint", |c| c.otlp.endpoint = Some("localhost:4317".to_owned())),
            ("jaeger.endpoint", |c| c.jaeger.endpoint = "tcp://h:1".to_owned()),
            ("zipkin.endpoint", |c| c.zipkin.endpoint = "udp://h:1".to_owned()),
            ("otlp.headers", |c| c.otlp.headers = vec![("a b".to_owned(), "canary".into())]),
            ("otlp.tls", |c| c.otlp.tls.client_key_file = Some("key.pem".into())),
            ("jaeger.tls", |c| c.jaeger.tls.client_key_file = Some("key.pem".into())),
            ("zipkin.tls", |c| c.zipkin.tls.client_certificate_file = Some("client.pem".into())),
            ("agent_session.tls", |c| c.agent_session.tls.client_key_file = Some("key.pem".into())),
            ("agent_session.endpoint", |c| c.agent_session.endpoint = Some(String::new())),
            ("agent_session.api_key", |c| c.agent_session.api_key = Some("can\nary".into())),
            ("agent_session.listen", |c| c.agent_session.listen = ([0, 0, 0, 0], 1).into()),
        ];
        for (field, change) in cases {
            let error = error_of(change);
            assert!(error.starts_with(&format!("{field}=")) && !error.contains('\n'), "{field}: {error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn several_findings_are_one_error_without_a_secret() {
        let error = error_of(|c| {
            c.sampling_rate = 2.0;
            c.zipkin.endpoint = "http://me:canary@h:0".to_owned();
        });
        assert_eq!(error.lines().count(), 2, "{error}");
        assert!(error.contains("zipkin.endpoint=\"http://h:0\"") && !error.contains("canary"), "{error}");
    }
}
