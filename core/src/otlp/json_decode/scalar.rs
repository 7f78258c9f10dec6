//! JSON scalars as protobuf's JSON mapping reads them: numbers as text, enums by name, bytes in base64.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::base64;
use crate::ids::decode_hex;

/// An object's key, not copied unless it has escapes.
pub(super) struct Key<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Anything that is neither an object nor an array. `null` stands for the default of whatever is asked for.
pub(super) enum Scalar<'de> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(Cow<'de, str>),
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a boolean")
            }

            fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Unsigned(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Negative(value))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Float(value))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// 2^53: beyond it a float no longer says which integer was meant.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Scalar<'_> {
    pub(super) fn text<E: de::Error>(self, key: &str) -> Result<String, E> {
        match self {
            Scalar::Null => Ok(String::new()),
            Scalar::Text(text) => Ok(text.into_owned()),
            _ => Err(wrong(key, "a string")),
        }
    }

    pub(super) fn bool<E: de::Error>(self, key: &str) -> Result<bool, E> {
        match self {
            Scalar::Null => Ok(false),
            Scalar::Bool(value) => Ok(value),
            _ => Err(wrong(key, "true or false")),
        }
    }

    pub(super) fn i64<E: de::Error>(self, key: &str) -> Result<i64, E> {
        let value = match self {
            Scalar::Null => Some(0),
            Scalar::Negative(value) => Some(value),
            Scalar::Unsigned(value) => i64::try_from(value).ok(),
            Scalar::Float(value) => (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64),
            Scalar::Text(text) => text.parse().ok(),
            Scalar::Bool(_) => None,
        };
        value.ok_or_else(|| wrong(key, "a signed 64-bit integer, as a string or a number"))
    }

    pub(super) fn u64<E: de::Error>(self, key: &str) -> Result<u64, E> {
        let value = match self {
            Scalar::Null => Some(0),
            Scalar::Unsigned(value) => Some(value),
            Scalar::Float(value) => {
                (value.fract() == 0.0 && (0.0..=EXACT).contains(&value)).then_some(value as u64)
            }
            Scalar::Text(text) => text.parse().ok(),
            Scalar::Negative(_) | Scalar::Bool(_) => None,
        };
        value.ok_or_else(|| wrong(key, "an unsigned 64-bit integer, as a string or a number"))
    }

    pub(super) fn u32<E: de::Error>(self, key: &str) -> Result<u32, E> {
        self.u64(key)?.try_into().map_err(|_| wrong(key, "an unsigned 32-bit integer"))
    }

    pub(super) fn f64<E: de::Error>(self, key: &str) -> Result<f64, E> {
        let value = match self {
            Scalar::Null => Some(0.0),
            Scalar::Unsigned(value) => Some(value as f64),
            Scalar::Negative(value) => Some(value as f64),
            Scalar::Float(value) => Some(value),
            Scalar::Text(text) => match text.as_ref() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                // Rust also knows words such as "inf", which protobuf does not.
                text => text.parse().ok().filter(|value: &f64| value.is_finite()),
            },
            Scalar::Bool(_) => None,
        };
        value.ok_or_else(|| wrong(key, "a number, \"NaN\", \"Infinity\" or \"-Infinity\""))
    }

    /// An enum: its number, or the number of its name among `names`. Numbers that have no name yet are kept.
    pub(super) fn number_of<E: de::Error>(self, key: &str, names: &[&str]) -> Result<u64, E> {
        match self {
            Scalar::Text(text) => names
                .iter()
                .position(|name| *name == text)
                .map(|number| number as u64)
                .ok_or_else(|| wrong(key, &format!("a number or one of {}", names.join(", ")))),
            number => number.u64(key),
        }
    }

    /// An identifier of `N` bytes in hexadecimal; absent and empty are all zeros.
    pub(super) fn id<const N: usize, E: de::Error>(self, key: &str) -> Result<[u8; N], E> {
        let mut id = [0; N];
        match self {
            Scalar::Null => Ok(id),
            Scalar::Text(text) if text.is_empty() => Ok(id),
            Scalar::Text(text) if text.len() == 2 * N && decode_hex(text.as_bytes(), &mut id) => Ok(id),
            _ => Err(wrong(key, &format!("{} hexadecimal digits (OTLP does not use base64 here)", 2 * N))),
        }
    }

    pub(super) fn bytes<E: de::Error>(self, key: &str) -> Result<Vec<u8>, E> {
        let bytes = match self {
            Scalar::Null => Some(Vec::new()),
            Scalar::Text(text) => base64::decode(&text),
            _ => None,
        };
        bytes.ok_or_else(|| wrong(key, "base64"))
    }
}

fn wrong<E: de::Error>(key: &str, expected: &str) -> E {
    E::custom(format_args!("`{key}` must be {expected}"))
}
