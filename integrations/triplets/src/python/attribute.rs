//! Which attributes the package's span model takes, and as what: text, truth values, numbers, and lists of one of
//! these. Lists of several kinds become lists of the first kind that fits all of their items.

use std::borrow::Cow;

use tracer_factory_core::value::Value;

use super::digits::int_of_text;
use super::number::lax_float;
use crate::json::{Json, hexadecimal};

/// The value as the model has it; none when it refuses the span because of it.
pub(crate) fn taken(value: &Value) -> Option<Cow<'_, Value>> {
    match value {
        Value::Str(_) | Value::Bool(_) | Value::Int(_) | Value::Double(_) => Some(Cow::Borrowed(value)),
        Value::Bytes(bytes) => Some(Cow::Owned(Value::from(hexadecimal(bytes)))),
        Value::Array(items) => {
            let same = |kind: fn(&Value) -> bool| items.iter().all(kind);
            if same(|item| matches!(item, Value::Str(_)))
                || same(|item| matches!(item, Value::Bool(_)))
                || same(|item| matches!(item, Value::Int(_)))
            {
                return Some(Cow::Borrowed(value));
            }
            let items: Vec<Json> = items.iter().map(Json::from).collect();
            let exact = items.iter().all(|item| matches!(item, Json::Int(_) | Json::Float(_)));
            let kinds: &[fn(&Json) -> Option<Value>] = if exact { &[float] } else { &[truth, whole, float] };
            let list = kinds.iter().find_map(|kind| items.iter().map(kind).collect::<Option<Vec<_>>>())?;
            Some(Cow::Owned(Value::Array(list)))
        }
        _ => None,
    }
}

fn float(item: &Json) -> Option<Value> {
    lax_float(item).map(Value::Double)
}

fn truth(item: &Json) -> Option<Value> {
    let truth = match item {
        Json::Bool(value) => *value,
        Json::Int(0) => false,
        Json::Int(1) => true,
        Json::Float(number) if *number == 0.0 => false,
        Json::Float(number) if *number == 1.0 => true,
        Json::Str(text) => match text.to_ascii_lowercase().as_str() {
            "0" | "off" | "f" | "false" | "n" | "no" => false,
            "1" | "on" | "t" | "true" | "y" | "yes" => true,
            _ => return None,
        },
        _ => return None,
    };
    Some(Value::Bool(truth))
}

fn whole(item: &Json) -> Option<Value> {
    match item {
        Json::Bool(value) => Some(Value::Int(i64::from(*value))),
        Json::Int(number) => Some(Value::Int(*number)),
        Json::Float(number) => {
            // Beyond 2^53 a float has no fraction left to look at, and what it means is anyone's guess.
            (number.fract() == 0.0 && number.abs() < 9e15).then_some(Value::Int(*number as i64))
        }
        Json::Str(text) => {
            let whole = text.split_once('.').filter(|(_, zeros)| zeros.bytes().all(|zero| zero == b'0'));
            match int_of_text(whole.map_or(text, |(whole, _)| whole))? {
                Json::Int(number) => Some(Value::Int(number)),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[Value]) -> Option<Value> {
        taken(&Value::Array(items.to_vec())).map(Cow::into_owned)
    }

    #[test]
    fn mixed_lists_become_of_one_kind() {
        let (yes, one, half, text) = (Value::Bool(true), Value::Int(1), Value::Double(0.5), Value::from("1"));
        assert_eq!(
            list(&[one.clone(), half.clone()]),
            Some(Value::Array(vec![Value::Double(1.0), half.clone()]))
        );
        assert_eq!(list(&[one.clone(), yes.clone()]), Some(Value::Array(vec![yes.clone(), yes.clone()])));
        assert_eq!(list(&[text.clone(), one.clone()]), Some(Value::Array(vec![yes.clone(), yes.clone()])));
        assert_eq!(list(&[Value::Int(2), yes.clone()]), Some(Value::Array(vec![Value::Int(2), one.clone()])));
        assert_eq!(
            list(&[Value::Int(3), Value::from("2.0")]),
            Some(Value::Array(vec![Value::Int(3), Value::Int(2)]))
        );
        assert_eq!(list(&[yes, half.clone()]), Some(Value::Array(vec![Value::Double(1.0), half])));
        assert_eq!(list(&[]), Some(Value::Array(Vec::new())));
    }

    #[test]
    fn what_the_model_refuses_is_refused() {
        assert_eq!(taken(&Value::Empty), None);
        assert_eq!(taken(&Value::Map(Vec::new())), None);
        assert_eq!(list(&[Value::Empty]), None);
        assert_eq!(list(&[Value::from("a"), Value::Int(1)]), None);
        assert_eq!(list(&[Value::Array(Vec::new())]), None);
    }
}
