//! Percent-decoding of credentials and of gRPC's status messages.

/// Bytes of text in which `%41` stands for `A`; what is no such triple stays as it is.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let digit = |i: usize| bytes.get(i).and_then(|byte| (*byte as char).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn triples_are_decoded_and_the_rest_stays() {
        assert_eq!(decode("a%40%fF%"), b"a@\xff%");
        assert_eq!(decode("%4%zz%+1"), b"%4%zz%+1");
    }
}
