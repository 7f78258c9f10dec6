//! Trace and span identifiers and the span context that travels between processes.

use std::fmt;
use std::str::FromStr;

use crate::trace_state::TraceState;

/// 16 bytes that every span of a trace shares; all zeros means "no trace".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TraceId([u8; 16]);

/// 8 bytes that name one span; all zeros means "no span".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SpanId([u8; 8]);

/// Text that is not the lower- or upper-case hexadecimal form of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hexadecimal digits")]
pub struct ParseIdError {
    /// How many digits the identifier has.
    pub expected: usize,
}

macro_rules! id {
    ($name:ident, $bytes:literal, $int:ty) => {
        impl $name {
            /// The identifier that names nothing.
            pub const INVALID: Self = Self([0; $bytes]);

            /// From big-endian bytes, as every protocol carries it.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// Big-endian bytes.
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// From a slice of exactly the right length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// From the number whose big-endian bytes these are.
            pub const fn from_int(value: $int) -> Self {
                Self(value.to_be_bytes())
            }

            /// The number whose big-endian bytes these are.
            pub const fn to_int(self) -> $int {
                <$int>::from_be_bytes(self.0)
            }

            /// False for all zeros.
            pub const fn is_valid(self) -> bool {
                self.to_int() != 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0u8; $bytes * 2];
                encode_hex(&self.0, &mut text);
                f.write_str(std::str::from_utf8(&text).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let mut bytes = [0u8; $bytes];
                if text.len() != $bytes * 2 || !decode_hex(text.as_bytes(), &mut bytes) {
                    return Err(ParseIdError { expected: $bytes * 2 });
                }
                Ok(Self(bytes))
            }
        }
    };
}

id!(TraceId, 16, u128);
id!(SpanId, 8, u64);

/// Writes lower-case hexadecimal; `text` is twice as long as `bytes`.
pub(crate) fn encode_hex(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// Reads hexadecimal of either case; false when a digit is none.
pub(crate) fn decode_hex(text: &[u8], bytes: &mut [u8]) -> bool {
    let digit = |c: u8| (c as char).to_digit(16).map(|d| d as u8);
    for (pair, byte) in text.chunks_exact(2).zip(bytes.iter_mut()) {
        match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => *byte = high << 4 | low,
            _ => return false,
        }
    }
    true
}

/// The W3C trace flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// No flag set.
    pub const NONE: Self = Self(0);
    /// The caller records this trace.
    pub const SAMPLED: Self = Self(1);

    /// From the byte of a `traceparent`.
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// The byte of a `traceparent`.
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// Whether the trace is recorded.
    pub const fn is_sampled(self) -> bool {
        self.0 & 1 != 0
    }
}

/// What of a span crosses a process boundary.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SpanContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span that is the parent of whatever the receiver starts.
    pub span_id: SpanId,
    /// Whether the trace is recorded.
    pub flags: TraceFlags,
    /// Vendors' entries, passed on unread.
    pub trace_state: TraceState,
    /// Whether it was extracted from a carrier.
    pub is_remote: bool,
}

impl SpanContext {
    /// A local context without vendors' entries.
    pub fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self { trace_id, span_id, flags, ..Self::default() }
    }

    /// True when both identifiers are.
    pub fn is_valid(&self) -> bool {
        self.trace_id.is_valid() && self.span_id.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree() {
        let id: TraceId = "0af7651916cd43dd8448eb211c80319c".parse().unwrap();
        assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(id, TraceId::from_int(0x0af7651916cd43dd8448eb211c80319c));
        assert!("0af7651916cd43dd8448eb211c80319".parse::<TraceId>().is_err());
        assert!("+af7651916cd43dd8448eb211c80319c".parse::<TraceId>().is_err());
        assert!("0af765".parse::<SpanId>().is_err());
    }
}
