//! `baggage`: the application's own entries, by the grammar and the limits of W3C Baggage.
//!
//! Entries are taken apart when they come in and encoded anew when they go out, so that no text
//! of a stranger reaches an outgoing header unread.

use std::fmt;
use std::sync::Arc;

use super::malformed::{Header, Malformed};
use super::{Extractor, Injector, percent};
use crate::text::trim_ows;

static BAGGAGE: Header = Header::new("baggage");
const MOST_ENTRIES: usize = 64;
const MOST_BYTES: usize = 8192;

/// Named values that travel with a request. A clone is a reference count.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Baggage(
    /// `None` when empty, so that requests without baggage allocate nothing.
    Option<Arc<Vec<BaggageEntry>>>,
);

/// One entry of [`Baggage`].
#[derive(Clone, PartialEq, Eq)]
pub struct BaggageEntry {
    name: Box<str>,
    value: Box<str>,
    metadata: Box<str>,
}

/// What can't be put into baggage. It holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaggageError {
    /// A name that a header can't carry.
    #[error("a baggage name is one or more ASCII letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    /// Metadata outside the grammar.
    #[error("baggage metadata is key or key=value, several separated by ;")]
    Metadata,
    /// The 65th entry.
    #[error("baggage has at most 64 entries")]
    TooMany,
    /// The header would be too long.
    #[error("baggage has at most 8192 bytes in its encoded form")]
    TooLong,
}

impl Baggage {
    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|entry| entry.name() == name).map(BaggageEntry::value)
    }

    /// The entries in order.
    pub fn iter(&self) -> std::slice::Iter<'_, BaggageEntry> {
        self.entries().iter()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds an entry, or replaces the one of that name where it is. The value may be any text.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), BaggageError> {
        self.insert_with_metadata(name, value, "")
    }

    /// [`Baggage::insert`] with properties, `key` or `key=value` separated by `;`, which are
    /// carried as they are.
    pub fn insert_with_metadata(
        &mut self,
        name: &str,
        value: &str,
        metadata: &str,
    ) -> Result<(), BaggageError> {
        if !is_token(name) {
            return Err(BaggageError::Name);
        }
        let metadata =
            if metadata.is_empty() { String::new() } else { tidy(metadata).ok_or(BaggageError::Metadata)? };
        // Before anything is copied: the value may be of any size.
        if value.len() > MOST_BYTES {
            return Err(BaggageError::TooLong);
        }
        let entry = BaggageEntry { name: name.into(), value: value.into(), metadata: metadata.into() };
        let others = self.iter().filter(|other| *other.name != *name);
        let (count, bytes) = others.fold((1, entry.encoded_len()), |(count, bytes), other| {
            (count + 1, bytes + other.encoded_len() + 1)
        });
        if count > MOST_ENTRIES {
            return Err(BaggageError::TooMany);
        }
        if bytes > MOST_BYTES {
            return Err(BaggageError::TooLong);
        }
        let entries = Arc::make_mut(self.0.get_or_insert_default());
        match entries.iter_mut().find(|other| *other.name == *name) {
            Some(other) => *other = entry,
            None => entries.push(entry),
        }
        Ok(())
    }

    /// Takes the entry out; true when there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        if self.get(name).is_none() {
            return false;
        }
        if self.len() == 1 {
            self.0 = None;
        } else if let Some(entries) = &mut self.0 {
            Arc::make_mut(entries).retain(|entry| *entry.name != *name);
        }
        true
    }

    fn entries(&self) -> &[BaggageEntry] {
        self.0.as_ref().map_or(&[], |entries| entries.as_slice())
    }
}

impl<'a> IntoIterator for &'a Baggage {
    type Item = &'a BaggageEntry;
    type IntoIter = std::slice::Iter<'a, BaggageEntry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl BaggageEntry {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value, decoded.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Its properties, as they stand in the header; empty without.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    fn encoded_len(&self) -> usize {
        let metadata = if self.metadata.is_empty() { 0 } else { 1 + self.metadata.len() };
        self.name.len() + 1 + percent::encoded_len(&self.value) + metadata
    }
}

/// Names only: values are the application's, and may be personal.
impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(BaggageEntry::name)).finish()
    }
}

/// The name only, as for [`Baggage`].
impl fmt::Debug for BaggageEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BaggageEntry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Adds the entries of the header's lines. One that is malformed or does not fit is left out; a
/// header beyond the limit of bytes is left out whole.
pub(super) fn extract(carrier: &dyn Extractor, baggage: &mut Baggage) -> Result<(), Malformed> {
    let lines = carrier.get_all(BAGGAGE.name);
    if lines.iter().map(|line| line.len() + 1).sum::<usize>() > MOST_BYTES + 1 {
        return Err(BAGGAGE.malformed());
    }
    let mut read = Ok(());
    for member in lines.iter().flat_map(|line| line.split(',')).map(trim_ows) {
        if !member.is_empty() && read_member(member, baggage).is_none() {
            read = Err(BAGGAGE.malformed());
        }
    }
    read
}

fn read_member(member: &str, baggage: &mut Baggage) -> Option<()> {
    let (pair, metadata) = match member.split_once(';') {
        Some((pair, metadata)) => (pair, tidy(metadata)?),
        None => (member, String::new()),
    };
    let (name, value) = pair.split_once('=')?;
    let value = trim_ows(value);
    if !value.bytes().all(percent::is_baggage_octet) {
        return None;
    }
    baggage.insert_with_metadata(trim_ows(name), &percent::decode(value), &metadata).ok()
}

/// Properties without the optional spaces; `None` when one is outside the grammar.
fn tidy(metadata: &str) -> Option<String> {
    let mut text = String::with_capacity(metadata.len());
    for property in metadata.split(';') {
        let (key, value) = match property.split_once('=') {
            Some((key, value)) => (trim_ows(key), Some(trim_ows(value))),
            None => (trim_ows(property), None),
        };
        if !is_token(key) || !value.unwrap_or_default().bytes().all(percent::is_baggage_octet) {
            return None;
        }
        if !text.is_empty() {
            text.push(';');
        }
        text.push_str(key);
        if let Some(value) = value {
            text.push('=');
            text.push_str(value);
        }
    }
    Some(text)
}

fn is_token(text: &str) -> bool {
    let symbol = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || symbol(byte))
}

pub(super) fn inject(baggage: &Baggage, carrier: &mut dyn Injector) {
    if baggage.is_empty() {
        return;
    }
    let mut text = String::new();
    for entry in baggage {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&entry.name);
        text.push('=');
        percent::encode(&entry.value, &mut text);
        if !entry.metadata.is_empty() {
            text.push(';');
            text.push_str(&entry.metadata);
        }
    }
    carrier.set(BAGGAGE.name, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(values: &[&str]) -> Vec<(String, String)> {
        values.iter().map(|value| ("baggage".to_owned(), (*value).to_owned())).collect()
    }

    /// What is understood, as it would be sent on, and whether all of it was.
    fn through(values: &[&str]) -> (String, bool) {
        let mut baggage = Baggage::default();
        let whole = extract(&lines(values), &mut baggage).is_ok();
        let mut carrier: Vec<(String, String)> = Vec::new();
        inject(&baggage, &mut carrier);
        (carrier.pop().map(|(_, value)| value).unwrap_or_default(), whole)
    }

    #[test]
    fn entries_pass_through() {
        for (came, goes) in [
            (&["a=1"][..], "a=1"),
            (&["a = 1 ; p ; q = 2 , b=\t2"], "a=1;p;q=2,b=2"),
            (&["a=1", "b=2,,", ""], "a=1,b=2"),
            (&["a=1,b=2,a=3"], "a=3,b=2"),
            (&["a="], "a="),
            (&["a=x=y==;p=x=y"], "a=x=y==;p=x=y"),
            (&["a=%e2%82%ac%20%2C%3B%5C%22%25"], "a=%E2%82%AC%20%2C%3B%5C%22%25"),
            (&["a=%41;p=%41"], "a=A;p=%41"),
            (&["a=50%"], "a=50%25"),
            (&["a%20b=1"], "a%20b=1"),
            (&["a=%0d%0aX:%20y"], "a=%0D%0AX:%20y"),
        ] {
            assert_eq!(through(came), (goes.to_owned(), true), "{came:?}");
        }
    }

    #[test]
    fn malformed_entries_are_left_out_alone() {
        for bad in [
            "b",
            "=1",
            "b c=1",
            "b=1 2",
            "b=\"1\"",
            "b=\\",
            "b=ü",
            "ü=1",
            "b=1;",
            "b=1;;p",
            "b=1;p q",
            "b=1;=2",
            "b=1;p=\"2\"",
            "b=1;p\r\nx: y",
            "b=1\r\nx: y",
            "b\0=1",
        ] {
            assert_eq!(through(&[&format!("a=1,{bad},c=3")]), ("a=1,c=3".to_owned(), false), "{bad:?}");
        }
    }

    #[test]
    fn bounds() {
        let many: Vec<String> = (0..65).map(|n| format!("k{n}=v")).collect();
        assert_eq!(through(&[&many[..64].join(",")]), (many[..64].join(","), true));
        assert_eq!(through(&[&many.join(",")]), (many[..64].join(","), false));

        let longest = format!("a={}", "v".repeat(MOST_BYTES - 2));
        assert_eq!(through(&[&longest]), (longest.clone(), true));
        assert_eq!(through(&[&longest, ""]), (String::new(), false));
        assert_eq!(through(&[&format!("{longest}v")]), (String::new(), false));
        // Three times as long once it is encoded.
        assert_eq!(through(&[&format!("b=1,a={}", "%".repeat(5000))]), ("b=1".to_owned(), false));
    }

    #[test]
    fn inserting_and_removing() {
        let mut baggage = Baggage::default();
        baggage.insert("a", "1").unwrap();
        baggage.insert_with_metadata("b", "x, y\r\n", "p; q=1").unwrap();
        let before = baggage.clone();
        baggage.insert("a", "2").unwrap();
        assert_eq!((before.get("a"), baggage.get("a")), (Some("1"), Some("2")));
        let entries: Vec<_> =
            baggage.iter().map(|entry| (entry.name(), entry.value(), entry.metadata())).collect();
        assert_eq!(entries, [("a", "2", ""), ("b", "x, y\r\n", "p;q=1")]);

        assert_eq!(baggage.insert("a b", "1"), Err(BaggageError::Name));
        assert_eq!(baggage.insert("", "1"), Err(BaggageError::Name));
        for smuggled in ["p,evil=1", "p\r\nx: y", "p;", "p=a,b", " "] {
            assert_eq!(
                baggage.insert_with_metadata("a", "1", smuggled),
                Err(BaggageError::Metadata),
                "{smuggled:?}"
            );
        }
        assert_eq!(baggage.insert("c", &" ".repeat(3000)), Err(BaggageError::TooLong));
        assert_eq!(baggage.insert("c", &" ".repeat(1 << 20)), Err(BaggageError::TooLong));

        assert!(baggage.remove("a") && !baggage.remove("a") && baggage.remove("b"));
        assert_eq!(baggage, Baggage::default());
        (0..64).for_each(|n| baggage.insert(&format!("k{n}"), "").unwrap());
        assert_eq!(baggage.insert("k64", ""), Err(BaggageError::TooMany));
        assert_eq!(baggage.insert("k63", "again"), Ok(()));
    }

    #[test]
    fn values_are_not_shown() {
        let mut baggage = Baggage::default();
        baggage.insert_with_metadata("session", "sekret", "sekret").unwrap();
        assert_eq!(format!("{baggage:?}"), r#"{"session"}"#);
        assert!(!format!("{:?}", baggage.iter().next()).contains("sekret"));
    }
}
