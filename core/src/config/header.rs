//! Request headers that a configuration may add.

/// Why a header can't be sent. Never says its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Empty, or with characters that no header name has.
    #[error("a header's name has only letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    /// Belongs to the protocol.
    #[error("the header {0} is set by the protocol and can't be given")]
    Reserved(&'static str),
    /// Control characters or text beyond ASCII.
    #[error("a header's value has only visible ASCII characters and blanks")]
    Value,
}

const RESERVED: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Checks a header that is to be sent with each request.
pub fn check_header(name: &str, value: &str) -> Result<(), HeaderError> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(HeaderError::Name);
    }
    if let Some(reserved) = RESERVED.iter().find(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err(HeaderError::Reserved(reserved));
    }
    if !value.bytes().all(|b| b == b'\t' || b == b' ' || b.is_ascii_graphic()) {
        return Err(HeaderError::Value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smuggled_and_reserved_headers_are_refused() {
        assert_eq!(check_header("x-api-key", "a b\tc=="), Ok(()));
        assert_eq!(check_header("", "a"), Err(HeaderError::Name));
        assert_eq!(check_header("a b", "a"), Err(HeaderError::Name));
        assert_eq!(check_header(":path", "/"), Err(HeaderError::Name));
        assert_eq!(check_header("Content-Type", "a"), Err(HeaderError::Reserved("content-type")));
        assert_eq!(check_header("a", "b\r\nc: d"), Err(HeaderError::Value));
        assert_eq!(check_header("a", "é"), Err(HeaderError::Value));
    }
}
