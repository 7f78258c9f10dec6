//! `Debug` of destinations by hand: their URLs may hold a key in the query or credentials.

use std::fmt;

use super::{AgentSessionConfig, JaegerConfig, OtlpConfig, ZipkinConfig, shown_endpoint};

impl fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpConfig")
            .field("endpoint", &self.endpoint.as_deref().map(shown_endpoint))
            .field("endpoint_is_exact", &self.endpoint_is_exact)
            .field("protocol", &self.protocol)
            .field("headers", &self.headers)
            .field("headers_file", &self.headers_file)
            .field("timeout", &self.timeout)
            .field("compression", &self.compression)
            .field("tls", &self.tls)
            .finish()
    }
}

impl fmt::Debug for JaegerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JaegerConfig")
            .field("endpoint", &shown_endpoint(&self.endpoint))
            .field("timeout", &self.timeout)
            .field("tls", &self.tls)
            .finish()
    }
}

impl fmt::Debug for ZipkinConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipkinConfig")
            .field("endpoint", &shown_endpoint(&self.endpoint))
            .field("timeout", &self.timeout)
            .field("tls", &self.tls)
            .finish()
    }
}

impl fmt::Debug for AgentSessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentSessionConfig")
            .field("managed", &self.managed)
            .field("daemon", &self.daemon)
            .field("listen", &self.listen)
            .field("endpoint", &self.endpoint.as_deref().map(shown_endpoint))
            .field("endpoint_is_exact", &self.endpoint_is_exact)
            .field("server_bin", &self.server_bin)
            .field("api_key", &self.api_key)
            .field("api_key_file", &self.api_key_file)
            .field("tls", &self.tls)
            .field("max_bytes", &self.max_bytes)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::TracerConfig;

    #[test]
    fn a_canary_in_every_secret_field_is_not_in_debug() {
        let mut config = TracerConfig::default();
        let url = "http://me:canary@h/p?key=canary".to_owned();
        config.otlp.endpoint = Some(url.clone());
        config.otlp.headers = vec![("authorization".to_owned(), "canary".into())];
        config.jaeger.endpoint = url.clone();
        config.zipkin.endpoint = url.clone();
        config.agent_session.endpoint = Some(url);
        config.agent_session.api_key = Some("canary".into());
        let shown = format!("{config:#?}");
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains("http://h/p"), "{shown}");
    }
}
