//! Where two JSON values differ, one line a place: whole traces side by side are more than anybody reads.

use serde_json::Value;

/// One line for each place where `shown` is not what was `expected`; empty when they are equal.
pub fn differences(expected: &Value, shown: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("$", Some(expected), Some(shown), &mut found);
    found
}

fn compare(path: &str, expected: Option<&Value>, shown: Option<&Value>, found: &mut Vec<String>) {
    match (expected, shown) {
        (Some(Value::Object(expected)), Some(Value::Object(shown))) => {
            for key in expected.keys().chain(shown.keys().filter(|key| !expected.contains_key(*key))) {
                compare(&format!("{path}.{key}"), expected.get(key), shown.get(key), found);
            }
        }
        (Some(Value::Array(expected)), Some(Value::Array(shown))) => {
            for at in 0..expected.len().max(shown.len()) {
                compare(&format!("{path}[{at}]"), expected.get(at), shown.get(at), found);
            }
        }
        (expected, shown) if expected == shown => {}
        (expected, shown) => {
            let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
            found.push(format!("{path}: expected {}, shown {}", text(expected), text(shown)));
        }
    }
}
