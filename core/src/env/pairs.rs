//! `key=value` pairs by comma with percent-encoding, as resource attributes and headers come in variables.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::var::Kind;

/// Why a list of pairs can't be read. Holds nothing of the text, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PairsError {
    #[error("at most {} bytes of key=value pairs", Kind::LONGEST_PAIRS)]
    TooLong,
    #[error("key=value pairs by comma: entry {0} has no =")]
    NoValue(usize),
    #[error("key=value pairs by comma: entry {0} has no key")]
    NoKey(usize),
    #[error(
        "key=value pairs by comma, percent-encoded: entry {0} has a % that is not followed by two hex digits"
    )]
    Percent(usize),
    #[error("key=value pairs by comma, percent-encoded: entry {0} does not decode to UTF-8")]
    Utf8(usize),
}

/// The pairs in order; of a repeated key the last is kept. Entries are counted from 1.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, PairsError> {
    if text.len() > Kind::LONGEST_PAIRS {
        return Err(PairsError::TooLong);
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    // Where each key is: a list of the longest length would otherwise be searched again and again.
    let mut positions: HashMap<String, usize> = HashMap::new();
    for (entry, number) in text.split(',').zip(1..) {
        if entry.trim().is_empty() {
            continue;
        }
        let (key, value) = entry.split_once('=').ok_or(PairsError::NoValue(number))?;
        let key = decode(key.trim(), number)?;
        if key.is_empty() {
            return Err(PairsError::NoKey(number));
        }
        let value = decode(value.trim(), number)?;
        match positions.entry(key.clone()) {
            Entry::Occupied(at) => pairs[*at.get()].1 = value,
            Entry::Vacant(free) => {
                free.insert(pairs.len());
                pairs.push((key, value));
            }
        }
    }
    Ok(pairs)
}

fn decode(text: &str, number: usize) -> Result<String, PairsError> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let hex = |at: Option<&u8>| at.and_then(|b| char::from(*b).to_digit(16)).map(|digit| digit as u8);
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%' {
            let digits = hex(bytes.get(at + 1)).zip(hex(bytes.get(at + 2)));
            let (high, low) = digits.ok_or(PairsError::Percent(number))?;
            decoded.push(high << 4 | low);
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(decoded).map_err(|_| PairsError::Utf8(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, PairsError> {
        Ok(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn pairs_are_trimmed_decoded_and_unique() {
        assert_eq!(pairs("a=1, b = two words ,"), owned(&[("a", "1"), ("b", "two words")]));
        assert_eq!(pairs("authorization=Basic%20YQ=="), owned(&[("authorization", "Basic YQ==")]));
        assert_eq!(pairs("k%2C=%E2%82%AC%3d"), owned(&[("k,", "€=")]));
        assert_eq!(pairs("a=1,b=2,a=3"), owned(&[("a", "3"), ("b", "2")]));
        assert_eq!(pairs("a="), owned(&[("a", "")]));
        assert_eq!(pairs(" , "), owned(&[]));
    }

    #[test]
    fn what_is_no_pair_is_refused_by_its_number() {
        assert_eq!(pairs("a=1,b"), Err(PairsError::NoValue(2)));
        assert_eq!(pairs("=1"), Err(PairsError::NoKey(1)));
        assert_eq!(pairs("a=100%"), Err(PairsError::Percent(1)));
        assert_eq!(pairs("a=%+1"), Err(PairsError::Percent(1)));
        assert_eq!(pairs("a=%zz"), Err(PairsError::Percent(1)));
        assert_eq!(pairs("a=%ff"), Err(PairsError::Utf8(1)));
        assert_eq!(pairs(&"a=1,".repeat(20_000)), Err(PairsError::TooLong));
    }
}
