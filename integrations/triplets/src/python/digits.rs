//! Which characters Python calls digits, and the whole numbers that it makes of them.

use crate::json::Json;
use crate::json::MAX_DIGITS;

/// The zeros of the scripts whose ten digits follow each other (Unicode 14, general category Nd).
const ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
    0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066,
    0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950,
    0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6,
    0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// Digits that can't be part of a number: superscripts, digits in circles and the like, first and last.
const ORNAMENTAL: [(u32, u32); 20] = [
    (0xb2, 0xb3),
    (0xb9, 0xb9),
    (0x1369, 0x1371),
    (0x19da, 0x19da),
    (0x2070, 0x2070),
    (0x2074, 0x2079),
    (0x2080, 0x2089),
    (0x2460, 0x2468),
    (0x2474, 0x247c),
    (0x2488, 0x2490),
    (0x24ea, 0x24ea),
    (0x24f5, 0x24fd),
    (0x24ff, 0x24ff),
    (0x2776, 0x277e),
    (0x2780, 0x2788),
    (0x278a, 0x2792),
    (0x10a40, 0x10a43),
    (0x10e60, 0x10e68),
    (0x11052, 0x1105a),
    (0x1f100, 0x1f10a),
];

/// The value of a decimal digit of any script.
pub(crate) fn decimal(c: char) -> Option<u8> {
    let code = u32::from(c);
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= code)].last()?;
    u8::try_from(code - zero).ok().filter(|value| *value < 10)
}

/// Python's `str.isdigit`.
pub(crate) fn is_digits(text: &str) -> bool {
    let ornamental =
        |c: char| ORNAMENTAL.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)));
    !text.is_empty() && text.chars().all(|c| decimal(c).is_some() || ornamental(c))
}

/// Python's `int` of a text of which [`is_digits`] is true: its digits in ASCII without leading zeros.
/// None where Python raises.
pub(crate) fn int_of_digits(text: &str) -> Option<String> {
    let digits: Option<String> = text.chars().map(|c| Some(char::from(b'0' + decimal(c)?))).collect();
    let digits = digits.filter(|digits| digits.len() <= MAX_DIGITS)?;
    let significant = digits.trim_start_matches('0');
    Some(if significant.is_empty() { "0".to_owned() } else { significant.to_owned() })
}

/// Python's `int` of any text; none where it raises.
pub(crate) fn int_of_text(text: &str) -> Option<Json> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = int_of_digits(&without_underscores(digits)?)?;
    let signed = if negative && digits != "0" { format!("-{digits}") } else { digits };
    Some(signed.parse().map_or_else(|_| Json::BigInt(signed), Json::Int))
}

/// The text without single underscores between its characters; none where they are elsewhere, or it is empty.
pub(crate) fn without_underscores(text: &str) -> Option<String> {
    let misplaced = text.is_empty() || text.starts_with('_') || text.ends_with('_') || text.contains("__");
    (!misplaced).then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_count() {
        assert!(is_digits("0٣２²"));
        assert!(!is_digits("") && !is_digits("1a") && !is_digits("-1") && !is_digits("½"));
        assert_eq!(int_of_digits("0０٣").as_deref(), Some("3"));
        assert_eq!(int_of_digits("000").as_deref(), Some("0"));
        assert_eq!(int_of_digits("1²"), None);
        assert_eq!(int_of_digits(&"0".repeat(4301)), None);
    }

    #[test]
    fn whole_numbers_are_pythons() {
        for (text, number) in [(" 12 ", 12), ("-1_000", -1000), ("+٣", 3), ("-0", 0)] {
            assert_eq!(int_of_text(text), Some(Json::Int(number)), "{text}");
        }
        for wrong in ["", "_1", "1_", "1__0", "1.0", "--1", "0x1", "- 1"] {
            assert_eq!(int_of_text(wrong), None, "{wrong}");
        }
    }
}
