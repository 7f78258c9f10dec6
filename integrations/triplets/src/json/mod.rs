//! JSON as Python has it: fields in order, whole numbers of any size apart from floats.

mod read;

use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;
use tracer_factory_core::value::Value;

pub(crate) use self::read::{MAX_DIGITS, ReadError, read};

/// A JSON value whose objects keep their order.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub enum Json {
    /// `null`.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// The digits of a whole number beyond 64 bits.
    BigInt(String),
    /// A float; written as `null` when it is not finite.
    Float(f64),
    /// Text.
    Str(String),
    /// Values in order.
    Array(Vec<Json>),
    /// Named values in order, each name once.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The value of field `name` of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.as_object()?.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The text, when it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Json::Int(number) => Some(*number as f64),
            Json::BigInt(digits) => digits.parse().ok(),
            Json::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The items, when it is a list.
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The fields, when it is an object.
    pub fn as_object(&self) -> Option<&[(String, Json)]> {
        match self {
            Json::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }

    /// What Python's `if` says.
    pub(crate) fn is_truthy(&self) -> bool {
        match self {
            Json::Null => false,
            Json::Bool(value) => *value,
            Json::Int(number) => *number != 0,
            Json::BigInt(_) => true,
            Json::Float(number) => *number != 0.0,
            Json::Str(text) => !text.is_empty(),
            Json::Array(items) => !items.is_empty(),
            Json::Object(fields) => !fields.is_empty(),
        }
    }

    /// What Python's `isinstance(..., int)` says: truth values are whole numbers there.
    pub(crate) fn is_python_int(&self) -> bool {
        matches!(self, Json::Int(_) | Json::BigInt(_) | Json::Bool(_))
    }

    pub(crate) fn object<const N: usize>(fields: [(&str, Json); N]) -> Json {
        Json::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Str(text.to_owned())
    }
}

/// Bytes become hexadecimal text, as the package has them.
impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Str(text) => Json::Str(text.clone().into_owned()),
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(number) => Json::Int(*number),
            Value::Double(number) => Json::Float(*number),
            Value::Bytes(bytes) => Json::Str(hexadecimal(bytes)),
            Value::Array(items) => Json::Array(items.iter().map(Json::from).collect()),
            Value::Map(fields) => {
                Json::Object(fields.iter().map(|(name, value)| (name.to_string(), value.into())).collect())
            }
            _ => Json::Null,
        }
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Int(number) => serializer.serialize_i64(*number),
            Json::BigInt(digits) => {
                RawValue::from_string(digits.clone()).map_err(S::Error::custom)?.serialize(serializer)
            }
            Json::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Json::Float(_) => serializer.serialize_unit(),
            Json::Str(text) => serializer.serialize_str(text),
            Json::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| seq.serialize_element(item))?;
                seq.end()
            }
            Json::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_in_order_with_numbers_of_any_size() {
        let value = Json::object([
            ("z", Json::BigInt("1180591620717411303424".to_owned())),
            ("a", Json::Array(vec![Json::Float(1.0), Json::Float(f64::NAN), Json::Int(-1)])),
        ]);
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(text, r#"{"z":1180591620717411303424,"a":[1.0,null,-1]}"#);
    }

    #[test]
    fn bytes_are_hexadecimal() {
        assert_eq!(Json::from(&Value::from(vec![0x0f, 0xa0])), Json::from("0fa0"));
    }
}
