//! Whose spans they are at an endpoint that many share: told by the headers that are no credentials.
//!
//! A key may be replaced between two processes, and what the first one left is the second one's all the same. A tenant
//! may not. Values never reach the disk: what is compared is a part of their digest.

use ring::digest::{Context, SHA256};
use secrecy::{ExposeSecret, SecretString};

use crate::config::RedactConfig;
use crate::redact::Redactor;

/// So that the digest of a value elsewhere is no help.
const PURPOSE: &[u8] = b"tracer-factory account 1";
/// Enough to tell accounts apart, too little to confirm much.
const BYTES: usize = 8;
/// Headers with a key in them whose names don't say so.
const KEYS: [&str; 2] = ["x-honeycomb-team", "uptrace-dsn"];

/// In hexadecimal digits; `None` when nothing but the endpoint says whose they are.
pub(super) fn of(headers: &[(String, SecretString)]) -> Option<String> {
    let rules = Redactor::new(&RedactConfig::default());
    let mut told: Vec<(String, &str)> = headers
        .iter()
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.expose_secret().trim()))
        .filter(|(name, _)| !KEYS.contains(&name.as_str()) && !rules.key_is_secret(name))
        .collect();
    if told.is_empty() {
        return None;
    }
    told.sort_unstable();
    let mut digest = Context::new(&SHA256);
    digest.update(PURPOSE);
    for part in told.iter().flat_map(|(name, value)| [name.as_str(), *value]) {
        digest.update(&(part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let digest = digest.finish();
    Some(digest.as_ref().iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(headers: &[(&str, &str)]) -> Option<String> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        of(&headers)
    }

    #[test]
    fn tenants_differ_and_keys_do_not() {
        assert_eq!(account(&[]), None);
        let credentials =
            ["authorization", "X-Api-Key", "api-key", "signoz-access-token", "dd-api-key", "Cookie"];
        for name in credentials.iter().chain(&KEYS) {
            assert_eq!(account(&[(name, "one")]), None, "{name}");
        }
        let acme = account(&[("X-Scope-OrgID", "acme")]);
        assert_eq!(acme.as_ref().map(String::len), Some(16));
        assert_ne!(acme, account(&[("X-Scope-OrgID", "other")]));
        assert_eq!(acme, account(&[("authorization", "Bearer new"), ("x-scope-orgid", " acme")]));
        assert_ne!(account(&[("a", "bc")]), account(&[("ab", "c")]));
        assert_eq!(account(&[("a", "1"), ("b", "2")]), account(&[("B", "2"), ("A", "1")]));
    }
}
