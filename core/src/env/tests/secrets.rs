//! Secrets in files, plain text, and redaction.

use super::super::{EnvMap, resolve};
use super::{config, error, resolved};
use crate::config::{RedactMode, UrlQuery};

/// A file of this test process alone, gone when dropped.
struct SecretFile(std::path::PathBuf);

impl SecretFile {
    fn new(name: &str, text: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("tracer-factory-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_file_holds_the_value() {
    use secrecy::ExposeSecret;
    let file = SecretFile::new("headers", b"  authorization=Bearer%20canary\n");
    let resolved = resolved(&[("OTLP_HEADERS_FILE", file.path())]);
    let [(name, value)] = resolved.config.otlp.headers.as_slice() else { panic!("one header") };
    assert_eq!((name.as_str(), value.expose_secret()), ("authorization", "Bearer canary"));
    let setting = resolved.settings.iter().find(|setting| setting.name == "otlp.headers").unwrap();
    assert_eq!(
        (setting.value.as_str(), setting.source.to_string().as_str()),
        ("<hidden>", "OTLP_HEADERS_FILE")
    );
    assert!(!format!("{resolved:?}").contains("canary"));
    assert_eq!(resolved.config.otlp.headers_file.as_deref(), Some(std::path::Path::new(file.path())));

    let file = SecretFile::new("key", b"canary\n");
    let config = config(&[("AGENTOPS_API_KEY_FILE", file.path())]);
    assert_eq!(config.agent_session.api_key.unwrap().expose_secret(), "canary");
    assert_eq!(config.agent_session.api_key_file.as_deref(), Some(std::path::Path::new(file.path())));
}

#[test]
fn a_bad_file_is_named_and_not_shown() {
    let file = SecretFile::new("bad", b"canary without a value");
    let text = error(&[("OTLP_HEADERS_FILE", file.path())]);
    assert!(text.contains("OTLP_HEADERS_FILE") && !text.contains("canary"), "{text}");
    let text = error(&[("OTLP_HEADERS_FILE", file.path()), ("OTLP_HEADERS", "a=canary")]);
    assert!(text.contains("OTLP_HEADERS_FILE") && text.contains("OTLP_HEADERS is set as well"), "{text}");
    assert!(!text.contains("canary"), "{text}");
    let text = error(&[("AGENTOPS_API_KEY_FILE", "/no/such/file")]);
    assert!(
        text.contains("AGENTOPS_API_KEY_FILE") && text.contains("\"/no/such/file\" can't be read"),
        "{text}"
    );
    for (name, bytes, why) in [("empty", b" \n".as_slice(), "is empty"), ("bytes", b"\xff", "is not UTF-8")] {
        let file = SecretFile::new(name, bytes);
        let text = error(&[("AGENTOPS_API_KEY_FILE", file.path())]);
        assert!(text.contains(file.path()) && text.contains(why), "{text}");
    }
    let text = error(&[("AGENTOPS_API_KEY_FILE", "canary/that+is+no/path")]);
    assert!(!text.contains("canary"), "{text}");
    let warnings = resolved(&[("OTEL_EXPORTER_OTLP_HEADERS_FILE", "/no/such/file")]).warnings;
    assert!(warnings.iter().any(|warning| warning.to_string().contains("/no/such/file")), "{warnings:?}");
}

#[test]
fn only_known_secrets_have_files() {
    assert!(error(&[("TRACER_SERVICE_NAME_FILE", "/etc/hostname")]).contains("TRACER_SERVICE_NAME_FILE"));
}

#[test]
fn plain_text_is_refused_or_warned_of() {
    let vars = [
        ("TRACER_TYPE", "otlp"),
        ("OTLP_ENDPOINT", "http://me:canary@collector:4318/v1/traces"),
        ("TRACER_ALLOW_PLAINTEXT_CREDENTIALS", "true"),
    ];
    let text = error(&vars[..2]);
    assert!(
        text.contains("http://collector:4318") && text.contains("TRACER_ALLOW_PLAINTEXT_CREDENTIALS"),
        "{text}"
    );
    let resolved = resolve(&EnvMap::from_iter(vars)).unwrap();
    let warnings: Vec<_> = resolved.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings.len() == 1 && warnings[0].contains("plain text") && !text.contains("canary"),
        "{warnings:?}"
    );
}

#[test]
fn redaction_is_chosen() {
    let redact = config(&[
        ("TRACER_REDACT", "allow-list"),
        ("TRACER_REDACT_KEYS", "customer.email, ssn"),
        ("TRACER_REDACT_ALLOW_KEYS", "http.*,"),
        ("TRACER_REDACT_URL_QUERY", "all"),
    ])
    .redact;
    assert_eq!((redact.mode, redact.url_query), (RedactMode::AllowList, UrlQuery::All));
    assert_eq!(
        (redact.keys, redact.allow_keys),
        (vec!["customer.email".to_owned(), "ssn".to_owned()], vec!["http.*".to_owned()])
    );
    assert!(error(&[("TRACER_REDACT", "on")]).contains("credentials, allow-list, off"));
}
