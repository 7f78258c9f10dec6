//! How many spans a request's body holds, found without building any of them.

/// What a body claims to be and is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Spans of an OTLP request in protobuf.
pub(super) fn otlp(body: &[u8]) -> Result<u64, Malformed> {
    let mut spans = 0;
    each_field(body, 1, &mut |resource_spans| {
        each_field(resource_spans, 2, &mut |scope_spans| {
            each_field(scope_spans, 2, &mut |_span| {
                spans += 1;
                Ok(())
            })
        })
    })?;
    Ok(spans)
}

/// The same behind gRPC's frame: one uncompressed message.
pub(super) fn grpc(body: &[u8]) -> Result<u64, Malformed> {
    let Some((&[0, a, b, c, d], message)) = body.split_first_chunk() else { return Err(Malformed) };
    if u32::from_be_bytes([a, b, c, d]) as usize != message.len() {
        return Err(Malformed);
    }
    otlp(message)
}

/// Calls `found` for every field of this number, all of which hold bytes.
fn each_field<'a>(
    mut message: &'a [u8],
    number: u64,
    found: &mut dyn FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let length = match tag & 7 {
            0 => {
                varint(&mut message)?;
                continue;
            }
            1 => 8,
            2 => varint(&mut message)?,
            5 => 4,
            _ => return Err(Malformed),
        };
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        let (content, rest) = message.split_at_checked(length).ok_or(Malformed)?;
        message = rest;
        if tag == number << 3 | 2 {
            found(content)?;
        }
    }
    Ok(())
}

fn varint(message: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first().ok_or(Malformed)?;
        *message = rest;
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

/// Spans of Zipkin's JSON: each has one trace. In a text the quotes would be escaped.
pub(super) fn zipkin(body: &[u8]) -> Result<u64, Malformed> {
    const KEY: &[u8] = b"\"traceId\"";
    if body.first() != Some(&b'[') || body.last() != Some(&b']') {
        return Err(Malformed);
    }
    let mut spans = 0;
    let mut at = 0;
    while let Some(found) = body.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'"')) {
        at += found;
        if body[at..].starts_with(KEY) {
            spans += 1;
            at += KEY.len();
        } else {
            at += 1;
        }
    }
    Ok(spans)
}

/// Spans of Jaeger's batch in binary Thrift: what its list of spans says of itself.
pub(super) fn jaeger(body: &[u8]) -> Result<u64, Malformed> {
    let mut batch = Thrift(body);
    loop {
        match batch.field()? {
            Some((2, LIST)) => {
                let [element] = batch.take()?;
                let spans = u32::from_be_bytes(batch.take()?);
                // A span is a structure, and the shortest ends with one byte.
                let plausible = element == STRUCT && spans as usize <= batch.0.len();
                return if plausible { Ok(u64::from(spans)) } else { Err(Malformed) };
            }
            Some((_, kind)) => batch.skip(kind, 8)?,
            None => return Err(Malformed),
        }
    }
}

const STRUCT: u8 = 12;
const LIST: u8 = 15;

struct Thrift<'a>(&'a [u8]);

impl Thrift<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// The next field's number and kind; `None` at the end of the structure.
    fn field(&mut self) -> Result<Option<(i16, u8)>, Malformed> {
        match self.take()? {
            [0] => Ok(None),
            [kind] => Ok(Some((i16::from_be_bytes(self.take()?), kind))),
        }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Result<(), Malformed> {
        let inner = depth.checked_sub(1).ok_or(Malformed)?;
        match kind {
            2 | 3 => self.take::<1>().map(drop),
            6 => self.take::<2>().map(drop),
            8 => self.take::<4>().map(drop),
            4 | 10 => self.take::<8>().map(drop),
            11 => {
                let length = u32::from_be_bytes(self.take()?) as usize;
                self.0 = self.0.get(length..).ok_or(Malformed)?;
                Ok(())
            }
            STRUCT => {
                while let Some((_, kind)) = self.field()? {
                    self.skip(kind, inner)?;
                }
                Ok(())
            }
            LIST => {
                let [kind] = self.take()?;
                for _ in 0..u32::from_be_bytes(self.take()?) {
                    self.skip(kind, inner)?;
                }
                Ok(())
            }
            _ => Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, content.len() as u8], content].concat()
    }

    #[test]
    fn otlp_spans_are_counted_through_resources_and_scopes() {
        let span = field(2, b"\x0a\x00");
        let scope = field(2, &[field(1, b""), span.clone(), span].concat());
        let body = [field(1, &scope), field(1, &[field(1, b""), scope.clone()].concat())].concat();
        assert_eq!(otlp(&body), Ok(4));
        assert_eq!(otlp(b""), Ok(0));
        let frame = [&[0, 0, 0, 0, body.len() as u8], body.as_slice()].concat();
        assert_eq!(grpc(&frame), Ok(4));
    }

    #[test]
    fn cut_and_compressed_bodies_are_malformed() {
        let body = field(1, &field(2, &field(2, b"\x0a\x00")));
        assert_eq!(otlp(&body[..body.len() - 1]), Err(Malformed));
        assert_eq!(otlp(&[0xff; 11]), Err(Malformed));
        assert_eq!(grpc(&[1, 0, 0, 0, 0]), Err(Malformed));
        assert_eq!(grpc(&[0, 0, 0, 0, 9]), Err(Malformed));
        assert_eq!(zipkin(b"{}"), Err(Malformed));
    }

    #[test]
    fn zipkin_spans_are_counted_by_their_key_and_not_by_texts() {
        let body = br#"[{"traceId":"a","id":"b"},{"id":"c","name":"\"traceId\"","traceId":"d"}]"#;
        assert_eq!(zipkin(body), Ok(2));
        assert_eq!(zipkin(b"[]"), Ok(0));
    }

    #[test]
    fn jaeger_spans_are_what_the_list_after_the_process_says() {
        let name = b"\x0b\x00\x01\x00\x00\x00\x01s";
        let tags = b"\x0f\x00\x02\x0c\x00\x00\x00\x01\x08\x00\x02\x00\x00\x00\x00\x00";
        let process = [b"\x0c\x00\x01".as_slice(), name, tags, b"\x00"].concat();
        let body = [&process, b"\x0f\x00\x02\x0c\x00\x00\x00\x02\x00\x00\x00".as_slice()].concat();
        assert_eq!(jaeger(&body), Ok(2));
        for length in 0..process.len() + 8 {
            assert_eq!(jaeger(&body[..length]), Err(Malformed), "{length}");
        }
    }
}
