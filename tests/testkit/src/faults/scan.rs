//! The identifiers of the spans in an `ExportTraceServiceRequest`, and nothing else of it: cheap enough for
//! any rate, and written without a line of the encoder that it checks.

/// Bytes that are no such request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Calls `found` with each span's identifier, in order.
pub(super) fn span_ids(request: &[u8], found: &mut impl FnMut(u64)) -> Result<(), Malformed> {
    const RESOURCE_SPANS: u64 = 1;
    const SCOPE_SPANS: u64 = 2;
    const SPANS: u64 = 2;
    each(request, RESOURCE_SPANS, &mut |resource_spans| {
        each(resource_spans, SCOPE_SPANS, &mut |scope_spans| {
            each(scope_spans, SPANS, &mut |span| {
                found(span_id(span)?);
                Ok(())
            })
        })
    })
}

fn span_id(span: &[u8]) -> Result<u64, Malformed> {
    const TRACE_ID: u64 = 1;
    const SPAN_ID: u64 = 2;
    let (mut trace_id_ok, mut id) = (false, None);
    let mut rest = span;
    while let Some((number, bytes)) = field(&mut rest)? {
        match number {
            TRACE_ID => trace_id_ok = bytes.len() == 16,
            SPAN_ID => id = Some(u64::from_be_bytes(bytes.try_into().map_err(|_| Malformed)?)),
            _ => {}
        }
    }
    id.filter(|_| trace_id_ok).ok_or(Malformed)
}

/// Calls `found` with each field of that number.
fn each(
    message: &[u8],
    wanted: u64,
    found: &mut dyn FnMut(&[u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut rest = message;
    while let Some((number, bytes)) = field(&mut rest)? {
        if number == wanted {
            found(bytes)?;
        }
    }
    Ok(())
}

/// The next field's number and, where its length is given, its bytes.
fn field<'a>(rest: &mut &'a [u8]) -> Result<Option<(u64, &'a [u8])>, Malformed> {
    if rest.is_empty() {
        return Ok(None);
    }
    let key = varint(rest)?;
    let length = match key & 7 {
        0 => {
            varint(rest)?;
            return Ok(Some((key >> 3, &[])));
        }
        1 => 8,
        2 => usize::try_from(varint(rest)?).map_err(|_| Malformed)?,
        5 => 4,
        _ => return Err(Malformed),
    };
    let (bytes, after) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = after;
    Ok(Some((key >> 3, if key & 7 == 2 { bytes } else { &[] })))
}

fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or(Malformed)?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length > 0x7f {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        [&out, bytes].concat()
    }

    /// A request with a resource, a scope, and spans with a name, a kind and a start.
    fn request(ids: impl IntoIterator<Item = u64>) -> Vec<u8> {
        let span = |id: u64| {
            let fields = [
                nested(1, &[7; 16]),
                nested(2, &id.to_be_bytes()),
                nested(5, b"operation"),
                vec![0x30, 2],
                [&[0x39][..], &[1; 8]].concat(),
            ];
            nested(2, &fields.concat())
        };
        let spans: Vec<u8> = ids.into_iter().flat_map(span).collect();
        let scope_spans = nested(2, &[nested(1, &nested(1, b"scope")), spans].concat());
        nested(1, &[nested(1, b""), scope_spans].concat())
    }

    fn found(bytes: &[u8]) -> Result<Vec<u64>, Malformed> {
        let mut ids = Vec::new();
        span_ids(bytes, &mut |id| ids.push(id))?;
        Ok(ids)
    }

    #[test]
    fn every_span_is_found() {
        let two = [request([1, u64::MAX]), request(3..300)].concat();
        let expected: Vec<u64> = [1, u64::MAX].into_iter().chain(3..300).collect();
        assert_eq!(found(&two), Ok(expected));
        assert_eq!(found(b""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let whole = request([1]);
        for end in 1..whole.len() {
            assert_eq!(found(&whole[..end]), Err(Malformed), "{end}");
        }
        assert_eq!(found(b"<html></html>"), Err(Malformed));
        let no_trace = nested(1, &nested(2, &nested(2, &nested(2, &[1; 8]))));
        assert_eq!(found(&no_trace), Err(Malformed));
    }
}
