//! Cutting text where a character ends, and trimming headers.

/// The longest beginning of `text` that has at most `limit` bytes and ends at a character's border.
#[inline]
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    // A character has at most four bytes, so this looks at most three back.
    let border = (limit.saturating_sub(3)..=limit).rev().find(|at| text.is_char_boundary(*at));
    &text[..border.unwrap_or(0)]
}

/// Without the spaces and tabs that HTTP allows around a value.
pub(crate) fn trim_ows(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn never_splits_a_character() {
        let text = "aé漢🦀";
        let cuts: Vec<_> = (0..=text.len()).map(|limit| cut(text, limit)).collect();
        assert_eq!(cuts, ["", "a", "a", "aé", "aé", "aé", "aé漢", "aé漢", "aé漢", "aé漢", "aé漢🦀"]);
    }
}
