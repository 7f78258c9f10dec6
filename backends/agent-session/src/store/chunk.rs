//! Where a trace's spans are in the requests that brought them, and how they become a request again.

use std::sync::Arc;

/// The key of `ScopeSpans.spans`.
pub(super) const SPANS: u32 = 2;
/// The key of `ResourceSpans.scope_spans`, as a byte.
const SCOPE_SPANS_KEY: u8 = 0x12;
/// The key of `ExportTraceServiceRequest.resource_spans`, as a byte.
const RESOURCE_SPANS_KEY: u8 = 0x0a;

/// Some bytes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Run {
    pub(super) fn of(self, request: &[u8]) -> &[u8] {
        let start = self.start as usize;
        request.get(start..start + self.len as usize).unwrap_or_default()
    }

    /// Adds what follows the last run to it, and anything else as a run of its own.
    pub(super) fn push(runs: &mut Vec<Self>, run: Self) {
        match runs.last_mut() {
            Some(last) if last.start + last.len == run.start => last.len += run.len,
            _ => runs.push(run),
        }
    }
}

/// Everything around the spans of one `ScopeSpans`, as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// The fields of `ResourceSpans` but for `scope_spans`.
    pub(super) resource: Vec<Run>,
    /// The fields of `ScopeSpans` but for `spans`.
    pub(super) scope: Vec<Run>,
}

/// Spans of one trace that arrived together under one header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The request that brought them, by its number in the store.
    pub(super) batch: u64,
    pub(super) header: Arc<Header>,
    pub(super) spans: u32,
    /// The spans, each with its key and its length in front.
    pub(super) runs: Vec<Run>,
}

impl Chunk {
    /// Appends one `resource_spans` field with these spans, out of the request that brought them.
    pub(super) fn write_request(&self, request: &[u8], out: &mut Vec<u8>) {
        let len = |runs: &[Run]| runs.iter().map(|run| run.len as usize).sum::<usize>();
        let copy = |out: &mut Vec<u8>, runs: &[Run]| {
            for run in runs {
                out.extend_from_slice(run.of(request));
            }
        };
        let scope_spans = len(&self.header.scope) + len(&self.runs);
        let resource_spans = len(&self.header.resource) + 1 + varint_len(scope_spans) + scope_spans;
        out.push(RESOURCE_SPANS_KEY);
        varint(out, resource_spans as u64);
        copy(out, &self.header.resource);
        out.push(SCOPE_SPANS_KEY);
        varint(out, scope_spans as u64);
        copy(out, &self.header.scope);
        copy(out, &self.runs);
    }

    /// Appends it as it is kept on disk.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint(out, self.batch);
        varint(out, u64::from(self.spans));
        for runs in [&self.header.resource, &self.header.scope, &self.runs] {
            varint(out, runs.len() as u64);
            for run in runs {
                varint(out, u64::from(run.start));
                varint(out, u64::from(run.len));
            }
        }
    }

    /// Reads what [`Chunk::encode`] wrote and takes it off the front of `bytes`.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let batch = take_varint(bytes)?;
        let spans = u32::try_from(take_varint(bytes)?).ok()?;
        let resource = take_runs(bytes)?;
        let scope = take_runs(bytes)?;
        let runs = take_runs(bytes)?;
        Some(Self { batch, header: Arc::new(Header { resource, scope }), spans, runs })
    }
}

fn take_runs(bytes: &mut &[u8]) -> Option<Vec<Run>> {
    let count = take_varint(bytes)?;
    let mut runs = Vec::new();
    for _ in 0..count {
        let mut number = || u32::try_from(take_varint(bytes)?).ok();
        runs.push(Run { start: number()?, len: number()? });
    }
    Some(runs)
}

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_len(value: usize) -> usize {
    (70 - (value as u64 | 1).leading_zeros() as usize) / 7
}

pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs() -> impl Strategy<Value = Vec<Run>> {
        prop::collection::vec((any::<u32>(), any::<u32>()).prop_map(|(start, len)| Run { start, len }), 0..5)
    }

    proptest! {
        #[test]
        fn is_read_as_it_was_written(batch: u64, spans: u32, resource in runs(), scope in runs(), runs in runs()) {
            let chunk = Chunk { batch, spans, header: Arc::new(Header { resource, scope }), runs };
            let mut bytes = Vec::new();
            chunk.encode(&mut bytes);
            for cut in 0..bytes.len() {
                prop_assert_eq!(Chunk::decode(&mut &bytes[..cut]), None);
            }
            bytes.push(7);
            let mut rest = &bytes[..];
            prop_assert_eq!(Chunk::decode(&mut rest), Some(chunk));
            prop_assert_eq!(rest, [7]);
        }
    }
}
