//! A checked URL: what is connected to, and what may be shown of it.

use std::fmt;

use ::http::uri::{PathAndQuery, Uri};
use ::http::{HeaderValue, uri};

use crate::error::ConfigError;
use crate::json::base64;

/// An `http` or `https` URL. Its text form has neither credentials nor query.
#[derive(Clone)]
pub struct Endpoint {
    /// Without user information.
    uri: Uri,
    authorization: Option<HeaderValue>,
    shown: String,
}

impl Endpoint {
    /// Checks `url`; `setting` is the variable that an error names.
    pub fn parse(setting: &str, url: &str) -> Result<Self, ConfigError> {
        let allowed = "an http:// or https:// URL such as http://localhost:4318";
        let refuse = |why: &str| {
            let allowed = format!("{why}; {allowed} is expected");
            // What stands before an @ or behind a ? may be a secret.
            if url.contains(['@', '?']) {
                ConfigError::invalid_secret(setting, allowed)
            } else {
                ConfigError::invalid(setting, url, allowed)
            }
        };
        let uri: Uri = url.trim().parse().map_err(|_| refuse("not a URL"))?;
        let Some(authority) = uri.authority() else { return Err(refuse("it has no host")) };
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some(_) => return Err(refuse("its scheme is not known")),
            None => return Err(refuse("it has no scheme")),
        }
        let (user, host_port) = authority.as_str().rsplit_once('@').unwrap_or(("", authority.as_str()));
        let port_is_text =
            authority.port().is_none() && host_port.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
        if port_is_text || authority.port().is_some_and(|_| authority.port_u16().is_none_or(|port| port == 0))
        {
            return Err(refuse("its port is not a number from 1 to 65535"));
        }
        if authority.host().is_empty() {
            return Err(refuse("it has no host"));
        }
        let authorization = if user.is_empty() {
            None
        } else {
            Some(basic(user).ok_or_else(|| refuse("its credentials are not text"))?)
        };
        let mut parts = uri.clone().into_parts();
        parts.authority = Some(host_port.parse().map_err(|_| refuse("not a host and port"))?);
        let uri = Uri::from_parts(parts).map_err(|_| refuse("not a URL"))?;
        Ok(Self { shown: show(&uri), uri, authorization })
    }

    /// The same receiver at `path`; a query stays.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        let text = match self.uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(text).ok().or(parts.path_and_query);
        let uri = Uri::from_parts(parts).unwrap_or_else(|_| self.uri.clone());
        Self { shown: show(&uri), uri, authorization: self.authorization.clone() }
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// `Basic` credentials, marked as secret, when the URL has a user.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The path, `/` when there is none.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The port, the scheme's own when none is given.
    pub fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.is_tls() { 443 } else { 80 })
    }

    /// Whether the scheme is `https`.
    pub fn is_tls(&self) -> bool {
        self.uri.scheme() == Some(&uri::Scheme::HTTPS)
    }

    /// What logs, reports and errors show.
    pub fn as_str(&self) -> &str {
        &self.shown
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.shown)
    }
}

fn show(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let path = if uri.path() == "/" { "" } else { uri.path() };
    format!("{}://{authority}{path}", uri.scheme_str().unwrap_or("http"))
}

/// `user:password`, percent-decoded, as a header that is never printed.
fn basic(user_info: &str) -> Option<HeaderValue> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let mut plain = percent_decode(user);
    plain.push(b':');
    plain.extend(percent_decode(password));
    let mut value = HeaderValue::try_from(format!("Basic {}", base64(&plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Bytes of text in which `%41` stands for `A`; what is no such triple stays as it is.
pub(crate) fn percent_decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let digit = |i: usize| bytes.get(i).and_then(|byte| (*byte as char).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_query_are_used_and_not_shown() {
        let endpoint = Endpoint::parse("X", "https://me:p%40ss@host:9/a?key=k").unwrap();
        assert_eq!(endpoint.as_str(), "https://host:9/a");
        assert_eq!(endpoint.uri().to_string(), "https://host:9/a?key=k");
        assert_eq!(endpoint.authorization().unwrap(), "Basic bWU6cEBzcw==");
        let debug = format!("{endpoint:?} {endpoint}");
        assert!(!debug.contains("ss") && !debug.contains("key"), "{debug}");
        let moved = endpoint.with_path("/a/v1/traces");
        assert_eq!(moved.uri().to_string(), "https://host:9/a/v1/traces?key=k");
        assert!(moved.authorization().is_some());
    }

    #[test]
    fn ports_and_hosts() {
        let port = |url| Endpoint::parse("X", url).unwrap().port();
        assert_eq!((port("http://h"), port("https://h/"), port("http://[::1]:4318")), (80, 443, 4318));
    }

    #[test]
    fn what_is_no_url_names_the_variable() {
        for url in [
            "",
            "localhost:4317",
            "localhost",
            "/v1/traces",
            "ftp://h",
            "http://",
            "http://:1",
            "http://h:99999",
            "http://h:0",
            "http://h:x",
            "http://h h",
            "http://h:",
        ] {
            let error = Endpoint::parse("OTLP_ENDPOINT", url).unwrap_err().to_string();
            assert!(
                error.starts_with("OTLP_ENDPOINT=") && error.contains("http://localhost"),
                "{url}: {error}"
            );
        }
        let error = Endpoint::parse("X", "httpx://me:secret@h?token=secret").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
