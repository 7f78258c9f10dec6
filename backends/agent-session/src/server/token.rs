//! The token that our own page has and pages of others have not: whatever a browser writes needs it.

use std::io;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use subtle::ConstantTimeEq;

/// The cookie's name.
const COOKIE: &str = "tracer_factory_token";

/// 128 random bits, made anew by each server.
#[derive(Clone)]
pub(super) struct Token(Arc<str>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    pub(super) fn new() -> io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()))
    }

    /// What the page is given it by. Scripts can't read it, other sites can't send it.
    pub(super) fn cookie(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", self.0)).ok()
    }

    /// Whether a request has it. How long that takes says nothing about the token.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs =
            cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs
            .filter(|(name, _)| *name == COOKIE)
            .any(|(_, given)| given.as_bytes().ct_eq(self.0.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_server_knows_it() {
        let (ours, other) = (Token::new().unwrap(), Token::new().unwrap());
        let headers = |cookie: String| HeaderMap::from_iter([(header::COOKIE, cookie.parse().unwrap())]);
        let set = ours.cookie().unwrap();
        let pair = set.to_str().unwrap().split(';').next().unwrap();
        assert!(pair.len() > COOKIE.len() + 32);
        assert!(ours.is_in(&headers(format!("theme=dark; {pair}"))));
        assert!(!other.is_in(&headers(pair.to_owned())));
        for cookie in [COOKIE.to_owned(), format!("{COOKIE}="), format!("{pair}0"), format!("x{pair}")] {
            assert!(!ours.is_in(&headers(cookie.clone())), "{cookie}");
        }
        assert!(!ours.is_in(&HeaderMap::new()));
    }
}
