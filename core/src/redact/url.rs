//! URLs in a text: the user and password before the host, and where their query stands.

use super::found::{Found, PLAIN, QUERY, byte, is_mark, looked_at, run};

/// How far behind a password the `@` may be that ends it, where the password itself holds a `/`.
const LONGEST: usize = 512;

/// The user and password of the URL whose `://` is at `colon`; before `at_sign` is no `@` behind it.
pub(super) fn user_info(bytes: &[u8], colon: usize, at_sign: usize) -> Option<Found> {
    let start = colon + 3;
    let end = run(bytes, start, |byte| is_url(byte) && !matches!(byte, b'/' | b'?' | b'#'));
    if at_sign >= end.saturating_add(LONGEST) {
        return None;
    }
    let authority = bytes.get(start..end)?;
    looked_at(authority.len());
    let at = match authority.iter().rposition(|byte| *byte == b'@') {
        Some(at) => start + at,
        None => {
            // What stands where the port would is a password with a slash in it.
            let port = authority.iter().position(|byte| *byte == b':')?;
            let port = authority.get(port + 1..)?;
            if authority.first() == Some(&b'[') || !port.iter().any(|byte| !byte.is_ascii_digit()) {
                return None;
            }
            let rest = bytes.get(end..bytes.len().min(end + LONGEST))?;
            let rest = rest.get(..run(rest, 0, is_url))?;
            looked_at(rest.len());
            end + rest.iter().rposition(|byte| *byte == b'@')?
        }
    };
    let is_clean = at == start || is_mark(bytes.get(start..)?);
    (!is_clean).then_some(Found { start, end: at, mark: PLAIN })
}

/// The query of the URL that goes on at `from`, without its `?`. `read` is set to where the URL ends.
pub(super) fn query(bytes: &[u8], from: usize, read: &mut usize) -> Option<Found> {
    let question = run(bytes, from, |byte| is_url(byte) && byte != b'?');
    *read = question;
    if byte(bytes, question) != b'?' {
        return None;
    }
    rest_of_query(bytes, question + 1)
}

/// The query that begins at `start`.
pub(super) fn rest_of_query(bytes: &[u8], start: usize) -> Option<Found> {
    let end = run(bytes, start, |byte| is_url(byte) && byte != b'#');
    let is_clean = end == start || is_mark(bytes.get(start..)?);
    (!is_clean).then_some(Found { start, end, mark: QUERY })
}

/// What a URL in a text may consist of; quotes, brackets and blanks end it.
fn is_url(byte: u8) -> bool {
    !matches!(byte, 0..=b' ' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | 0x7f)
}
