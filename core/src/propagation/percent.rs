//! Percent-encoding of baggage values.

/// What a baggage value may hold as it is: visible ASCII without `"`, `,`, `;` and `\`.
pub(super) const fn is_baggage_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

const fn stays(byte: u8) -> bool {
    is_baggage_octet(byte) && byte != b'%'
}

/// How long [`encode`] makes it.
pub(super) fn encoded_len(value: &str) -> usize {
    value.bytes().map(|byte| if stays(byte) { 1 } else { 3 }).sum()
}

/// Appends `value` with everything escaped that may not be there as it is.
pub(super) fn encode(value: &str, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if stays(byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// The text that was encoded. A `%` without two digits stands for itself, and bytes that are not
/// UTF-8 become U+FFFD, as W3C Baggage asks.
pub(super) fn decode(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let input = text.as_bytes();
    let mut bytes = Vec::with_capacity(input.len());
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        match (byte, digit(input.get(at + 1)), digit(input.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                at += 3;
            }
            _ => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_survives() {
        let value: String = (0..=0x2ff).filter_map(char::from_u32).collect();
        let mut text = String::new();
        encode(&value, &mut text);
        assert!(text.bytes().all(is_baggage_octet));
        assert_eq!((decode(&text), text.len()), (value.clone(), encoded_len(&value)));
    }

    #[test]
    fn broken_escapes() {
        assert_eq!(decode("50%"), "50%");
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%zz%41"), "%zzA");
        assert_eq!(decode("%ff!"), "\u{fffd}!");
        assert_eq!(decode("%+1"), "%+1");
    }
}
