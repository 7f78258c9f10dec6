//! The endpoint decides how Jaeger is spoken to.

use std::fmt;

use tracer_factory_core::config::{Endpoint, TracerConfig, shown_endpoint};
use tracer_factory_core::error::ConfigError;

/// The variable that errors name.
pub(crate) const VARIABLE: &str = "JAEGER_ENDPOINT";
const FORMS: &str = "use http(s)://host:14268/api/traces (Thrift over HTTP), udp://host:6831 (compact Thrift), \
                     http(s)://host:4317 (OTLP over gRPC) or http(s)://host:4318/v1/traces (OTLP over HTTP)";

const COMPACT_PORT: u16 = 6831;
const BINARY_UDP_PORT: u16 = 6832;
const MODEL_GRPC_PORT: u16 = 14250;
const QUERY_PORT: u16 = 16686;
const OTLP_GRPC_PORT: u16 = 4317;
const OTLP_HTTP_PORT: u16 = 4318;

/// Where a collector takes batches.
pub(crate) const COLLECTOR_PATH: &str = "/api/traces";
const OTLP_PATH: &str = "/v1/traces";

/// How Jaeger is spoken to, and where. Displayed as an [`Endpoint`] is: without a query.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    /// Binary Thrift over HTTP.
    Collector(Endpoint),
    /// Compact Thrift over UDP.
    Agent(Endpoint),
    /// OTLP, which Jaeger speaks as well; the port or the path tells which kind.
    Otlp(Endpoint),
}

impl Transport {
    /// Reads the part of the configuration that is Jaeger's.
    pub(crate) fn from_config(config: &TracerConfig) -> Result<Self, ConfigError> {
        let given = config.jaeger.endpoint.trim();
        let invalid = |why: String| ConfigError::invalid(VARIABLE, shown_endpoint(given), why);
        let endpoint = Endpoint::parse(given, Endpoint::HTTP_OR_UDP)
            .map_err(|error| invalid(format!("{error}; {FORMS}")))?;
        Self::new(endpoint).map_err(|why| invalid(why.to_owned()))
    }

    /// The error says what to use instead.
    fn new(mut endpoint: Endpoint) -> Result<Self, &'static str> {
        let port = endpoint.port_or_default();
        let path = endpoint.path.trim_end_matches('/');
        if endpoint.scheme == "udp" {
            return match port {
                BINARY_UDP_PORT => Err("port 6832 takes Thrift's other protocol: use 6831, the compact one"),
                _ if !path.is_empty() || endpoint.query.is_some() => {
                    Err("udp:// takes a host and a port and no path")
                }
                _ => {
                    (endpoint.path, endpoint.port) = (String::new(), Some(port));
                    Ok(Transport::Agent(endpoint))
                }
            };
        }
        match port {
            COMPACT_PORT | BINARY_UDP_PORT => Err("ports 6831 and 6832 are UDP: use udp://host:6831"),
            MODEL_GRPC_PORT => Err("port 14250 takes a protocol that is not supported: use 4317 (OTLP)"),
            QUERY_PORT => Err("port 16686 answers queries: spans go to 14268, 4317 or 4318"),
            OTLP_GRPC_PORT | OTLP_HTTP_PORT => Ok(Transport::Otlp(endpoint)),
            _ if path.ends_with(OTLP_PATH) => Ok(Transport::Otlp(endpoint)),
            _ => {
                if path.is_empty() {
                    endpoint.path = COLLECTOR_PATH.to_owned();
                }
                Ok(Transport::Collector(endpoint))
            }
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transport::Collector(endpoint) | Transport::Agent(endpoint) | Transport::Otlp(endpoint) => {
                fmt::Display::fmt(endpoint, f)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tracer_factory_core::config::TracerType;

    use super::*;

    fn read(endpoint: &str) -> Result<Transport, ConfigError> {
        let mut config = TracerConfig::new(TracerType::Jaeger);
        config.jaeger.endpoint = endpoint.to_owned();
        Transport::from_config(&config)
    }

    #[test]
    fn the_endpoint_decides() {
        let cases = [
            ("http://localhost:14268/api/traces", "thrift http://localhost:14268/api/traces"),
            ("http://jaeger:14268", "thrift http://jaeger:14268/api/traces"),
            ("https://jaeger/", "thrift https://jaeger/api/traces"),
            ("http://jaeger:14268?a=b", "thrift http://jaeger:14268/api/traces?a=b"),
            ("http://proxy/jaeger/api/traces?a=b", "thrift http://proxy/jaeger/api/traces?a=b"),
            ("udp://localhost:6831", "udp udp://localhost:6831"),
            ("udp://node", "udp udp://node:6831"),
            ("udp://127.0.0.1:9999/", "udp udp://127.0.0.1:9999"),
            ("udp://[::1]:6831", "udp udp://[::1]:6831"),
            ("http://jaeger:4317", "otlp http://jaeger:4317"),
            ("https://jaeger:4318", "otlp https://jaeger:4318"),
            ("http://proxy/jaeger/v1/traces", "otlp http://proxy/jaeger/v1/traces"),
        ];
        for (endpoint, expected) in cases {
            let (kind, endpoint) = match read(endpoint).unwrap() {
                Transport::Collector(endpoint) => ("thrift", endpoint),
                Transport::Agent(endpoint) => ("udp", endpoint),
                Transport::Otlp(endpoint) => ("otlp", endpoint),
            };
            assert_eq!(format!("{kind} {}", endpoint.to_url()), expected);
        }
    }

    #[test]
    fn what_cannot_take_spans_is_refused_with_what_to_use() {
        let cases = [
            ("", "use http(s)://"),
            ("localhost:14268", "use http(s)://"),
            ("http://jaeger:port/api/traces", "use http(s)://"),
            ("ftp://jaeger:14268", "use http(s)://"),
            ("udp://jaeger:6832", "use 6831"),
            ("udp://jaeger:6831/api/traces", "no path"),
            ("http://jaeger:16686/api/traces", "14268"),
            ("http://jaeger:14250", "4317"),
            ("http://jaeger:6831", "udp://"),
        ];
        for (endpoint, hint) in cases {
            let error = read(endpoint).unwrap_err().to_string();
            assert!(error.contains("JAEGER_ENDPOINT") && error.contains(hint), "{endpoint}: {error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let error = read("http://user:canary@jaeger:14268/api/traces").unwrap_err().to_string();
        assert!(error.contains("JAEGER_ENDPOINT") && !error.contains("canary"), "{error}");
        let error = read("http://jaeger:16686/?token=canary").unwrap_err().to_string();
        assert!(!error.contains("canary"), "{error}");
        assert_eq!(
            read("http://proxy/api/traces?token=canary").unwrap().to_string(),
            "http://proxy/api/traces"
        );
    }
}
