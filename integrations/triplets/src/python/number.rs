//! What pydantic, when it is not strict, takes for a float.

use super::digits::without_underscores;
use crate::json::Json;

/// A number, a truth value, or text of a number.
pub(crate) fn lax_float(value: &Json) -> Option<f64> {
    match value {
        Json::Bool(value) => Some(f64::from(u8::from(*value))),
        Json::Str(text) => float_of_text(text),
        _ => value.as_f64(),
    }
}

pub(crate) fn float_of_text(text: &str) -> Option<f64> {
    // Blanks around are allowed, underscores within are allowed, but not both.
    text.trim().parse().ok().or_else(|| without_underscores(text)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_numbers_is_read() {
        for (text, value) in [
            (" 1 ", 1.0),
            ("1_0.5", 10.5),
            ("1e_5", 1e5),
            ("1._5", 1.5),
            ("+inf", f64::INFINITY),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e400", f64::INFINITY),
            ("1\u{a0}", 1.0),
        ] {
            assert_eq!(float_of_text(text), Some(value), "{text}");
        }
        for wrong in
            ["", "_1", "1_", "1__0", "0x1", "1 2", "++1", "-+1", "1f", ".", "e5", ".e5", "１", " 1_0"]
        {
            assert_eq!(float_of_text(wrong), None, "{wrong}");
        }
        assert!(float_of_text("-nan").is_some_and(f64::is_nan));
    }
}
