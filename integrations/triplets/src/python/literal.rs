//! Python's literals, as far as `ast.literal_eval` reads them: the LLM proxy writes lists of token identifiers as text.

use super::digits::without_underscores;
use crate::json::{Json, MAX_DIGITS};

/// Python's parser refuses more brackets within each other.
const MAX_DEPTH: usize = 200;

/// Lists, dictionaries, text and numbers as JSON has them, what JSON has no word for (tuples, sets, bytes,
/// `None`) as null, and names of dictionaries that are not text left out. None when it is no literal.
pub(crate) fn literal(text: &str) -> Option<Json> {
    // Python passes over blanks and tabs in front, but a first line that is indented otherwise is an error.
    let mut reader = Reader { text: text.trim_start_matches([' ', '\t']), depth: 0 };
    reader.space();
    let value = reader.signed()?;
    reader.space();
    reader.text.is_empty().then_some(value.json)
}

/// A value, and whether it can be in a set or name something in a dictionary.
struct Literal {
    json: Json,
    hashable: bool,
}

impl Literal {
    fn hashable(json: Json) -> Option<Self> {
        Some(Self { json, hashable: true })
    }
}

struct Reader<'a> {
    text: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, expected: &str) -> bool {
        match self.text.strip_prefix(expected) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    fn take_while(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        let end = self.text.find(|c| !of(c)).unwrap_or(self.text.len());
        let (taken, rest) = self.text.split_at(end);
        self.text = rest;
        taken
    }

    /// Blanks; inside brackets and at the very end line ends and comments too.
    fn space(&mut self) {
        loop {
            let blanks = self.take_while(|c| matches!(c, ' ' | '\t' | '\u{c}' | '\n' | '\r'));
            if self.text.starts_with('#') {
                self.take_while(|c| c != '\n');
            } else if blanks.is_empty() || !self.text.starts_with('#') {
                return;
            }
        }
    }

    fn signed(&mut self) -> Option<Literal> {
        let mut signs = 0;
        let mut negative = false;
        while let Some(sign) = self.text.chars().next().filter(|c| matches!(c, '+' | '-')) {
            self.text = &self.text[1..];
            negative ^= sign == '-';
            signs += 1;
            self.space();
        }
        let value = self.value()?;
        // A sign in front of a sign is an expression, and no literal.
        match (signs, value.json) {
            (0, json) => Some(Literal { json, ..value }),
            (1, Json::Int(number)) => Literal::hashable(if negative {
                number.checked_neg().map_or(Json::Null, Json::Int)
            } else {
                Json::Int(number)
            }),
            (1, Json::Float(number)) => {
                Literal::hashable(Json::Float(if negative { -number } else { number }))
            }
            (1, Json::BigInt(digits)) => {
                let digits = if negative { format!("-{digits}") } else { digits };
                Literal::hashable(digits.parse().map_or_else(|_| Json::BigInt(digits), Json::Int))
            }
            _ => None,
        }
    }

    fn value(&mut self) -> Option<Literal> {
        match self.text.chars().next()? {
            '[' => self.nested(|reader| {
                let (items, _, _) = reader.items(']')?;
                Some(Literal { json: Json::Array(items), hashable: false })
            }),
            '(' => self.nested(|reader| {
                let (mut items, hashable, comma) = reader.items(')')?;
                // One value in brackets without a comma is just that value.
                if items.len() == 1 && !comma {
                    return items.pop().map(|json| Literal { json, hashable });
                }
                Some(Literal { json: Json::Null, hashable })
            }),
            '{' => self.nested(Self::braces),
            '0'..='9' | '.' => self.number(),
            _ => self.word_or_text(),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Option<Literal>) -> Option<Literal> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.text = &self.text[1..];
        self.space();
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Up to the closing bracket: the items, whether all are hashable, and whether a comma came last.
    fn items(&mut self, close: char) -> Option<(Vec<Json>, bool, bool)> {
        let (mut items, mut hashable, mut comma) = (Vec::new(), true, false);
        let mut end = [0; 4];
        let end = close.encode_utf8(&mut end);
        while !self.take(end) {
            if !items.is_empty() && !comma {
                return None;
            }
            let item = self.signed()?;
            hashable &= item.hashable;
            items.push(item.json);
            self.space();
            comma = self.take(",");
            self.space();
        }
        Some((items, hashable, comma))
    }

    fn braces(&mut self) -> Option<Literal> {
        let mut fields: Vec<(String, Json)> = Vec::new();
        let (mut is_set, mut first, mut comma) = (false, true, true);
        while !self.take("}") {
            if !comma {
                return None;
            }
            let key = self.signed()?;
            if !key.hashable {
                return None;
            }
            self.space();
            let colon = self.take(":");
            if !first && colon == is_set {
                return None;
            }
            (is_set, first) = (!colon, false);
            if colon {
                self.space();
                let value = self.signed()?.json;
                if let Json::Str(name) = key.json {
                    match fields.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, old)) => *old = value,
                        None => fields.push((name, value)),
                    }
                }
                self.space();
            }
            comma = self.take(",");
            self.space();
        }
        let json = if is_set { Json::Null } else { Json::Object(fields) };
        Some(Literal { json, hashable: false })
    }

    fn number(&mut self) -> Option<Literal> {
        let radixes = [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)];
        for (prefix, radix) in radixes {
            if self.take(prefix) {
                let text = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                let digits = without_underscores(text.strip_prefix('_').unwrap_or(text))?;
                // More than 128 bits are no token's identifier; they are whole numbers all the same.
                let number = u128::from_str_radix(&digits, radix).ok()?;
                return Literal::hashable(
                    i64::try_from(number).map_or_else(|_| Json::BigInt(number.to_string()), Json::Int),
                );
            }
        }
        let mut text = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).to_owned();
        if text.ends_with(['e', 'E']) && self.text.starts_with(['+', '-']) {
            text.push_str(&self.text[..1]);
            self.text = &self.text[1..];
            text.push_str(self.take_while(|c| c.is_ascii_digit() || c == '_'));
        }
        let plain = without_underscores(&text)?;
        if plain.ends_with(['j', 'J']) {
            // An imaginary number.
            return plain[..plain.len() - 1].parse::<f64>().ok().and_then(|_| Literal::hashable(Json::Null));
        }
        if plain.bytes().all(|digit| digit.is_ascii_digit()) {
            let leading_zero = plain.starts_with('0') && plain.bytes().any(|digit| digit != b'0');
            if leading_zero || plain.len() > MAX_DIGITS {
                return None;
            }
            return Literal::hashable(plain.parse().map_or_else(|_| Json::BigInt(plain), Json::Int));
        }
        let float =
            plain.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'e' | b'E' | b'+' | b'-'));
        float.then(|| plain.parse().ok()).flatten().and_then(|number| Literal::hashable(Json::Float(number)))
    }

    fn word_or_text(&mut self) -> Option<Literal> {
        let rest = self.text;
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if !self.text.starts_with(['\'', '"']) {
            return match word {
                "None" => Literal::hashable(Json::Null),
                "True" => Literal::hashable(Json::Bool(true)),
                "False" => Literal::hashable(Json::Bool(false)),
                "" if rest.starts_with("...") => {
                    self.text = &rest[3..];
                    Literal::hashable(Json::Null)
                }
                _ => None,
            };
        }
        let prefix = word.to_ascii_lowercase();
        let (raw, bytes) = match prefix.as_str() {
            "" | "u" => (false, false),
            "r" => (true, false),
            "b" => (false, true),
            "br" | "rb" => (true, true),
            _ => return None,
        };
        let mut text = self.string(raw, bytes)?;
        // Texts beside each other are one.
        loop {
            self.space();
            let before = self.text;
            let word = self.take_while(|c| c.is_ascii_alphabetic());
            let raw = word.eq_ignore_ascii_case("r");
            let joins =
                self.text.starts_with(['\'', '"']) && !bytes && (raw || matches!(word, "" | "u" | "U"));
            if !joins {
                self.text = before;
                break;
            }
            text.push_str(&self.string(raw, false)?);
        }
        Literal::hashable(if bytes { Json::Null } else { Json::Str(text) })
    }

    fn string(&mut self, raw: bool, bytes: bool) -> Option<String> {
        let quote = self.text.get(..1)?;
        let triple = self.text.get(..3).filter(|three| three.chars().all(|c| quote.starts_with(c)));
        let close = triple.unwrap_or(quote);
        self.text = &self.text[close.len()..];
        let mut out = String::new();
        while !self.take(close) {
            let c = self.text.chars().next()?;
            self.text = &self.text[c.len_utf8()..];
            match c {
                '\n' if triple.is_none() => return None,
                _ if bytes && !c.is_ascii() => return None,
                '\\' if raw => {
                    let next = self.text.chars().next()?;
                    self.text = &self.text[next.len_utf8()..];
                    out.extend(['\\', next]);
                }
                '\\' => self.escape(&mut out)?,
                _ => out.push(c),
            }
        }
        Some(out)
    }

    fn escape(&mut self, out: &mut String) -> Option<()> {
        let c = self.text.chars().next()?;
        self.text = &self.text[c.len_utf8()..];
        let code = match c {
            '\n' => return Some(()),
            '\\' | '\'' | '"' => u32::from(c),
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            '0'..='7' => {
                let more =
                    self.text.bytes().take(2).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
                let (digits, rest) = self.text.split_at(more);
                self.text = rest;
                u32::from_str_radix(&format!("{c}{digits}"), 8).ok()?
            }
            // Named characters (`\N{...}`) would need Unicode's names.
            'N' => return None,
            _ => {
                out.extend(['\\', c]);
                return Some(());
            }
        };
        if code > 0x10_ffff {
            return None;
        }
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        Some(())
    }

    fn code(&mut self, digits: usize) -> Option<u32> {
        let hex = self.text.get(..digits).filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        self.text = &self.text[digits..];
        u32::from_str_radix(hex, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(numbers: &[i64]) -> Json {
        Json::Array(numbers.iter().map(|number| Json::Int(*number)).collect())
    }

    #[test]
    fn reads_what_the_proxy_writes() {
        assert_eq!(literal("[1, 2, -3]"), Some(ints(&[1, 2, -3])));
        assert_eq!(literal("[[1, 2], [3]]"), Some(Json::Array(vec![ints(&[1, 2]), ints(&[3])])));
        let choices = literal("[{'index': 0, 'token_ids': [5, 6], \"text\": 'it\\'s', 'x': None, 1: 2}]");
        let choices = choices.as_ref().and_then(Json::as_array).and_then(<[Json]>::first);
        assert_eq!(choices.and_then(|choice| choice.get("token_ids")), Some(&ints(&[5, 6])));
        assert_eq!(choices.and_then(|choice| choice.get("text")), Some(&Json::from("it's")));
    }

    #[test]
    fn is_python_not_json() {
        assert_eq!(
            literal(" [ 0x10 , 1_000,\n 007e0, ] # done\n"),
            Some(Json::Array(vec![Json::Int(16), Json::Int(1000), Json::Float(7.0)]))
        );
        assert_eq!(literal("(1)"), Some(Json::Int(1)));
        assert_eq!(literal("(1,)"), Some(Json::Null));
        assert_eq!(literal("'a' \"b\" r'\\n'"), Some(Json::from("ab\\n")));
        assert_eq!(literal("True"), Some(Json::Bool(true)));
        for wrong in [
            "",
            "[1,,2]",
            "[",
            "true",
            "[1 2]",
            "01",
            "{[1]: 2}",
            "{1, 2: 3}",
            "1 + 2",
            "--1",
            "f'x'",
            "x",
            "[1]]",
            "'a\n'",
        ] {
            assert_eq!(literal(wrong), None, "{wrong}");
        }
        assert_eq!(literal(&("[".repeat(100_000))), None);
    }
}
