//! Reading JSON with the rules of Python's `json.loads`: NaN and infinities are numbers, the last of
//! several fields with one name counts, whole numbers have any size up to 4300 digits.

use std::collections::HashMap;

use super::Json;

/// Deeper than this, Python's reader gives up; how deep exactly depends on its caller.
const MAX_DEPTH: usize = 960;
/// Python refuses to make longer texts into whole numbers.
pub(crate) const MAX_DIGITS: usize = 4300;

/// Why a text is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("it is not JSON at byte {0}")]
    Syntax(usize),
    #[error("its JSON is too deep")]
    Depth,
    #[error("a number in it has more than {MAX_DIGITS} digits")]
    Digits,
}

/// A value, and whether half of a surrogate pair in it was replaced because text can't hold it.
pub(crate) fn read(text: &str) -> Result<(Json, bool), ReadError> {
    let mut reader = Reader { bytes: text.as_bytes(), text, at: 0, replaced: false };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    if reader.at == reader.bytes.len() { Ok((value, reader.replaced)) } else { reader.wrong() }
}

struct Reader<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    replaced: bool,
}

impl Reader<'_> {
    fn wrong<T>(&self) -> Result<T, ReadError> {
        Err(ReadError::Syntax(self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, expected: u8) -> bool {
        let there = self.peek() == Some(expected);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self, word: &str) -> bool {
        let there = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        if there {
            self.at += word.len();
        }
        there
    }

    fn value(&mut self, depth: usize) -> Result<Json, ReadError> {
        const WORDS: [(&str, Json); 6] = [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
            ("NaN", Json::Float(f64::NAN)),
            ("Infinity", Json::Float(f64::INFINITY)),
            ("-Infinity", Json::Float(f64::NEG_INFINITY)),
        ];
        match self.peek() {
            Some(b'"') => Ok(Json::Str(self.string()?)),
            Some(b'[' | b'{') if depth >= MAX_DEPTH => Err(ReadError::Depth),
            Some(b'[') => self.array(depth),
            Some(b'{') => self.object(depth),
            _ => {
                for (word, value) in WORDS {
                    if self.word(word) {
                        return Ok(value);
                    }
                }
                self.number()
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, ReadError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Ok(Json::Array(items));
            }
            if !self.take(b',') {
                return self.wrong();
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, ReadError> {
        self.at += 1;
        let mut fields = Fields::default();
        self.space();
        if self.take(b'}') {
            return Ok(Json::Object(fields.items));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.wrong();
            }
            let name = self.string()?;
            self.space();
            if !self.take(b':') {
                return self.wrong();
            }
            self.space();
            fields.put(name, self.value(depth + 1)?);
            self.space();
            if self.take(b'}') {
                return Ok(Json::Object(fields.items));
            }
            if !self.take(b',') {
                return self.wrong();
            }
        }
    }

    fn number(&mut self) -> Result<Json, ReadError> {
        let start = self.at;
        self.take(b'-');
        let whole = self.at;
        if !self.take(b'0') {
            self.digits();
        }
        if self.at == whole {
            return self.wrong();
        }
        let end_of_whole = self.at;
        let mut float = false;
        // A dot or an exponent without digits is not part of the number, and then something is left over.
        for fraction in [true, false] {
            let before = self.at;
            let marked = if fraction { self.take(b'.') } else { self.take(b'e') || self.take(b'E') };
            if marked && !fraction {
                let _ = self.take(b'+') || self.take(b'-');
            }
            if !marked || self.digits() == 0 {
                self.at = before;
            } else {
                float = true;
            }
        }
        let text = &self.text[start..self.at];
        if float {
            return text.parse().map(Json::Float).map_err(|_| ReadError::Syntax(start));
        }
        if end_of_whole - whole > MAX_DIGITS {
            return Err(ReadError::Digits);
        }
        Ok(text.parse().map_or_else(|_| Json::BigInt(text.to_owned()), Json::Int))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<String, ReadError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=31)) {
                self.at += 1;
            }
            // Both ends are beside ASCII, so between characters.
            out.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return self.wrong(),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ReadError> {
        self.at += 1;
        let Some(letter) = self.peek() else { return self.wrong() };
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return self.wrong(),
        })
    }

    fn unicode(&mut self) -> Result<char, ReadError> {
        let first = self.four_digits()?;
        if (0xd800..0xdc00).contains(&first) && self.word("\\u") {
            let back = self.at - 2;
            let second = self.four_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(code).map_or_else(|| self.wrong(), Ok);
            }
            self.at = back;
        }
        Ok(char::from_u32(first).unwrap_or_else(|| {
            self.replaced = true;
            char::REPLACEMENT_CHARACTER
        }))
    }

    fn four_digits(&mut self) -> Result<u32, ReadError> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.wrong();
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }
}

/// Fields in the order in which their names first came, with the values that came last.
#[derive(Default)]
struct Fields {
    items: Vec<(String, Json)>,
    /// Where names are, once there are too many to look through.
    places: HashMap<String, usize>,
}

impl Fields {
    const FEW: usize = 16;

    fn put(&mut self, name: String, value: Json) {
        if self.items.len() == Self::FEW {
            self.places = self.items.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        }
        let place = if self.items.len() < Self::FEW {
            self.items.iter().position(|(key, _)| *key == name)
        } else {
            self.places.get(&name).copied()
        };
        if let Some((_, old)) = place.and_then(|place| self.items.get_mut(place)) {
            *old = value;
            return;
        }
        if self.items.len() >= Self::FEW {
            self.places.insert(name.clone(), self.items.len());
        }
        self.items.push((name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<Json> {
        read(text).ok().map(|(value, _)| value)
    }

    #[test]
    fn numbers_are_pythons() {
        assert_eq!(value("-0"), Some(Json::Int(0)));
        assert_eq!(value("1E5"), Some(Json::Float(1e5)));
        assert_eq!(value("1e999"), Some(Json::Float(f64::INFINITY)));
        assert_eq!(value("-Infinity"), Some(Json::Float(f64::NEG_INFINITY)));
        assert_eq!(value("18446744073709551616"), Some(Json::BigInt("18446744073709551616".to_owned())));
        assert_eq!(read(&"1".repeat(5000)), Err(ReadError::Digits));
        for wrong in ["01", "1.", ".5", "+1", "-", "1_0", "nan", "-NaN", "1 2", "", "tru", "1e"] {
            assert_eq!(value(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn text_is_pythons() {
        assert_eq!(value(r#""\ud83d\ude00\/\u00e9""#), Some(Json::from("😀/é")));
        assert_eq!(read(r#""\ud83dx""#), Ok((Json::from("\u{fffd}x"), true)));
        assert_eq!(read(r#""\ud83d\ud83d\ude00""#), Ok((Json::from("\u{fffd}😀"), true)));
        for wrong in [r#""\x""#, r#""\u00""#, "\"\t\"", r#"""#, r#""\u+123""#, r#""é"#] {
            assert_eq!(value(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_last_field_of_a_name_counts_at_the_place_of_the_first() {
        let text: String = (0..40).map(|i| format!("\"k{}\":{i},", i % 20)).collect();
        let Some(Json::Object(fields)) = value(&format!("{{{}}}", text.trim_end_matches(','))) else {
            panic!("an object")
        };
        let expected: Vec<_> = (0..20).map(|i| (format!("k{i}"), Json::Int(i + 20))).collect();
        assert_eq!(fields, expected);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(value(&nested(900)).is_some());
        assert_eq!(read(&nested(100_000)), Err(ReadError::Depth));
        for wrong in ["[1,]", "{\"a\":1,}", "{a:1}", "[1 2]", "[", "{\"a\"}"] {
            assert_eq!(value(wrong), None, "{wrong}");
        }
    }
}
