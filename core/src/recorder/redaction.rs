//! Keeping secrets out of attributes: the rules are somebody else's, how rarely they are asked is decided here.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::name::Name;

/// The rules. They are asked once for a key that is harmless, and for each value of some length.
pub(crate) trait Redact: fmt::Debug + Send + Sync {
    /// Whether the values of this key are secret whatever they are.
    fn key_is_secret(&self, key: &str) -> bool;

    /// The text with what is secret in it replaced; `None` when nothing is.
    fn value(&self, text: &str) -> Option<String>;
}

/// What stands in place of a value whose key is secret.
pub(super) const REDACTED: &str = "[REDACTED]";

/// Rules, with the keys that they found harmless.
#[derive(Debug)]
pub(crate) struct Redaction {
    rules: Box<dyn Redact>,
    /// By the first byte of their hash, the hashes of keys that are known to be harmless; 0 is none.
    harmless: [AtomicU64; 256],
}

impl Redaction {
    /// Texts shorter than this hold no secret that can be told from other text.
    pub(super) const SHORTEST: usize = 12;

    #[cfg_attr(not(test), expect(dead_code, reason = "the engine behind it comes with the next change"))]
    pub(crate) fn new(rules: Box<dyn Redact>) -> Self {
        Self { rules, harmless: [const { AtomicU64::new(0) }; 256] }
    }

    /// True when the key is known to be harmless. Of a literal all but one comparison is worked out by the compiler.
    #[inline(always)]
    pub(super) fn is_known(&self, name: Name<'_>) -> bool {
        self.harmless[usize::from(name.hash as u8)].load(Relaxed) == name.hash
    }

    /// Asks the rules about a key, and remembers one that is harmless.
    #[inline(never)]
    pub(super) fn key_is_secret(&self, name: Name<'_>) -> bool {
        let secret = !self.is_known(name) && self.rules.key_is_secret(name.text);
        if !secret {
            self.harmless[usize::from(name.hash as u8)].store(name.hash, Relaxed);
        }
        secret
    }

    /// The text that may be recorded, when it is another one.
    pub(super) fn value(&self, text: &str) -> Option<String> {
        if text.len() < Self::SHORTEST { None } else { self.rules.value(text) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::config::Limits;
    use crate::otlp::ResourceBytes;
    use crate::recorder::Recorder;
    use crate::sampling::Sampler;
    use crate::scope::Scope;
    use crate::span::StatusCode;
    use crate::value::AttrValue;

    #[derive(Debug)]
    struct Rules(Arc<AtomicUsize>);

    impl Redact for Rules {
        fn key_is_secret(&self, key: &str) -> bool {
            self.0.fetch_add(1, Relaxed);
            key.contains("password")
        }

        fn value(&self, text: &str) -> Option<String> {
            text.contains("hunter2").then(|| text.replace("hunter2", "*"))
        }
    }

    #[test]
    fn no_secret_is_recorded_and_harmless_keys_are_asked_about_once() {
        let asked = Arc::new(AtomicUsize::new(0));
        let rules = Redaction::new(Box::new(Rules(Arc::clone(&asked))));
        let resource = Arc::new(ResourceBytes::new(crate::span::Resource::default()));
        let sampler = Sampler::ratio(1.0);
        let recorder = Recorder::new(Limits::default(), sampler, resource, 1 << 16, Some(Arc::new(rules)));
        let long = "and this is how it came: hunter2 was the word";
        for _ in 0..3 {
            let scope = Scope::named(&recorder, "span");
            let nested =
                vec![("password".into(), AttrValue::from(1)), ("fine".into(), AttrValue::from(long))];
            scope.set_attribute("user", "me").set_attribute("password", "x").set_attribute("password_age", 7);
            scope
                .set_attribute("text", long)
                .set_attribute("user", "you")
                .set_attribute("map", AttrValue::Map(nested));
            scope.add_event_with(
                "event",
                &[("password", AttrValue::from("x")), ("user", AttrValue::from(long))],
            );
            scope.set_status(StatusCode::Error, long);
            let trace = scope.finish();
            let span = &trace.spans[0];
            let clean = "and this is how it came: * was the word";
            let value = |name: &str| span.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            assert_eq!(value("user"), Some(AttrValue::from("you")));
            assert_eq!(value("password"), Some(AttrValue::from(REDACTED)));
            assert_eq!(value("password_age"), Some(AttrValue::from(REDACTED)));
            assert_eq!(value("text"), Some(AttrValue::from(clean)));
            let map =
                vec![("password".into(), AttrValue::from(REDACTED)), ("fine".into(), AttrValue::from(clean))];
            assert_eq!(value("map"), Some(AttrValue::Map(map)));
            assert_eq!(span.events[0].attributes[0].1, AttrValue::from(REDACTED));
            assert_eq!(span.events[0].attributes[1].1, AttrValue::from(clean));
            assert_eq!(span.status.message, clean);
        }
        // user, text, map, fine once; three times password (twice more inside), password_age.
        assert_eq!(asked.load(Relaxed), 4 + 3 * 4);
    }
}
