//! Attribute values: every type OTLP knows, borrowed where the caller has it already.

use std::borrow::Cow;

/// An attribute's value. Borrowed text is not copied before it is encoded.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub enum AttrValue<'a> {
    /// Present, without a value.
    #[default]
    Empty,
    /// UTF-8 text.
    Str(Cow<'a, str>),
    /// A truth value.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit float; NaN and the infinities are legal.
    Double(f64),
    /// Opaque bytes.
    Bytes(Cow<'a, [u8]>),
    /// Values in order; they need not be of one type.
    Array(Vec<AttrValue<'a>>),
    /// Named values in order.
    Map(Vec<(Cow<'a, str>, AttrValue<'a>)>),
}

/// A value that owns what it holds, as decoded spans have it.
pub type Value = AttrValue<'static>;

impl AttrValue<'_> {
    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Value {
        match self {
            AttrValue::Empty => Value::Empty,
            AttrValue::Str(text) => Value::Str(Cow::Owned(text.into_owned())),
            AttrValue::Bool(value) => Value::Bool(value),
            AttrValue::Int(value) => Value::Int(value),
            AttrValue::Double(value) => Value::Double(value),
            AttrValue::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            AttrValue::Array(items) => Value::Array(items.into_iter().map(AttrValue::into_owned).collect()),
            AttrValue::Map(items) => Value::Map(
                items.into_iter().map(|(k, v)| (Cow::Owned(k.into_owned()), v.into_owned())).collect(),
            ),
        }
    }

    /// The text, when it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            AttrValue::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, when it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            AttrValue::Int(value) => Some(*value),
            _ => None,
        }
    }
}

impl<'a> From<&'a str> for AttrValue<'a> {
    fn from(value: &'a str) -> Self {
        AttrValue::Str(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a String> for AttrValue<'a> {
    fn from(value: &'a String) -> Self {
        AttrValue::Str(Cow::Borrowed(value))
    }
}

impl From<String> for AttrValue<'_> {
    fn from(value: String) -> Self {
        AttrValue::Str(Cow::Owned(value))
    }
}

impl<'a> From<Cow<'a, str>> for AttrValue<'a> {
    fn from(value: Cow<'a, str>) -> Self {
        AttrValue::Str(value)
    }
}

impl<'a> From<&'a [u8]> for AttrValue<'a> {
    fn from(value: &'a [u8]) -> Self {
        AttrValue::Bytes(Cow::Borrowed(value))
    }
}

impl From<Vec<u8>> for AttrValue<'_> {
    fn from(value: Vec<u8>) -> Self {
        AttrValue::Bytes(Cow::Owned(value))
    }
}

impl From<bool> for AttrValue<'_> {
    fn from(value: bool) -> Self {
        AttrValue::Bool(value)
    }
}

impl From<f64> for AttrValue<'_> {
    fn from(value: f64) -> Self {
        AttrValue::Double(value)
    }
}

impl From<f32> for AttrValue<'_> {
    fn from(value: f32) -> Self {
        AttrValue::Double(value.into())
    }
}

macro_rules! from_small_int {
    ($($int:ty),*) => {$(
        impl From<$int> for AttrValue<'_> {
            fn from(value: $int) -> Self {
                AttrValue::Int(i64::from(value))
            }
        }
    )*};
}
from_small_int!(i8, i16, i32, i64, u8, u16, u32);

/// OTLP has no unsigned 64-bit integer: what does not fit becomes its decimal text, unchanged in value.
impl From<u64> for AttrValue<'_> {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or_else(|_| AttrValue::Str(Cow::Owned(value.to_string())), AttrValue::Int)
    }
}

impl From<usize> for AttrValue<'_> {
    fn from(value: usize) -> Self {
        AttrValue::from(value as u64)
    }
}

impl<'a, T: Into<AttrValue<'a>>> From<Option<T>> for AttrValue<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(AttrValue::Empty, Into::into)
    }
}

impl<'a> From<Vec<AttrValue<'a>>> for AttrValue<'a> {
    fn from(value: Vec<AttrValue<'a>>) -> Self {
        AttrValue::Array(value)
    }
}

macro_rules! from_slice {
    ($($item:ty),*) => {$(
        impl<'a> From<&'a [$item]> for AttrValue<'a> {
            fn from(value: &'a [$item]) -> Self {
                AttrValue::Array(value.iter().map(|item| AttrValue::from(item.clone())).collect())
            }
        }
    )*};
}
from_slice!(&'a str, i64, f64, bool);

impl<'a> From<&'a [String]> for AttrValue<'a> {
    fn from(value: &'a [String]) -> Self {
        AttrValue::Array(value.iter().map(AttrValue::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_numbers_keep_their_value() {
        assert_eq!(AttrValue::from(7u64), AttrValue::Int(7));
        assert_eq!(AttrValue::from(u64::MAX), AttrValue::from("18446744073709551615"));
    }
}
