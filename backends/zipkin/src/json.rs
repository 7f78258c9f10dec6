//! JSON written straight into bytes: objects, escaped text, and attribute values.

use std::io::Write;

use tracer_factory_core::json::{base64, double_text};
use tracer_factory_core::value::AttrValue;

/// An object being written; the brace is closed by [`Object::end`].
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Writes a key of ours, which needs no escapes, and hands out the buffer for its value.
    pub(crate) fn key(&mut self, key: &'static str) -> &mut Vec<u8> {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes anybody's key and hands out the buffer for its value.
    pub(crate) fn any_key(&mut self, key: &str) -> &mut Vec<u8> {
        self.separate();
        write_text(self.out, key);
        self.out.push(b':');
        self.out
    }

    pub(crate) fn text(&mut self, key: &'static str, value: &str) {
        write_text(self.key(key), value);
    }

    pub(crate) fn number(&mut self, key: &'static str, value: u64) {
        write_number(self.key(key), value);
    }

    /// An identifier in hexadecimal.
    pub(crate) fn id(&mut self, key: &'static str, id: &[u8]) {
        write_id(self.key(key), id);
    }

    /// Members that were written before, without braces; nothing when there are none.
    pub(crate) fn members(&mut self, members: &[u8]) {
        if !members.is_empty() {
            self.separate();
            self.out.extend_from_slice(members);
        }
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    fn separate(&mut self) {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
    }
}

/// Text in quotes, escaped.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    // All bytes are looked at, whatever the first ones are: that is many at once.
    let escapes =
        text.bytes().fold(false, |any, byte| any | (byte < b' ') | (byte == b'"') | (byte == b'\\'));
    if escapes {
        // A vector takes every write, and text always has a JSON form.
        let _ = serde_json::to_writer(out, text);
        return;
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Hexadecimal in quotes.
fn write_id(out: &mut Vec<u8>, id: &[u8]) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |value: u8| DIGITS[usize::from(value & 15)];
    out.push(b'"');
    out.extend(id.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]));
    out.push(b'"');
}

/// A number that is never negative.
pub(crate) fn write_number(out: &mut Vec<u8>, value: u64) {
    let _ = serde_json::to_writer(out, &value);
}

/// An integer.
pub(crate) fn write_integer(out: &mut Vec<u8>, value: i64) {
    let _ = serde_json::to_writer(out, &value);
}

/// Something whose text needs no quotes, such as an address.
pub(crate) fn write_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    let _ = write!(out, "{value}");
}

/// JSON that becomes the text of a JSON string: some fields of Zipkin take only text.
pub(crate) fn write_nested(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut nested = Vec::new();
    write(&mut nested);
    write_text(out, &String::from_utf8_lossy(&nested));
}

/// An attribute's value as plain JSON: bytes in base64, NaN and the infinities as text.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &AttrValue<'_>) {
    match value {
        AttrValue::Str(text) => write_text(out, text),
        AttrValue::Bool(value) => write_display(out, value),
        AttrValue::Int(value) => write_integer(out, *value),
        // Through serde_json, so that 1e300 takes five bytes and not three hundred.
        AttrValue::Double(value) if value.is_finite() => {
            let _ = serde_json::to_writer(out, value);
        }
        AttrValue::Double(value) => write_text(out, double_text(*value)),
        AttrValue::Bytes(bytes) => write_text(out, &base64(bytes)),
        AttrValue::Array(items) => write_array(out, items, write_value),
        AttrValue::Map(items) => {
            write_attributes(out, items.iter().map(|(key, value)| (key.as_ref(), value)))
        }
        _ => out.extend_from_slice(b"null"),
    }
}

/// Named values as one object.
pub(crate) fn write_attributes<'v>(
    out: &mut Vec<u8>,
    attributes: impl IntoIterator<Item = (&'v str, &'v AttrValue<'v>)>,
) {
    let mut object = Object::begin(out);
    for (key, value) in attributes {
        write_value(object.any_key(key), value);
    }
    object.end();
}

/// Items in brackets.
pub(crate) fn write_array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_becomes_legal_json() {
        let value = AttrValue::Map(vec![
            ("text\"\n\0".into(), "😀\u{7f}\\".into()),
            ("empty".into(), AttrValue::Empty),
            (
                "list".into(),
                AttrValue::Array(vec![1.into(), 1.5.into(), true.into(), f64::NAN.into(), (-1e300).into()]),
            ),
            ("bytes".into(), AttrValue::from(&b"\x00\xff"[..])),
        ]);
        let mut out = Vec::new();
        write_value(&mut out, &value);
        let parsed: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            parsed,
            serde_json::json!({
                "text\"\n\0": "😀\u{7f}\\", "empty": null, "list": [1, 1.5, true, "NaN", -1e300], "bytes": "AP8=",
            })
        );
        assert!(out.len() < 150, "{}", out.len());
    }

    #[test]
    fn nested_json_is_text() {
        let mut out = Vec::new();
        write_nested(&mut out, |out| write_text(out, "a\"b"));
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), r#""a\"b""#);
    }
}
