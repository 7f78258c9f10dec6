//! Which protocol an OTLP URL means, and where exactly it leads.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::super::{HeaderFile, HttpSender, HttpTarget, TlsVariables, account};
use crate::config::{Compression, Endpoint, OtlpConfig, OtlpProtocol, TlsConfig};
use crate::error::ConfigError;

/// The settings of an OTLP destination.
#[derive(Clone)]
#[non_exhaustive]
pub struct OtlpTarget {
    /// The variable that errors about the URL name.
    pub setting: &'static str,
    /// Base or full URL.
    pub endpoint: Endpoint,
    /// Whether `endpoint` is used as it is, without `/v1/traces` added.
    pub exact: bool,
    /// Follows from port and path when absent, see [`OtlpTarget::protocol_of`].
    pub protocol: Option<OtlpProtocol>,
    /// Sent with each request; values are secrets.
    pub headers: Vec<(String, SecretString)>,
    /// More of them, read again when the file is replaced.
    pub header_file: Option<HeaderFile>,
    /// One request's limit.
    pub timeout: Duration,
    /// Compression of the bodies.
    pub compression: Compression,
    /// Certificates.
    pub tls: TlsConfig,
    /// Where they are from, for the words about them.
    pub tls_variables: TlsVariables,
}

/// Where OTLP over HTTP takes traces, below the base URL.
const TRACES_PATH: &str = "/v1/traces";
/// Where gRPC's trace service is, below the base URL.
const EXPORT_METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

impl OtlpTarget {
    /// A target with the defaults of [`OtlpConfig`].
    pub fn new(setting: &'static str, endpoint: Endpoint) -> Self {
        Self::from_config(setting, endpoint, &OtlpConfig::default())
    }

    /// `endpoint`, with everything else from `config`.
    pub fn from_config(setting: &'static str, endpoint: Endpoint, config: &OtlpConfig) -> Self {
        Self {
            setting,
            endpoint,
            exact: config.endpoint_is_exact,
            protocol: config.protocol,
            headers: config.headers.clone(),
            header_file: config.headers_file.clone().map(HeaderFile::Pairs),
            timeout: config.timeout,
            compression: config.compression,
            tls: config.tls.clone(),
            tls_variables: TlsVariables::OTLP,
        }
    }

    /// Sets the certificates of a destination whose variables are not OTLP's.
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        (self.tls, self.tls_variables) = (tls, TlsVariables::TRACER);
        self
    }

    /// The target of a whole configuration; a collector on this machine when there is no endpoint.
    pub fn of(config: &OtlpConfig) -> Result<Self, ConfigError> {
        const SETTING: &str = "OTLP_ENDPOINT";
        let (url, exact) = match (&config.endpoint, config.protocol) {
            (Some(url), _) => (url.as_str(), config.endpoint_is_exact),
            (None, None | Some(OtlpProtocol::Grpc)) => ("http://localhost:4317", false),
            (None, Some(_)) => ("http://localhost:4318", false),
        };
        let endpoint = Endpoint::of_setting(SETTING, url, Endpoint::HTTP)?;
        Ok(Self { exact, ..Self::from_config(SETTING, endpoint, config) })
    }

    /// What a URL says about its protocol: port 4317 is gRPC and port 4318 is HTTP; on any other port
    /// a path means HTTP and none means gRPC, which has no use for one.
    pub fn protocol_of(endpoint: &Endpoint) -> OtlpProtocol {
        match endpoint.port_or_default() {
            4317 => OtlpProtocol::Grpc,
            4318 => OtlpProtocol::HttpProtobuf,
            _ if endpoint.has_no_path() => OtlpProtocol::Grpc,
            _ => OtlpProtocol::HttpProtobuf,
        }
    }

    /// Checks URL and headers, without network or disk. The endpoint is what is connected to;
    /// for gRPC it is the server, without the method's path.
    pub fn check(&self) -> Result<Endpoint, ConfigError> {
        let (_, target) = self.resolve();
        target.check()?;
        Ok(target.endpoint)
    }

    /// The protocol that is given or follows from the URL.
    pub fn protocol(&self) -> OtlpProtocol {
        self.protocol.unwrap_or_else(|| Self::protocol_of(&self.endpoint))
    }

    /// A client for the final URL of OTLP over HTTP. Belongs into [`Plan::connect`](crate::delivery::Plan::connect).
    pub fn sender(&self) -> Result<HttpSender, ConfigError> {
        HttpSender::new(self.resolve().1)
    }

    /// What tells its spans from others' at the same endpoint; see [`Plan::account`](crate::delivery::Plan::account).
    pub fn account(&self) -> Option<String> {
        // A file that can't be read is an error when the connection is made.
        let from_file = self.header_file.as_ref().and_then(|file| file.read().ok()).unwrap_or_default();
        account::of(&[self.headers.clone(), from_file].concat())
    }

    /// The protocol, and the client's settings with what is posted to over HTTP or, for gRPC, the server.
    pub(super) fn resolve(&self) -> (OtlpProtocol, HttpTarget) {
        let protocol = self.protocol();
        let path = self.endpoint.path.trim_end_matches('/');
        let base = path.strip_suffix(TRACES_PATH).unwrap_or(path);
        let endpoint = match protocol {
            // A path copied from an HTTP URL is no prefix of gRPC's.
            OtlpProtocol::Grpc => self.endpoint.with_path(base),
            _ if self.exact => self.endpoint.clone(),
            _ => self.endpoint.with_path(&format!("{base}{TRACES_PATH}")),
        };
        let target = HttpTarget {
            setting: self.setting,
            endpoint,
            headers: self.headers.clone(),
            header_file: self.header_file.clone(),
            timeout: self.timeout,
            compression: self.compression,
            tls: self.tls.clone(),
            tls_variables: self.tls_variables,
            usual_path: TRACES_PATH,
            also_retried: &[],
        };
        (protocol, target)
    }
}

/// What gRPC posts to on `server`.
pub(super) fn method(server: &Endpoint) -> Endpoint {
    server.with_path(&format!("{}{EXPORT_METHOD}", server.path.trim_end_matches('/')))
}

impl fmt::Debug for OtlpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpTarget")
            .field("exact", &self.exact)
            .field("protocol", &self.protocol)
            .field("http", &self.resolve().1)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request;

    fn located(url: &str, change: impl FnOnce(&mut OtlpTarget)) -> (OtlpProtocol, String) {
        let endpoint = Endpoint::parse(url, Endpoint::HTTP).unwrap();
        let mut target = OtlpTarget::new("OTLP_ENDPOINT", endpoint);
        change(&mut target);
        let (protocol, target) = target.resolve();
        let grpc = protocol == OtlpProtocol::Grpc;
        let endpoint = if grpc { method(&target.endpoint) } else { target.endpoint };
        (protocol, request::uri("OTLP_ENDPOINT", &endpoint).unwrap().to_string())
    }

    #[test]
    fn base_and_full_urls_lead_to_the_same_place() {
        use OtlpProtocol::{Grpc, HttpProtobuf};
        let method = |base: &str| format!("{base}{EXPORT_METHOD}");
        for (url, protocol, expected) in [
            ("http://h:4318", HttpProtobuf, "http://h:4318/v1/traces".to_owned()),
            ("http://h:4318/", HttpProtobuf, "http://h:4318/v1/traces".to_owned()),
            ("http://h:4318/v1/traces", HttpProtobuf, "http://h:4318/v1/traces".to_owned()),
            ("http://h:4318/v1/traces/", HttpProtobuf, "http://h:4318/v1/traces".to_owned()),
            ("https://h/otlp", HttpProtobuf, "https://h/otlp/v1/traces".to_owned()),
            ("https://h/otlp/?k=v", HttpProtobuf, "https://h/otlp/v1/traces?k=v".to_owned()),
            (
                "https://xray-collector.amazonaws.com/v1/traces",
                HttpProtobuf,
                "https://xray-collector.amazonaws.com/v1/traces".to_owned(),
            ),
            ("http://h:4317", Grpc, method("http://h:4317")),
            ("http://h:4317/v1/traces", Grpc, method("http://h:4317")),
            ("https://h", Grpc, method("https://h")),
            ("http://h:9999", Grpc, method("http://h:9999")),
        ] {
            assert_eq!(located(url, |_| {}), (protocol, expected), "{url}");
        }
    }

    #[test]
    fn defaults_follow_the_protocol() {
        use OtlpProtocol::{Grpc, HttpJson, HttpProtobuf};
        for (protocol, expected) in [
            (None, "http://localhost:4317"),
            (Some(Grpc), "http://localhost:4317"),
            (Some(HttpProtobuf), "http://localhost:4318/v1/traces"),
            (Some(HttpJson), "http://localhost:4318/v1/traces"),
        ] {
            let config = OtlpConfig { protocol, endpoint_is_exact: true, ..OtlpConfig::default() };
            let target = OtlpTarget::of(&config).unwrap();
            assert_eq!(target.check().unwrap().to_string(), expected);
            assert_eq!(target.protocol(), protocol.unwrap_or(Grpc));
        }
    }

    #[test]
    fn settings_beat_what_the_url_says() {
        let json = |target: &mut OtlpTarget| target.protocol = Some(OtlpProtocol::HttpJson);
        assert_eq!(
            located("http://h:4317", json),
            (OtlpProtocol::HttpJson, "http://h:4317/v1/traces".to_owned())
        );
        let grpc = |target: &mut OtlpTarget| target.protocol = Some(OtlpProtocol::Grpc);
        assert_eq!(located("https://h/proxy", grpc).1, format!("https://h/proxy{EXPORT_METHOD}"));
        let exact = |target: &mut OtlpTarget| target.exact = true;
        assert_eq!(located("http://h:4318/in?k=v", exact).1, "http://h:4318/in?k=v");
        assert_eq!(located("http://h:4318", exact).1, "http://h:4318/");
    }
}
