//! What a receiver said, made fit for an error: one line, short, without the secrets we sent it.

use ::http::header::{CONTENT_TYPE, HeaderMap};

use super::Response;
use crate::wire::Reader;

/// Bytes of an answer that are looked at.
const LOOKED_AT: usize = 4096;
/// Characters that are shown.
const SHOWN: usize = 200;

/// `text` on one line, cut when long; values of `secrets` that it repeats are hidden.
pub(super) fn scrub(text: &str, secrets: &HeaderMap) -> String {
    let end = (0..=text.len().min(LOOKED_AT)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let mut text = text[..end].to_owned();
    for secret in secrets.values().filter(|value| value.is_sensitive()) {
        let secret = String::from_utf8_lossy(secret.as_bytes());
        // `Bearer abc` is also secret as `abc`.
        for part in [secret.trim(), secret.split_whitespace().next_back().unwrap_or("")] {
            if part.len() >= 4 {
                text = text.replace(part, "<hidden>");
            }
        }
    }
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|c| !c.is_control()));
    }
    if let Some((at, _)) = line.char_indices().nth(SHOWN) {
        line.truncate(at);
        line.push('…');
    }
    line
}

/// As much of a body as is looked at for words.
pub(super) fn looked_at(body: &[u8]) -> &[u8] {
    body.get(..LOOKED_AT).unwrap_or(body)
}

/// The words of a `google.rpc.Status` in protobuf, which OTLP's receivers answer failures with.
pub(super) fn status_message(response: &Response) -> Option<&[u8]> {
    const MESSAGE: u32 = 2;
    let declared = response.headers.get(CONTENT_TYPE)?.as_bytes();
    if !declared.starts_with(b"application/x-protobuf") {
        return None;
    }
    let mut status = Reader::new(&response.body);
    while let Some((number, field)) = status.field().ok()? {
        if number == MESSAGE {
            return field.bytes(number).ok();
        }
    }
    None
}

/// The beginning of a body, when it is text and not a page.
pub(super) fn snippet(body: &[u8], secrets: &HeaderMap) -> Option<String> {
    let body = looked_at(body);
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        // Cut inside a character is still text.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&body[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text = scrub(text, secrets);
    (!text.is_empty()).then_some(text)
}

/// Whether an answer is a page for a browser, which no receiver of spans sends.
pub(super) fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let declared = headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes().trim_ascii_start();
        value.get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"text/html"))
    });
    let body = body.trim_ascii_start();
    let begins = |tag: &[u8]| body.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    declared || begins(b"<!doctype") || begins(b"<html")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::HeaderValue;

    #[test]
    fn secrets_that_come_back_are_hidden() {
        let mut value = HeaderValue::from_static("Bearer canary-1");
        value.set_sensitive(true);
        let secrets = HeaderMap::from_iter([(::http::header::AUTHORIZATION, value)]);
        assert_eq!(scrub("no: Bearer canary-1\r\n(canary-1)", &secrets), "no: <hidden> (<hidden>)");
    }

    #[test]
    fn long_and_binary_answers() {
        let none = HeaderMap::new();
        assert_eq!(scrub(&"é".repeat(5000), &none).chars().count(), SHOWN + 1);
        assert_eq!(snippet("é".repeat(5000).as_bytes(), &none).unwrap().chars().count(), SHOWN + 1);
        assert_eq!(snippet(b"\xff\xfe\x00\x01", &none), None);
        assert_eq!(snippet(b" \n", &none), None);
        assert_eq!(snippet(b"a\x1b[31m\tb", &none).unwrap(), "a[31m b");
    }

    #[test]
    fn a_status_in_protobuf_is_read() {
        let response = |kind: &'static str| Response {
            status: ::http::StatusCode::BAD_REQUEST,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]),
            body: b"\x08\x03\x12\x05no id".to_vec(),
            cut: false,
            trailers: HeaderMap::new(),
        };
        assert_eq!(status_message(&response("application/x-protobuf")), Some(&b"no id"[..]));
        assert_eq!(status_message(&response("text/plain")), None);
    }

    #[test]
    fn pages_are_known_by_type_or_by_beginning() {
        let html =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("Text/HTML; charset=utf-8"))]);
        assert!(is_html(&html, b""));
        assert!(is_html(&HeaderMap::new(), b"\n<!DOCTYPE html><p>"));
        assert!(!is_html(&HeaderMap::new(), b"{\"a\":1}"));
    }
}
