//! Text that is safe and readable on a terminal: escaped, cut, and durations with a fitting unit.

use std::fmt::Write;

/// Appends `text` without anything that moves the cursor, changes colours or reorders what is
/// around it; at most `longest` characters of it, then an ellipsis.
pub(crate) fn push_escaped(out: &mut String, text: &str, longest: usize) {
    for (index, c) in text.chars().enumerate() {
        if index == longest {
            out.push('…');
            return;
        }
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
}

/// Control characters, line separators, and the marks that reorder or hide text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{61c}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Appends a value, in quotes when it would not read as one word.
pub(crate) fn push_value(out: &mut String, text: &str, longest: usize) {
    let end = text.char_indices().nth(longest + 1).map_or(text.len(), |(end, _)| end);
    let text = &text[..end];
    if !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"' || c == '=') {
        push_escaped(out, text, longest);
    } else {
        out.push('"');
        push_escaped(out, &text.replace('"', "\\\""), longest);
        out.push('"');
    }
}

/// Appends a duration with about three digits: `850 ns`, `12.4 ms`, `1.20 s`, `2 min 3 s`.
pub(crate) fn push_duration(out: &mut String, nanos: u64) {
    let scaled = |unit: u64| nanos as f64 / unit as f64;
    // Writing to a `String` does not fail.
    let _ = match nanos {
        0..1_000 => write!(out, "{nanos} ns"),
        1_000..999_500 => write!(out, "{:.0} µs", scaled(1_000)),
        999_500..999_950_000 => write!(out, "{:.1} ms", scaled(1_000_000)),
        999_950_000..59_995_000_000 => write!(out, "{:.2} s", scaled(1_000_000_000)),
        _ => {
            let seconds = nanos.saturating_add(500_000_000) / 1_000_000_000;
            match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
                (0, minutes, seconds) => write!(out, "{minutes} min {seconds} s"),
                (hours, minutes, _) => write!(out, "{hours} h {minutes} min"),
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            (0, "0 ns"),
            (850, "850 ns"),
            (1_500, "2 µs"),
            (999_499, "999 µs"),
            (999_500, "1.0 ms"),
            (12_400_000, "12.4 ms"),
            (1_204_000_000, "1.20 s"),
            (59_999_000_000, "1 min 0 s"),
            (3_725_000_000_000, "1 h 2 min"),
            (u64::MAX, "5124095 h 34 min"),
        ];
        for (nanos, expected) in cases {
            let mut out = String::new();
            push_duration(&mut out, nanos);
            assert_eq!(out, expected, "{nanos}");
        }
    }

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        let mut out = String::new();
        push_escaped(&mut out, "a\u{1b}[2J\u{9b}31m\r\n\0\u{202e}é😀", 100);
        assert_eq!(out, r"a\u{1b}[2J\u{9b}31m\r\n\u{0}\u{202e}é😀");
        assert!(!out.chars().any(char::is_control));
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        let mut out = String::new();
        push_escaped(&mut out, "ééé", 2);
        push_escaped(&mut out, "éé", 2);
        assert_eq!(out, "éé…éé");
    }

    #[test]
    fn values_that_are_several_words_have_quotes() {
        let mut out = String::new();
        for text in ["one", "two words", "", "a\"b"] {
            push_value(&mut out, text, 10);
            out.push(' ');
        }
        assert_eq!(out, r#"one "two words" "" "a\"b" "#);
    }
}
