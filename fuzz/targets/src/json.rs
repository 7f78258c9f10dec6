//! JSON for comparing: values as backends without types show them, and a reader that takes no key twice.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};
use tracer_factory_core::json::base64;
use tracer_factory_core::value::Value;

/// An attribute's value as plain JSON: bytes in base64, numbers that JSON lacks as words.
pub(crate) fn plain(value: &Value) -> Json {
    match value {
        Value::Str(text) => Json::from(&**text),
        Value::Bool(value) => Json::from(*value),
        Value::Int(value) => Json::from(*value),
        Value::Double(value) if value.is_finite() => Json::from(*value),
        Value::Double(value) => Json::from(word(*value)),
        Value::Bytes(bytes) => Json::from(base64(bytes)),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Map(items) => items.iter().map(|(key, value)| (key.to_string(), plain(value))).collect(),
        _ => Json::Null,
    }
}

pub(crate) fn word(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// JSON in which no object has a key twice.
pub(crate) struct Strict(pub(crate) Json);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tree;
        impl<'de> Visitor<'de> for Tree {
            type Value = Strict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Strict, E> {
                Ok(Strict(Json::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
                let mut list = Vec::new();
                while let Some(Strict(item)) = items.next_element()? {
                    list.push(item);
                }
                Ok(Strict(list.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
                let mut map = Map::new();
                while let Some((key, Strict(value))) = members.next_entry::<String, _>()? {
                    if map.insert(key.clone(), value).is_some() {
                        return Err(de::Error::custom(format!("{key:?} is there twice")));
                    }
                }
                Ok(Strict(map.into()))
            }
        }
        deserializer.deserialize_any(Tree)
    }
}
