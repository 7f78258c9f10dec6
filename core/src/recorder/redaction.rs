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
    use std::sync::Arc;

    use crate::config::TracerConfig;
    use crate::otlp::ResourceBytes;
    use crate::recorder::Recorder;
    use crate::sampling::Sampler;
    use crate::scope::Scope;
    use crate::value::AttrValue;

    #[test]
    fn what_is_known_of_names_changes_nothing() {
        let resource = Arc::new(ResourceBytes::new(crate::span::Resource::default()));
        let recorder = Recorder::new(&TracerConfig::default(), Sampler::ratio(1.0), resource);
        for _ in 0..3 {
            let scope = Scope::named(&recorder, "the name of a span");
            scope.set_attribute("user", "me").set_attribute("password", "x").set_attribute("user", "you");
            scope.set_attribute("count", 7).set_attribute("api_key", 7);
            scope.add_event_with("the name of an event", &[("password", AttrValue::from("x"))]);
            let trace = scope.finish();
            let span = &trace.spans[0];
            let value = |name: &str| span.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            assert_eq!((&*span.name, &*span.events[0].name), ("the name of a span", "the name of an event"));
            assert_eq!(value("user"), Some(AttrValue::from("you")));
            assert_eq!(value("count"), Some(AttrValue::from(7)));
            assert_ne!(value("password"), Some(AttrValue::from("x")));
            assert_ne!(value("api_key"), Some(AttrValue::from(7)));
            assert_ne!(span.events[0].attributes[0].1, AttrValue::from("x"));
        }
    }
}
