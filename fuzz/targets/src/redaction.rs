//! Redaction: any text and any value; what is left is clean, of bounded length, and still of its kind.

use std::sync::LazyLock;

use tracer_factory_core::config::{RedactConfig, RedactMode, UrlQuery};
use tracer_factory_core::redact::Redactor;
use tracer_factory_core::value::Value;

use crate::spans::any_spans;

/// The bytes as text, and the values of spans made of them.
pub fn redaction(input: &[u8]) {
    static REDACTORS: LazyLock<Vec<Redactor>> = LazyLock::new(redactors);
    let text = String::from_utf8_lossy(input);
    for redactor in REDACTORS.iter() {
        if let Some(clean) = redactor.value(&text) {
            assert!(!redactor.is_off());
            assert_ne!(clean, text, "nothing was taken out");
            assert_eq!(redactor.value(&clean), None, "{clean:?} is not clean");
            // The longest mark stands for a key of as many bytes at least, the shortest for one byte behind a name.
            assert!(clean.len() <= 64 + text.len() * 6, "{} bytes of {}", clean.len(), text.len());
        }
        for span in any_spans(input) {
            for (key, value) in &span.attributes {
                if let Some(clean) = redactor.value_of(key, value) {
                    assert!(!redactor.is_off());
                    assert_eq!(redactor.value_of(key, &clean), None, "{clean:?} is not clean");
                    assert!(is_of_its_kind(value, &clean), "{value:?} became {clean:?}");
                }
            }
        }
    }
}

fn redactors() -> Vec<Redactor> {
    let config = |mode, url_query| {
        let mut config = RedactConfig::default();
        (config.mode, config.url_query) = (mode, url_query);
        config.allow_keys = vec!["event".to_owned(), "service.*".to_owned()];
        Redactor::new(&config)
    };
    vec![
        Redactor::new(&RedactConfig::default()),
        config(RedactMode::Credentials, UrlQuery::All),
        config(RedactMode::Credentials, UrlQuery::Keep),
        config(RedactMode::AllowList, UrlQuery::Secrets),
        config(RedactMode::Off, UrlQuery::Secrets),
    ]
}

/// A list stays a list. Whatever else goes whole becomes text.
fn is_of_its_kind(value: &Value, clean: &Value) -> bool {
    match (value, clean) {
        (_, Value::Str(_)) => !matches!(value, Value::Array(_)),
        (Value::Array(_), Value::Array(_)) | (Value::Bytes(_), Value::Bytes(_)) => true,
        (Value::Map(before), Value::Map(after)) => before.len() == after.len(),
        _ => false,
    }
}
