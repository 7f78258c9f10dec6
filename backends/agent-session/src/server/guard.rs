//! Who may ask: pages of other sites must not, whatever name they reach this machine by.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::failure;
use super::token::Token;

/// What is checked before anything else.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    hosts: Hosts,
    token: Token,
}

impl Guard {
    pub(super) fn new(addr: SocketAddr, token: Token) -> Self {
        Self { hosts: Hosts::of(addr), token }
    }
}

/// The exact `Host` values that mean this server.
#[derive(Debug, Clone)]
struct Hosts(Arc<[String]>);

impl Hosts {
    fn of(addr: SocketAddr) -> Self {
        let own = addr.to_string();
        let localhost = format!("localhost:{}", addr.port());
        Self([own, localhost].into())
    }

    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    /// Browsers send the page's origin with every request that is not a plain read.
    fn has_origin(&self, origin: &str) -> bool {
        origin.strip_prefix("http://").is_some_and(|host| self.has(host))
    }
}

/// What every answer says to a browser: take it literally, run nothing, tell nobody, keep nothing.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let refused = refuse(&guard.hosts, request.uri(), request.headers())
        .or_else(|| refuse_write(&guard.token, request.method(), request.headers()));
    let mut response = match refused {
        Some(why) => failure(StatusCode::FORBIDDEN, why).into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        // The page has a policy of its own.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn refuse(hosts: &Hosts, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let ours = |value: &HeaderValue| value.to_str().is_ok_and(|host| hosts.has(host));
    let mut named = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else {
        return Some("exactly one Host header is expected");
    };
    // An absolute request line names the host once more.
    if !ours(host) || uri.authority().is_some_and(|authority| !hosts.has(authority.as_str())) {
        return Some("the Host header is not this server's address and port");
    }
    let foreign = |origin: &HeaderValue| !origin.to_str().is_ok_and(|origin| hosts.has_origin(origin));
    if headers.get_all(header::ORIGIN).iter().any(foreign) {
        return Some("requests from pages of other origins are refused");
    }
    None
}

/// Programs have no origin, and pages of other origins do not come this far; a page without our cookie is not ours.
fn refuse_write(token: &Token, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let is_foreign = !method.is_safe() && headers.contains_key(header::ORIGIN) && !token.is_in(headers);
    is_foreign.then_some("what a page writes needs the cookie that / sets: load the page again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(listen: &str, headers: &[(HeaderName, &'static str)]) -> Option<&'static str> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            });
        refuse(&Hosts::of(listen.parse().unwrap()), &Uri::from_static("/healthz"), &headers)
    }

    #[test]
    fn only_exact_hosts_and_origins() {
        use header::{HOST, ORIGIN};
        let v4 = "127.0.0.1:4319";
        assert_eq!(verdict(v4, &[(HOST, "127.0.0.1:4319")]), None);
        assert_eq!(verdict(v4, &[(HOST, "LOCALHOST:4319")]), None);
        assert_eq!(verdict("[::1]:4319", &[(HOST, "[::1]:4319")]), None);
        assert_eq!(verdict(v4, &[(HOST, "127.0.0.1:4319"), (ORIGIN, "http://localhost:4319")]), None);
        for host in [
            "127.0.0.1",
            "127.0.0.1:4320",
            "evil.example:4319",
            "localhost:4319.evil.example",
            "",
            "[::1]:4319",
        ] {
            assert!(verdict(v4, &[(HOST, host)]).is_some(), "{host}");
        }
        for origin in [
            "null",
            "http://localhost",
            "https://localhost:4319",
            "http://evil.example:4319",
            "http://localhost:4319/",
        ] {
            assert!(verdict(v4, &[(HOST, "127.0.0.1:4319"), (ORIGIN, origin)]).is_some(), "{origin}");
        }
        assert!(verdict(v4, &[]).is_some());
        assert!(verdict(v4, &[(HOST, "127.0.0.1:4319"), (HOST, "127.0.0.1:4319")]).is_some());
        let hosts = Hosts::of(v4.parse().unwrap());
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("127.0.0.1:4319"))]);
        assert!(refuse(&hosts, &Uri::from_static("http://evil.example:4319/"), &headers).is_some());
    }
}
