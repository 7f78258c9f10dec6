//! Credentials that would cross a network without TLS.

use super::{Endpoint, RedactConfig, TracerConfig, TracerType, shown_endpoint};
use crate::redact::Redactor;

/// Headers that hold keys and whose names do not say so.
const VENDORS: [&str; 2] = ["x-honeycomb-team", "uptrace-dsn"];

impl TracerConfig {
    /// The destinations in use that would get credentials over plain text on another host: the field,
    /// and its URL as it may be shown.
    pub(crate) fn plaintext_credentials(&self) -> Vec<(&'static str, String)> {
        let names = Redactor::new(&RedactConfig::default());
        let secret =
            |name: &str| names.key_is_secret(name) || VENDORS.iter().any(|v| v.eq_ignore_ascii_case(name));
        let uses = |types: &[TracerType]| types.iter().any(|wanted| self.tracer_types.contains(wanted));
        let mut found = Vec::new();
        let mut check = |field, url: &str, has_credentials: bool| {
            if is_exposed(url, has_credentials, &names) {
                found.push((field, shown_endpoint(url)));
            }
        };
        if uses(&[TracerType::Otlp, TracerType::OtlpSdk])
            && let Some(url) = &self.otlp.endpoint
        {
            // What is in a file that nobody has read yet is taken for a credential.
            let is_unread = self.otlp.headers_file.is_some() && self.otlp.headers.is_empty();
            let has_credentials = is_unread || self.otlp.headers.iter().any(|(name, _)| secret(name));
            check("otlp.endpoint", url, has_credentials);
        }
        if uses(&[TracerType::Jaeger]) {
            check("jaeger.endpoint", &self.jaeger.endpoint, false);
        }
        if uses(&[TracerType::Zipkin, TracerType::ZipkinSdk]) {
            check("zipkin.endpoint", &self.zipkin.endpoint, false);
        }
        let session = &self.agent_session;
        if uses(&[TracerType::AgentSession])
            && !session.managed
            && let Some(url) = &session.endpoint
        {
            check("agent_session.endpoint", url, session.api_key.is_some() || session.api_key_file.is_some());
        }
        found
    }
}

/// A URL that can't be taken apart is complained of elsewhere.
fn is_exposed(url: &str, has_credentials: bool, names: &Redactor) -> bool {
    let Ok(endpoint) =
        Endpoint::parse(url, Endpoint::HTTP).or_else(|_| Endpoint::parse(url, Endpoint::HTTP_OR_UDP))
    else {
        return false;
    };
    let in_query = || {
        let query = endpoint.query.as_deref().unwrap_or_default();
        query.split('&').filter_map(|pair| pair.split_once('=')).any(|(name, _)| names.key_is_secret(name))
    };
    !endpoint.is_tls()
        && !endpoint.is_loopback()
        && (has_credentials || endpoint.user_info.is_some() || in_query())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposed(tracer_type: TracerType, change: impl FnOnce(&mut TracerConfig)) -> Vec<&'static str> {
        let mut config = TracerConfig::new(tracer_type);
        change(&mut config);
        let found = config.plaintext_credentials();
        assert_eq!(config.validate().is_err(), !found.is_empty());
        if let Err(error) = config.validate() {
            assert!(!error.to_string().contains("canary"), "{error}");
            config.allow_plaintext_credentials = true;
            assert_eq!(config.validate(), Ok(()));
        }
        found.into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn credentials_go_to_other_hosts_over_tls_only() {
        for (url, refused) in [
            ("http://collector:4318", true),
            ("http://collector.monitoring.svc.cluster.local:4317", true),
            ("http://10.0.0.1:4317", true),
            ("http://localhost.example:4317", true),
            ("https://collector:4318", false),
            ("http://localhost:4317", false),
            ("http://tracing.localhost:4317", false),
            ("http://127.1.2.3:4317", false),
            ("http://[::1]:4317", false),
        ] {
            for name in ["authorization", "X-API-Key", "x-honeycomb-team", "lightstep-access-token"] {
                let found = exposed(TracerType::Otlp, |c| {
                    c.otlp.endpoint = Some(url.to_owned());
                    c.otlp.headers = vec![(name.to_owned(), "canary".into())];
                });
                assert_eq!(found == ["otlp.endpoint"], refused, "{url} {name}");
            }
            let session = exposed(TracerType::AgentSession, |c| {
                (c.agent_session.managed, c.agent_session.endpoint) = (false, Some(url.to_owned()));
                c.agent_session.api_key = Some("canary".into());
            });
            assert_eq!(session == ["agent_session.endpoint"], refused, "{url}");
            let with_user = url.replace("://", "://me:canary@");
            let zipkin = exposed(TracerType::Zipkin, |c| c.zipkin.endpoint = with_user);
            assert_eq!(zipkin == ["zipkin.endpoint"], refused, "{url}");
            let with_key = format!("{url}/api?api_key=canary");
            let jaeger = exposed(TracerType::Jaeger, |c| c.jaeger.endpoint = with_key);
            assert_eq!(jaeger == ["jaeger.endpoint"], refused, "{url}");
        }
    }

    #[test]
    fn what_is_no_credential_or_not_used_is_no_matter() {
        let url = || Some("http://collector:4317".to_owned());
        assert!(
            exposed(TracerType::Otlp, |c| {
                c.otlp.endpoint = url();
                c.otlp.headers = vec![("x-scope-orgid".to_owned(), "a".into())];
            })
            .is_empty()
        );
        assert!(
            exposed(TracerType::Console, |c| {
                c.otlp.endpoint = url();
                c.otlp.headers = vec![("authorization".to_owned(), "canary".into())];
            })
            .is_empty()
        );
        assert!(
            exposed(TracerType::AgentSession, |c| {
                c.agent_session.endpoint = url();
                c.agent_session.api_key = Some("canary".into());
            })
            .is_empty()
        );
    }
}
