//! Keeping secrets out of what is recorded: the rules are [`Redactor`]'s, how rarely they are asked is decided here.

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::name::Name;
use crate::redact::{Redactor, STATUS_MESSAGE};
use crate::value::AttrValue;

/// Hashes of what is known to be harmless, by the hash's last byte; 0 is none.
#[derive(Debug)]
struct Known([AtomicU64; 256]);

impl Known {
    #[inline(always)]
    fn has(&self, name: Name<'_>) -> bool {
        self.0[usize::from(name.hash as u8)].load(Relaxed) == name.hash
    }

    fn remember(&self, name: Name<'_>) {
        self.0[usize::from(name.hash as u8)].store(name.hash, Relaxed);
    }
}

/// The rules, with what they found harmless: names come again and again.
#[derive(Debug)]
pub(crate) struct Redaction {
    rules: Redactor,
    keys: Known,
    /// Names of spans and events, which are texts.
    texts: Known,
}

impl Redaction {
    /// Texts shorter than this hold no secret that can be told from other text.
    pub(super) const SHORTEST: usize = Redactor::SHORTEST;

    pub(crate) fn new(rules: Redactor) -> Self {
        let empty = || Known([const { AtomicU64::new(0) }; 256]);
        Self { rules, keys: empty(), texts: empty() }
    }

    /// True when the key is known to be harmless. Of a literal all but one comparison is worked out by the compiler.
    #[inline(always)]
    pub(super) fn is_known(&self, name: Name<'_>) -> bool {
        self.keys.has(name)
    }

    /// True when a name of a span or an event is known to hold no secret.
    #[inline(always)]
    pub(super) fn is_known_text(&self, text: &str) -> bool {
        text.len() < Self::SHORTEST || self.texts.has(Name::new(text))
    }

    /// A name of a span or an event that may be recorded.
    #[inline(never)]
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.rules.value(text) {
            Some(clean) => Cow::Owned(clean),
            None => {
                self.texts.remember(Name::new(text));
                Cow::Borrowed(text)
            }
        }
    }

    /// The value that may be recorded under this key.
    #[inline(never)]
    pub(super) fn clean<'a>(&self, name: Name<'_>, value: &'a AttrValue<'a>) -> Cow<'a, AttrValue<'a>> {
        let harmless = self.is_known(name) || !self.rules.key_is_secret(name.text);
        let clean = if harmless {
            self.keys.remember(name);
            self.rules.inside(value)
        } else {
            self.rules.value_of(name.text, value)
        };
        clean.map_or(Cow::Borrowed(value), Cow::Owned)
    }

    /// A status' message that may be recorded.
    pub(super) fn status<'a>(&self, message: &'a str) -> Cow<'a, str> {
        match self.rules.value_of(STATUS_MESSAGE, &AttrValue::Str(Cow::Borrowed(message))) {
            Some(AttrValue::Str(clean)) => Cow::Owned(clean.into_owned()),
            _ => Cow::Borrowed(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::capture::Capture;
    use crate::config::{RedactMode, TracerConfig, TracerType};
    use crate::span::StatusCode;
    use crate::tracer::BaseTracer;
    use crate::value::AttrValue;

    const SECRET: &str = "hunter2-hunter2";
    const TEXT: &str = "the call to https://me:hunter2-hunter2@db.example/x failed";

    fn recorded(mode: RedactMode) -> String {
        let config = TracerConfig::builder()
            .tracer_type(TracerType::Console)
            .with(|config| {
                config.redact.mode = mode;
                config.resource_attributes.push(("db.password".to_owned(), SECRET.to_owned()));
            })
            .build();
        let (tracer, capture) = Capture::with_config(&config).unwrap();
        // Again and again: what is known by then takes another way.
        for _ in 0..3 {
            let scope = tracer.trace_context(TEXT);
            let nested =
                vec![("password".into(), AttrValue::from(SECRET)), ("fine".into(), AttrValue::from(TEXT))];
            scope.set_attribute("user", "me").set_attribute("password", SECRET);
            scope.set_attribute("text", TEXT).set_attribute("user", "you");
            scope.set_attribute("map", AttrValue::Map(nested));
            scope.add_event(TEXT);
            let attributes = [("password", AttrValue::from(SECRET)), ("fine", AttrValue::from(TEXT))];
            scope.add_event_with(TEXT, &attributes);
            scope.set_status(StatusCode::Error, TEXT);
            scope.update_name(TEXT);
        }
        assert!(capture.spans().iter().all(|span| span.attribute("user") == Some(&"you".into())));
        format!("{:?}{:?}", capture.spans(), tracer.get_last_trace())
    }

    #[test]
    fn no_secret_is_recorded_anywhere() {
        assert!(!recorded(RedactMode::Credentials).contains("hunter2"));
        assert!(recorded(RedactMode::Off).contains("hunter2"), "the test would see one");
    }
}
