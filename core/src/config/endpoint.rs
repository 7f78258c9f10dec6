//! URLs of receivers: checked without a connection, taken apart once, shown without secrets.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use secrecy::SecretString;

use crate::error::ConfigError;

/// A receiver's URL, taken apart.
///
/// `Display` and `Debug` leave the credentials and the query out, since some services want a key there.
#[derive(Clone)]
#[non_exhaustive]
pub struct Endpoint {
    /// In lower case: `http`, `https`, `udp`.
    pub scheme: String,
    /// A name or an address; an IPv6 address is without its brackets.
    pub host: String,
    /// As written; [`Endpoint::port_or_default`] knows what an absent one means.
    pub port: Option<u16>,
    /// Empty or begins with `/`.
    pub path: String,
    /// What follows `?`; may be a secret.
    pub query: Option<String>,
    /// `user` or `user:password`, percent-encoded as in the URL; for basic authentication.
    pub user_info: Option<SecretString>,
}

/// Why a text is not the URL of a receiver. Holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Longer than [`Endpoint::LONGEST`].
    #[error("a URL has at most {} bytes", Endpoint::LONGEST)]
    TooLong,
    /// No `scheme://`, or one that this receiver does not speak.
    #[error("a URL begins with {}", Schemes(.0))]
    Scheme(&'static [&'static str]),
    /// `user:password@` where nothing sends it, or with characters that need percent-encoding.
    #[error(
        "a user and password in a URL are for http:// and https:// only, percent-encoded, and not for Jaeger"
    )]
    Credentials,
    /// Empty, or with characters that no host has.
    #[error("a URL has a host: a name, an IPv4 address, or an IPv6 address in brackets")]
    Host,
    /// Not a number from 1 to 65535.
    #[error("the port of a URL is a number from 1 to 65535")]
    Port,
    /// Blanks, control characters and whatever else has to be percent-encoded.
    #[error("a URL has no blanks, control characters or other characters that need percent-encoding")]
    Character,
    /// `#…`.
    #[error("a URL has no fragment (#…): it can't be sent")]
    Fragment,
}

struct Schemes<'a>(&'a [&'static str]);

impl fmt::Display for Schemes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scheme) in self.0.iter().enumerate() {
            write!(f, "{}{scheme}://", if i == 0 { "" } else { " or " })?;
        }
        Ok(())
    }
}

impl Endpoint {
    /// What OTLP, Zipkin and sessions are spoken over; the one list with which a URL may have `user:password@`.
    pub const HTTP: &'static [&'static str] = &["http", "https"];
    /// What Jaeger is spoken over.
    pub const HTTP_OR_UDP: &'static [&'static str] = &["http", "https", "udp"];
    /// Bytes of the longest URL that is taken.
    pub const LONGEST: usize = 8192;

    /// Whether [`Endpoint::parse`] would take it.
    pub fn check(text: &str, schemes: &'static [&'static str]) -> Result<(), EndpointError> {
        Self::parse(text, schemes).map(drop)
    }

    /// Takes the URL that `setting` has apart; the error names the setting and shows no secret.
    pub fn of_setting(
        setting: &str,
        text: &str,
        schemes: &'static [&'static str],
    ) -> Result<Self, ConfigError> {
        Self::parse(text, schemes)
            .map_err(|error| ConfigError::invalid(setting, shown_endpoint(text.trim()), error.to_string()))
    }

    /// Takes a URL apart; `schemes` are those its receiver speaks, in lower case.
    pub fn parse(text: &str, schemes: &'static [&'static str]) -> Result<Self, EndpointError> {
        let text = text.trim();
        if text.len() > Self::LONGEST {
            return Err(EndpointError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(EndpointError::Scheme(schemes))?;
        let scheme = scheme.to_ascii_lowercase();
        if !schemes.contains(&scheme.as_str()) {
            return Err(EndpointError::Scheme(schemes));
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user_info, authority) = match authority.rsplit_once('@') {
            None => (None, authority),
            Some((user, rest)) if schemes == Self::HTTP && is_user_info(user) => {
                (Some(SecretString::from(user)), rest)
            }
            Some(_) => return Err(EndpointError::Credentials),
        };
        let (host, port) = split_authority(authority)?;
        if path.contains('#') {
            return Err(EndpointError::Fragment);
        }
        if !path.bytes().all(is_url_byte) {
            return Err(EndpointError::Character);
        }
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (path, None),
        };
        Ok(Self { scheme, host, port, path: path.to_owned(), query, user_info })
    }

    /// The port, or what its scheme stands for (6831 for UDP, where Jaeger's agent listens).
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(match self.scheme.as_str() {
            "https" => 443,
            "udp" => 6831,
            _ => 80,
        })
    }

    /// `host` or `host:port`, brackets included.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or(host.clone(), |port| format!("{host}:{port}"))
    }

    /// The same receiver at `path`; query and credentials stay.
    pub fn with_path(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// True when neither a path nor a lone `/` is there.
    pub fn has_no_path(&self) -> bool {
        matches!(self.path.as_str(), "" | "/")
    }

    /// True for `https`.
    pub fn is_tls(&self) -> bool {
        self.scheme == "https"
    }

    /// The URL with its query and without credentials: for requests, not for logs.
    pub fn to_url(&self) -> String {
        let query = self.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
        format!("{self}{query}")
    }

    /// True for this machine, as far as the text tells.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host == "localhost" || self.host.ends_with(".localhost"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority(), self.path)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// A URL as logs, reports and errors show it: no user, no password, no query. Takes any text.
pub fn shown_endpoint(url: &str) -> String {
    let shown = &url[..url.find(['?', '#']).unwrap_or(url.len())];
    let (scheme, rest) = shown.split_once("://").map_or(("", shown), |(scheme, rest)| (scheme, rest));
    let authority = rest.split('/').next().unwrap_or("");
    // A well-formed authority without a user is shown whole. Otherwise the password may hold any
    // character, a slash too, so everything up to the last `@` goes.
    let well_formed = !scheme.is_empty() && !authority.contains('@') && split_authority(authority).is_ok();
    // A password may hold `?` and `#` as well, and then the host is behind the cut: show nothing of it.
    let cut_in_password = !well_formed && url[shown.len()..].contains('@');
    let rest = match rest.rfind('@') {
        _ if cut_in_password => "…",
        Some(at) if !well_formed => &rest[at + 1..],
        _ => rest,
    };
    if scheme.is_empty() || scheme.contains('@') { rest.to_owned() } else { format!("{scheme}://{rest}") }
}

fn split_authority(authority: &str) -> Result<(String, Option<u16>), EndpointError> {
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']').ok_or(EndpointError::Host)?;
        address.parse::<Ipv6Addr>().map_err(|_| EndpointError::Host)?;
        match rest.strip_prefix(':') {
            Some(port) => (address, Some(port)),
            None if rest.is_empty() => (address, None),
            None => return Err(EndpointError::Host),
        }
    } else {
        let (host, port) =
            authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        // Underscores are no host names by the book, and are what Compose calls its containers.
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if host.is_empty() || host.len() > 253 || !host.bytes().all(legal) {
            return Err(EndpointError::Host);
        }
        (host, port)
    };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port != 0).ok_or(EndpointError::Port)?)
        }
        Some(_) => return Err(EndpointError::Port),
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn is_user_info(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| is_url_byte(b) && !matches!(b, b'@' | b'[' | b']'))
}

fn is_url_byte(b: u8) -> bool {
    b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn parts(url: &str) -> (String, String, Option<u16>, String) {
        let e = Endpoint::parse(url, Endpoint::HTTP_OR_UDP).unwrap();
        (e.scheme, e.host, e.port, e.path)
    }

    #[test]
    fn urls_come_apart() {
        let owned = |s: &str, h: &str, p, path: &str| (s.to_owned(), h.to_owned(), p, path.to_owned());
        assert_eq!(parts("http://localhost:4317"), owned("http", "localhost", Some(4317), ""));
        assert_eq!(
            parts("HTTPS://Collector.Example/v1/traces"),
            owned("https", "collector.example", None, "/v1/traces")
        );
        assert_eq!(
            parts("http://[::1]:9411/api/v2/spans"),
            owned("http", "::1", Some(9411), "/api/v2/spans")
        );
        assert_eq!(parts("udp://jaeger_agent:6831"), owned("udp", "jaeger_agent", Some(6831), ""));
        assert_eq!(parts("http://h?key=1"), owned("http", "h", None, ""));
        assert_eq!(parts("http://h/a@b:c"), owned("http", "h", None, "/a@b:c"));
    }

    #[test]
    fn whole_urls_come_back_and_shown_ones_lack_the_query() {
        let endpoint =
            Endpoint::parse("https://[2001:db8::1]:8443/p?api-key=canary", Endpoint::HTTP).unwrap();
        assert_eq!(endpoint.to_url(), "https://[2001:db8::1]:8443/p?api-key=canary");
        assert_eq!(endpoint.to_string(), "https://[2001:db8::1]:8443/p");
        assert!(!format!("{endpoint:?}").contains("canary"));
        assert_eq!(Endpoint::parse("udp://h", Endpoint::HTTP_OR_UDP).unwrap().port_or_default(), 6831);
        assert_eq!(Endpoint::parse("https://h", Endpoint::HTTP).unwrap().port_or_default(), 443);
    }

    #[test]
    fn loopback_is_told_from_the_text() {
        for (url, here) in [
            ("http://localhost", true),
            ("http://127.8.0.1", true),
            ("http://[::1]:1", true),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(Endpoint::parse(url, Endpoint::HTTP).unwrap().is_loopback(), here, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_for_its_reason() {
        let http = EndpointError::Scheme(Endpoint::HTTP);
        for (text, why) in [
            ("", http),
            ("localhost", http),
            ("localhost:4317", http),
            ("/v1/traces", http),
            ("ftp://h", http),
            ("udp://h:6831", http),
            ("http://", EndpointError::Host),
            ("http:///v1/traces", EndpointError::Host),
            ("http://:1", EndpointError::Host),
            ("http://a b", EndpointError::Host),
            ("http://h\0st", EndpointError::Host),
            ("http://bücher.example", EndpointError::Host),
            ("http://[::1", EndpointError::Host),
            ("http://[::1]x", EndpointError::Host),
            ("http://[fe80::1%eth0]", EndpointError::Host),
            ("http://::1:4317", EndpointError::Host),
            ("http://h:0", EndpointError::Port),
            ("http://h:65536", EndpointError::Port),
            ("http://h:+80", EndpointError::Port),
            ("http://h:x", EndpointError::Port),
            ("http://h:", EndpointError::Port),
            ("http://@h", EndpointError::Credentials),
            ("http://me@you@h", EndpointError::Credentials),
            ("http://me:a b@h", EndpointError::Credentials),
            ("http://me:p@h:0", EndpointError::Port),
            ("ftp://me:p@h", http),
            ("me:p@h", http),
            ("http://h/a b", EndpointError::Character),
            ("http://h/\r\nx: y", EndpointError::Character),
            ("http://h/p#top", EndpointError::Fragment),
        ] {
            assert_eq!(Endpoint::parse(text, Endpoint::HTTP).unwrap_err(), why, "{text:?}");
        }
        let long = format!("http://h/{}", "a".repeat(Endpoint::LONGEST));
        assert_eq!(Endpoint::check(&long, Endpoint::HTTP), Err(EndpointError::TooLong));
        assert_eq!(http.to_string(), "a URL begins with http:// or https://");
    }

    #[test]
    fn credentials_and_query_are_kept_and_not_shown() {
        let endpoint = Endpoint::parse("https://me:p%40ss@h:9/a?key=canary", Endpoint::HTTP).unwrap();
        assert_eq!(endpoint.user_info.as_ref().unwrap().expose_secret(), "me:p%40ss");
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("h", Some(9)));
        assert_eq!(endpoint.to_url(), "https://h:9/a?key=canary");
        assert_eq!(endpoint.to_string(), "https://h:9/a");
        assert_eq!(format!("{endpoint:?}"), "Endpoint(https://h:9/a)");
        let moved = endpoint.with_path("/a/v1/traces");
        assert_eq!(moved.to_url(), "https://h:9/a/v1/traces?key=canary");
        assert!(moved.user_info.is_some());
        assert!(Endpoint::parse("http://h/a@b:c", Endpoint::HTTP).unwrap().user_info.is_none());
    }

    #[test]
    fn only_what_speaks_http_takes_credentials() {
        for url in ["http://me:p@h", "udp://me:p@h"] {
            assert_eq!(Endpoint::check(url, Endpoint::HTTP_OR_UDP), Err(EndpointError::Credentials));
        }
    }

    #[test]
    fn errors_name_the_setting_and_no_secret() {
        let error = |url| Endpoint::of_setting("OTLP_ENDPOINT", url, Endpoint::HTTP).unwrap_err().to_string();
        for url in ["httpx://me:canary@h?token=canary", "http://me:canary@h:0", "http://h/?canary#top"] {
            let text = error(url);
            assert!(text.starts_with("OTLP_ENDPOINT=") && !text.contains("canary"), "{url}: {text}");
        }
        let scheme = "OTLP_ENDPOINT=\"h:4317\" is not valid: a URL begins with http:// or https://";
        assert_eq!(error("h:4317"), scheme);
    }

    #[test]
    fn shown_endpoints_hold_no_secret() {
        for (url, shown) in [
            ("http://h:4317/v1", "http://h:4317/v1"),
            ("http://h/p@q", "http://h/p@q"),
            ("http://h?key=canary", "http://h"),
            ("http://me:canary@h:4317/v1", "http://h:4317/v1"),
            ("http://me:can/ary@h/v1", "http://h/v1"),
            ("http://me:can?ary@h/v1", "http://…"),
            ("http://me:can#ary@h/v1", "http://…"),
            ("me:canary@h/v1", "h/v1"),
            ("http://me:canary@h@i", "http://i"),
            ("a@b://c", "c"),
            ("", ""),
        ] {
            assert_eq!(shown_endpoint(url), shown, "{url}");
        }
    }
}
