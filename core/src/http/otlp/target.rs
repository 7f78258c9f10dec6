//! Which protocol an OTLP URL means, and where exactly it leads.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::super::{Endpoint, HttpSender, HttpTarget};
use crate::config::{Compression, OtlpConfig, OtlpProtocol, TlsConfig};
use crate::error::ConfigError;

/// The settings of an OTLP destination.
#[derive(Clone)]
#[non_exhaustive]
pub struct OtlpTarget {
    /// The variable that errors about the URL name.
    pub setting: &'static str,
    /// Base or full URL.
    pub url: String,
    /// Whether `url` is used as it is, without `/v1/traces` added.
    pub exact: bool,
    /// Follows from port and path when absent, see [`OtlpTarget::protocol_of`].
    pub protocol: Option<OtlpProtocol>,
    /// Sent with each request; values are secrets.
    pub headers: Vec<(String, SecretString)>,
    /// One request's limit.
    pub timeout: Duration,
    /// Compression of the bodies.
    pub compression: Compression,
    /// Certificates.
    pub tls: TlsConfig,
}

/// Where OTLP over HTTP takes traces, below the base URL.
const TRACES_PATH: &str = "/v1/traces";
/// Where gRPC's trace service is, below the base URL.
const EXPORT_METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

impl OtlpTarget {
    /// A target with the defaults of [`OtlpConfig`].
    pub fn new(setting: &'static str, url: impl Into<String>) -> Self {
        Self::from_config(setting, url, &OtlpConfig::default())
    }

    /// `url`, with everything but the URL from `config`.
    pub fn from_config(setting: &'static str, url: impl Into<String>, config: &OtlpConfig) -> Self {
        Self {
            setting,
            url: url.into(),
            exact: config.endpoint_is_exact,
            protocol: config.protocol,
            headers: config.headers.clone(),
            timeout: config.timeout,
            compression: config.compression,
            tls: config.tls.clone(),
        }
    }

    /// The target of a whole configuration; a collector on this machine when there is no endpoint.
    pub fn of(config: &OtlpConfig) -> Self {
        const SETTING: &str = "OTLP_ENDPOINT";
        let url = match (&config.endpoint, config.protocol) {
            (Some(url), _) => return Self::from_config(SETTING, url, config),
            (None, None | Some(OtlpProtocol::Grpc)) => "http://localhost:4317",
            (None, Some(_)) => "http://localhost:4318",
        };
        Self { exact: false, ..Self::from_config(SETTING, url, config) }
    }

    /// What a URL says about its protocol: port 4317 is gRPC and port 4318 is HTTP; on any other port
    /// a path means HTTP and none means gRPC, which has no use for one.
    pub fn protocol_of(endpoint: &Endpoint) -> OtlpProtocol {
        match endpoint.port() {
            4317 => OtlpProtocol::Grpc,
            4318 => OtlpProtocol::HttpProtobuf,
            _ if endpoint.path() == "/" => OtlpProtocol::Grpc,
            _ => OtlpProtocol::HttpProtobuf,
        }
    }

    /// Checks URL and headers, without network or disk. The endpoint is what is connected to;
    /// for gRPC it is the server, without the method's path.
    pub fn check(&self) -> Result<Endpoint, ConfigError> {
        let (_, endpoint) = self.locate()?;
        self.http_target().check()?;
        Ok(endpoint)
    }

    /// The protocol that is given or follows from the URL.
    pub fn protocol(&self) -> Result<OtlpProtocol, ConfigError> {
        self.locate().map(|(protocol, _)| protocol)
    }

    /// A client for the final URL of OTLP over HTTP. Belongs into [`Plan::connect`](crate::delivery::Plan::connect).
    pub fn sender(self) -> Result<HttpSender, ConfigError> {
        let (_, resolved) = self.resolve()?;
        resolved.sender()
    }

    fn locate(&self) -> Result<(OtlpProtocol, Endpoint), ConfigError> {
        let endpoint = Endpoint::parse(self.setting, &self.url)?;
        let protocol = self.protocol.unwrap_or_else(|| Self::protocol_of(&endpoint));
        let path = endpoint.path().trim_end_matches('/');
        let base = path.strip_suffix(TRACES_PATH).unwrap_or(path);
        let endpoint = match protocol {
            // A path copied from an HTTP URL is no prefix of gRPC's.
            OtlpProtocol::Grpc => endpoint.with_path(if base.is_empty() { "/" } else { base }),
            _ if self.exact => endpoint,
            _ => endpoint.with_path(&format!("{base}{TRACES_PATH}")),
        };
        Ok((protocol, endpoint))
    }

    fn http_target(&self) -> HttpTarget {
        HttpTarget {
            setting: self.setting,
            url: self.url.clone(),
            headers: self.headers.clone(),
            timeout: self.timeout,
            compression: self.compression,
            tls: self.tls.clone(),
            usual_path: TRACES_PATH,
        }
    }

    /// The protocol, and the client's settings with the final endpoint.
    pub(super) fn resolve(self) -> Result<(OtlpProtocol, Resolved), ConfigError> {
        let (protocol, endpoint) = self.locate()?;
        let method = format!("{}{EXPORT_METHOD}", endpoint.path().trim_end_matches('/'));
        Ok((protocol, Resolved { target: self.http_target(), method: endpoint.with_path(&method), endpoint }))
    }
}

/// Settings whose URL has been interpreted.
pub(super) struct Resolved {
    pub(super) target: HttpTarget,
    /// What is posted to over HTTP, and shown for gRPC.
    pub(super) endpoint: Endpoint,
    /// What gRPC posts to.
    pub(super) method: Endpoint,
}

impl Resolved {
    pub(super) fn sender(self) -> Result<HttpSender, ConfigError> {
        let mut sender = HttpSender::new(self.target)?;
        sender.endpoint = self.endpoint;
        Ok(sender)
    }
}

impl fmt::Debug for OtlpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpTarget")
            .field("exact", &self.exact)
            .field("protocol", &self.protocol)
            .field("http", &self.http_target())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(url: &str, change: impl FnOnce(&mut OtlpTarget)) -> (OtlpProtocol, String) {
        let mut target = OtlpTarget::new("OTLP_ENDPOINT", url);
        change(&mut target);
        let (protocol, resolved) = target.resolve().unwrap();
        let uri = if protocol == OtlpProtocol::Grpc { resolved.method } else { resolved.endpoint };
        (protocol, uri.uri().to_string())
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
            let target = OtlpTarget::of(&config);
            assert_eq!(target.check().unwrap().as_str(), expected);
            assert_eq!(target.protocol().unwrap(), protocol.unwrap_or(Grpc));
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
