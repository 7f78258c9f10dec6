//! Takes secrets out of what is recorded, before it is encoded.
//!
//! By name: the value of `password`, `http.request.header.authorization` or `openai.api_key` goes whole.
//! By look: keys of known vendors, JSON web tokens, private keys, `Bearer …`, card numbers, a URL's user
//! and password, and `name=value` in any text go, and the text around them stays. Time is linear in the text.

mod assign;
mod block;
mod cards;
mod found;
mod keys;
mod messages;
mod scan;
mod tokens;
mod url;
mod words;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::config::{RedactConfig, RedactMode, UrlQuery};
use crate::value::{AttrValue, Value};
use found::{PLAIN, QUERY, is_mark_alone};
use keys::KeyRules;
use messages::is_message;

/// The key under which a status' message is judged, as OpenTelemetry's mappings name it.
pub const STATUS_MESSAGE: &str = "otel.status_description";

/// Finds secrets and says what is recorded instead. Made once from a configuration, used by all threads.
#[derive(Clone, Debug)]
pub struct Redactor {
    keys: KeyRules,
    query: UrlQuery,
    /// Nothing is secret.
    secrets_are_kept: bool,
    /// What people and models say to each other goes.
    hides_messages: bool,
}

/// What stands for a message that is not captured.
pub const NOT_CAPTURED: &str = "[not captured]";

impl Redactor {
    /// The rules of a configuration.
    pub fn new(config: &RedactConfig) -> Self {
        let secrets_are_kept = config.mode == RedactMode::Off;
        Self { keys: KeyRules::new(config), query: config.url_query, secrets_are_kept, hides_messages: false }
    }

    /// The same, and what people and models say to each other goes too.
    #[must_use]
    pub fn without_messages(self) -> Self {
        Self { hides_messages: true, ..self }
    }

    /// True when nothing is ever taken out.
    #[inline]
    pub fn is_off(&self) -> bool {
        self.secrets_are_kept && !self.hides_messages
    }

    /// Whether the value of an attribute of this name goes whole.
    ///
    /// A name is judged by its words, which end at anything but letters and digits and where upper case
    /// begins. `password`, `secret`, `cookie`, `authorization` and `credential` are secret wherever they
    /// stand; `key` behind `api`, `access`, `private` and the like; `token` unless its neighbours count
    /// or describe (`token_type`, `time_to_first_token`); `tokens` only behind `access` and the like. A last
    /// word that describes (`password.length`, `secret.arn`) makes a name clean again.
    pub fn key_is_secret(&self, name: &str) -> bool {
        self.hides_message(name) || self.keys.hides(name)
    }

    fn hides_message(&self, name: &str) -> bool {
        self.hides_messages && is_message(name)
    }

    /// Bytes of the shortest text that can hold a secret of its own.
    pub const SHORTEST: usize = scan::SHORTEST;

    /// Whether a text is too short to hold a secret of its own.
    #[inline(always)]
    pub fn is_short(text: &str) -> bool {
        text.len() < Self::SHORTEST
    }

    /// The text without its secrets; `None` when it can stay as it is, which costs no allocation.
    #[inline]
    pub fn value(&self, text: &str) -> Option<String> {
        if Self::is_short(text) || self.secrets_are_kept {
            return None;
        }
        let clean = scan::scan(text, &self.keys, self.query)?;
        Some(self.settled(clean))
    }

    /// A text in which something was found is read again: what stood beside it may stand alone now.
    #[cold]
    fn settled(&self, mut clean: String) -> String {
        const MOST: usize = 8;
        for _ in 0..MOST {
            match scan::scan(&clean, &self.keys, self.query) {
                Some(cleaner) => clean = cleaner,
                None => break,
            }
        }
        clean
    }

    /// What is recorded instead of an attribute's value; `None` when it can stay as it is. Maps are
    /// judged by their own names too, arrays item by item.
    pub fn value_of(&self, key: &str, value: &AttrValue<'_>) -> Option<Value> {
        if self.hides_message(key) {
            return hidden(value, NOT_CAPTURED);
        }
        if self.secrets_are_kept {
            return None;
        }
        if self.keys.hides(key) {
            let mark = if key == "url.query" { QUERY } else { PLAIN };
            return hidden(value, mark);
        }
        self.inside(value)
    }

    /// The same for a value whose name is known to be harmless.
    pub fn inside(&self, value: &AttrValue<'_>) -> Option<Value> {
        match value {
            AttrValue::Str(text) => self.value(text).map(Value::from),
            AttrValue::Bytes(bytes) => {
                let text = std::str::from_utf8(bytes).ok()?;
                self.value(text).map(|text| Value::from(text.into_bytes()))
            }
            AttrValue::Array(items) => {
                let clean: Vec<_> = items.iter().map(|item| self.inside(item)).collect();
                let items = items.iter().zip(clean.iter().any(Option::is_some).then_some(clean)?);
                Some(Value::Array(
                    items.map(|(item, clean)| clean.unwrap_or_else(|| item.clone().into_owned())).collect(),
                ))
            }
            AttrValue::Map(items) => {
                let of = |name: &str, item: &AttrValue<'_>| {
                    if self.keys.hides_inside(name) { hidden(item, PLAIN) } else { self.inside(item) }
                };
                let clean: Vec<_> = items.iter().map(|(name, item)| of(name, item)).collect();
                let items = items.iter().zip(clean.iter().any(Option::is_some).then_some(clean)?);
                let items = items.map(|((name, item), clean)| {
                    (
                        Cow::Owned(name.clone().into_owned()),
                        clean.unwrap_or_else(|| item.clone().into_owned()),
                    )
                });
                Some(Value::Map(items.collect()))
            }
            _ => None,
        }
    }
}

/// What stands for a whole value. One bit, or nothing, tells nobody a secret.
fn hidden(value: &AttrValue<'_>, mark: &'static str) -> Option<Value> {
    let is_clean = |value: &AttrValue<'_>| match value {
        AttrValue::Empty | AttrValue::Bool(_) => true,
        AttrValue::Str(text) => text.is_empty() || is_mark_alone(text.as_bytes()),
        _ => false,
    };
    match value {
        value if is_clean(value) => None,
        AttrValue::Array(items) if items.iter().all(is_clean) => None,
        // A list stays one, for receivers that know its type.
        AttrValue::Array(_) => Some(Value::Array(vec![Value::from(mark)])),
        _ => Some(Value::from(mark)),
    }
}
