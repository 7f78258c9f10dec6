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
