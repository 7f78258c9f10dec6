//! An endpoint as requests need it: the URI to send to, and the header that its credentials become.

use ::http::HeaderValue;
use ::http::uri::Uri;
use secrecy::ExposeSecret;

use super::percent;
use crate::base64;
use crate::config::Endpoint;
use crate::error::ConfigError;

/// What a request is addressed to: without credentials, with the query.
pub(super) fn uri(setting: &str, endpoint: &Endpoint) -> Result<Uri, ConfigError> {
    let refuse = |why: &str| ConfigError::invalid(setting, endpoint, why);
    if !Endpoint::HTTP.contains(&endpoint.scheme.as_str()) {
        return Err(refuse("a URL that begins with http:// or https://"));
    }
    let path = if endpoint.path.is_empty() { "/" } else { &endpoint.path };
    let path_and_query = match &endpoint.query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    Uri::builder()
        .scheme(endpoint.scheme.as_str())
        .authority(endpoint.authority())
        .path_and_query(path_and_query)
        .build()
        .map_err(|_| refuse("a URL whose host, path and query can be sent"))
}

/// `Basic` credentials, marked as secret, when the URL has a user.
pub fn basic_authorization(endpoint: &Endpoint) -> Option<HeaderValue> {
    let user_info = endpoint.user_info.as_ref()?.expose_secret();
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let mut plain = percent::decode(user);
    plain.push(b':');
    plain.extend(percent::decode(password));
    // Base64 is always a header's value.
    let mut value = HeaderValue::try_from(format!("Basic {}", base64::encode(&plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::parse(url, Endpoint::HTTP_OR_UDP).unwrap()
    }

    #[test]
    fn uris_have_a_path_and_the_query() {
        for (url, expected) in [
            ("http://h", "http://h/"),
            ("http://h?key=k", "http://h/?key=k"),
            ("https://[::1]:9/a?key=k", "https://[::1]:9/a?key=k"),
            ("http://under_score/%2F~!$&'()*+,;=:@", "http://under_score/%2F~!$&'()*+,;=:@"),
        ] {
            assert_eq!(uri("X", &endpoint(url)).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_cannot_be_sent_names_the_setting() {
        let error = uri("X", &endpoint("udp://h:6831")).unwrap_err().to_string();
        assert!(error.starts_with("X=\"udp://h:6831\"") && error.contains("http://"), "{error}");
        let error = uri("X", &endpoint("http://h?canary").with_path("/a b")).unwrap_err().to_string();
        assert!(error.starts_with("X=") && !error.contains("canary"), "{error}");
    }

    #[test]
    fn credentials_become_a_hidden_header() {
        let of = |url| basic_authorization(&Endpoint::parse(url, Endpoint::HTTP).unwrap());
        let basic = of("https://me:p%40ss@host:9/a").unwrap();
        assert_eq!(basic, "Basic bWU6cEBzcw==");
        assert!(basic.is_sensitive());
        assert_eq!(of("https://me@host").unwrap(), "Basic bWU6");
        assert_eq!(of("https://host"), None);
    }
}
