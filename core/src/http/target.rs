//! Where and how to send: plain settings, checked before anything is opened.

use std::fmt;
use std::time::Duration;

use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::{HeaderFile, TlsVariables, request};
use crate::config::{Compression, Endpoint, TlsConfig};
use crate::error::ConfigError;

/// The settings of an [`HttpSender`](super::HttpSender).
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpTarget {
    /// The variable that errors about the URL name.
    pub setting: &'static str,
    /// The URL, path included.
    pub endpoint: Endpoint,
    /// Sent with each request; values are secrets.
    pub headers: Vec<(String, SecretString)>,
    /// More of them, read again when the file is replaced.
    pub header_file: Option<HeaderFile>,
    /// The limit of one request, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// Compression of the bodies.
    pub compression: Compression,
    /// Certificates.
    pub tls: TlsConfig,
    /// Where they are from, for the words about them.
    pub tls_variables: TlsVariables,
    /// The path that receivers of this protocol usually have, for the words about a 404.
    pub usual_path: &'static str,
    /// Statuses that are tried again besides 429, 502, 503 and 504. A receiver that gives one of them for good
    /// holds its spans back until teardown, so only those that it also has for a passing failure belong here.
    pub also_retried: &'static [u16],
}

/// Headers that the client itself decides; a user's would break the request.
const OWN_HEADERS: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl HttpTarget {
    /// A target with a limit of 10 seconds and nothing else set.
    pub fn new(setting: &'static str, endpoint: Endpoint) -> Self {
        Self {
            setting,
            endpoint,
            headers: Vec::new(),
            header_file: None,
            timeout: Duration::from_secs(10),
            compression: Compression::None,
            tls: TlsConfig::default(),
            tls_variables: TlsVariables::TRACER,
            usual_path: "",
            also_retried: &[],
        }
    }

    /// Sets the limit of one request.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the certificates.
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = tls;
        self
    }

    /// Sets the path that a 404 is answered with.
    pub fn usual_path(mut self, path: &'static str) -> Self {
        self.usual_path = path;
        self
    }

    /// Sets the statuses that are tried again besides the usual ones.
    pub fn also_retried(mut self, statuses: &'static [u16]) -> Self {
        self.also_retried = statuses;
        self
    }

    /// Checks URL and headers, without network or disk.
    pub fn check(&self) -> Result<(), ConfigError> {
        header_map(self.setting, &self.headers)?;
        request::uri(self.setting, &self.endpoint).map(drop)
    }
}

/// The headers, their values marked as secret; of one name the last.
pub(super) fn header_map<'a>(
    target: &str,
    headers: impl IntoIterator<Item = &'a (String, SecretString)>,
) -> Result<HeaderMap, ConfigError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let setting = || format!("header {} for {target}", name.escape_debug());
        let known = HeaderName::try_from(name.as_str())
            .map_err(|_| ConfigError::invalid_secret(setting(), "its name must be an HTTP token"))?;
        if OWN_HEADERS.contains(&known) {
            return Err(ConfigError::invalid_secret(setting(), "this header is set by the exporter itself"));
        }
        let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| {
            ConfigError::invalid_secret(setting(), "its value must be visible ASCII on one line")
        })?;
        value.set_sensitive(true);
        map.insert(known, value);
    }
    Ok(map)
}

impl fmt::Debug for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTarget")
            .field("setting", &self.setting)
            .field("endpoint", &self.endpoint)
            .field("headers", &self.headers)
            .field("header_file", &self.header_file)
            .field("timeout", &self.timeout)
            .field("compression", &self.compression)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header(name: &str, value: &str) -> HttpTarget {
        let url = "http://u:canary@localhost:1/x?canary";
        let mut target = HttpTarget::new("OTLP_ENDPOINT", Endpoint::parse(url, Endpoint::HTTP).unwrap());
        target.headers.push((name.to_owned(), value.to_owned().into()));
        target
    }

    #[test]
    fn wrong_headers_are_named_and_their_values_are_not() {
        for (name, value) in
            [("a b", "canary"), ("x", "canary\r\ny: 1"), ("Content-Type", "canary"), ("", "canary")]
        {
            let error = with_header(name, value).check().unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("OTLP_ENDPOINT") && !text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let target = with_header("authorization", "canary");
        assert!(target.check().is_ok());
        let text = format!("{target:?} {:?}", header_map("X", &target.headers).unwrap());
        assert!(!text.contains("canary"), "{text}");
    }
}
