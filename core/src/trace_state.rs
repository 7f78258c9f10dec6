//! `tracestate`: the vendors' entries of a trace, by the grammar of W3C Trace Context level 2.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::text::trim_ows;

const MOST_MEMBERS: usize = 32;
const LONGEST: usize = 256;

/// Vendors' entries of a trace, passed on unread. A clone is a reference count.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TraceState(
    /// The header's value with optional spaces, empty members and repeated keys taken out.
    Option<Arc<str>>,
);

/// Text that is not a `tracestate`. It holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceStateError {
    /// A key outside the grammar.
    #[error("a tracestate key is 1 to 256 of a-z, 0-9, _, -, *, / and @, and starts with a letter or digit")]
    Key,
    /// A value outside the grammar.
    #[error(
        "a tracestate value is 1 to 256 printable ASCII characters other than , and =, and ends in no space"
    )]
    Value,
    /// A member without `=`.
    #[error("a tracestate member is key=value")]
    Member,
    /// More members than the 32 allowed.
    #[error("a tracestate has at most 32 members")]
    TooMany,
}

impl TraceState {
    /// From the lines of one message, in their order. One bad member spoils the whole; of a
    /// repeated key the first, which is the most recent, counts.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, TraceStateError> {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        let mut count = 0;
        for member in lines.into_iter().flat_map(|line| line.split(',')).map(trim_ows) {
            if member.is_empty() {
                continue;
            }
            count += 1;
            if count > MOST_MEMBERS {
                return Err(TraceStateError::TooMany);
            }
            let (key, value) = member.split_once('=').ok_or(TraceStateError::Member)?;
            check(key, value)?;
            if seen.iter().all(|(other, _)| *other != key) {
                seen.push((key, value));
            }
        }
        Ok(Self::join(seen.into_iter()))
    }

    /// From one line whose sender can't be told of a fault; a malformed one is as good as none.
    pub fn from_header(line: &str) -> Self {
        Self::parse([line]).unwrap_or_default()
    }

    /// The header's value.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// True without members.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The members, the most recent first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.as_str().split(',').filter_map(|member| member.split_once('='))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Puts `key` in front, replacing what it had; a 33rd member falls off the end.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), TraceStateError> {
        check(key, value)?;
        let others = self.iter().filter(|(name, _)| *name != key).take(MOST_MEMBERS - 1);
        *self = Self::join(std::iter::once((key, value)).chain(others));
        Ok(())
    }

    fn join<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = String::new();
        for (key, value) in members {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(key);
            text.push('=');
            text.push_str(value);
        }
        Self((!text.is_empty()).then(|| text.into()))
    }
}

fn check(key: &str, value: &str) -> Result<(), TraceStateError> {
    let starts = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let in_key = |byte: &u8| starts(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    let key = key.as_bytes();
    if key.len() > LONGEST || !key.first().is_some_and(starts) || !key.iter().all(in_key) {
        return Err(TraceStateError::Key);
    }
    let value = value.as_bytes();
    let in_value = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b',' | b'=');
    if value.len() > LONGEST || !value.iter().all(in_value) || value.last().is_none_or(|last| *last == b' ') {
        return Err(TraceStateError::Value);
    }
    Ok(())
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TraceState {
    type Err = TraceStateError;

    fn from_str(line: &str) -> Result<Self, TraceStateError> {
        Self::parse([line])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_tidied() {
        let state = TraceState::parse(["a=1 ,\t b= 2", "", ",,c@v=3,a=4"]).unwrap();
        assert_eq!(state.to_string(), "a=1,b= 2,c@v=3");
        assert_eq!((state.get("b"), state.get("a"), state.get("d")), (Some(" 2"), Some("1"), None));
        assert_eq!(TraceState::parse(["", " , "]), Ok(TraceState::default()));
    }

    #[test]
    fn one_bad_member_spoils_the_whole() {
        let long = |length| "v".repeat(length);
        for (text, error) in [
            ("a".to_owned(), TraceStateError::Member),
            ("=1".to_owned(), TraceStateError::Key),
            ("A=1".to_owned(), TraceStateError::Key),
            ("_a=1".to_owned(), TraceStateError::Key),
            ("a =1".to_owned(), TraceStateError::Key),
            (format!("{}=1", long(257)), TraceStateError::Key),
            ("a=".to_owned(), TraceStateError::Value),
            ("a=1=2".to_owned(), TraceStateError::Value),
            ("a=1\u{7f}".to_owned(), TraceStateError::Value),
            ("a=ü".to_owned(), TraceStateError::Value),
            (format!("a={}", long(257)), TraceStateError::Value),
        ] {
            let text = format!("ok=1,{text}");
            assert_eq!(text.parse::<TraceState>(), Err(error), "{text}");
            assert!(TraceState::from_header(&text).is_empty());
        }
        assert!(format!("{}={}", long(256), long(256)).parse::<TraceState>().is_ok());
    }

    #[test]
    fn inserting_moves_to_the_front_and_evicts_the_last() {
        let members: Vec<String> = (0..32).map(|n| format!("k{n}={n}")).collect();
        let mut state: TraceState = members.join(",").parse().unwrap();
        assert_eq!(format!("{state},k32=32").parse::<TraceState>(), Err(TraceStateError::TooMany));
        state.insert("k5", "new").unwrap();
        assert_eq!((state.iter().next(), state.iter().count()), (Some(("k5", "new")), 32));
        state.insert("mine", "x").unwrap();
        assert_eq!((state.iter().next(), state.iter().count()), (Some(("mine", "x")), 32));
        assert_eq!((state.get("k31"), state.get("k30")), (None, Some("30")));
        let before = state.clone();
        assert_eq!(state.insert("mine", "a,b=c"), Err(TraceStateError::Value));
        assert_eq!(state, before);
    }
}
