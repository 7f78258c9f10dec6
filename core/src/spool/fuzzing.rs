//! Segments for fuzzing: real ones, and any bytes with the checksums that make a reader look further.

use super::moment::Moment;
use super::segment::{HEADER, Header, RECORD_HEADER, RecordHeader};

/// A segment as this release writes it.
pub fn segment(context: &[u8], payloads: &[&[u8]]) -> Vec<u8> {
    let (header, mut bytes) = Header::new(7, Moment { boot: 1, since_boot: 2, wall: 3 }, context);
    for (payload, sequence) in payloads.iter().zip(7..) {
        let record = RecordHeader {
            length: payload.len() as u32,
            sum: crc32fast::hash(payload),
            spans: 1,
            sequence,
            elapsed: 10,
        };
        bytes.extend_from_slice(&record.encode(header.seal));
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// The bytes with right checksums, wherever their own lengths say that one stands. Nobody who damages a file does that; but
/// no fuzzer guesses a checksum, and what is behind them should bear anything as well.
pub fn sealed_segment(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    let Some(head) = sealed.first_chunk::<HEADER>() else { return sealed };
    let context_length = head.get(12..16).map_or(0, le_u32) as usize;
    let context = sealed.get(HEADER..HEADER.saturating_add(context_length)).unwrap_or_default();
    let context_sum = crc32fast::hash(context);
    put(&mut sealed, HEADER - 8, context_sum);
    let seal = crc32fast::hash(sealed.get(..HEADER - 4).unwrap_or_default());
    put(&mut sealed, HEADER - 4, seal);

    let mut at = HEADER.saturating_add(context_length);
    while let Some(head) = sealed.get(at..).and_then(|rest| rest.first_chunk::<RECORD_HEADER>()) {
        let field = |range| head.get(range).map_or(0, le_u32);
        let payload_at = at + RECORD_HEADER;
        let next = payload_at.saturating_add(field(4..8) as usize);
        let sequence = u64::from(field(16..20)) | u64::from(field(20..24)) << 32;
        let sum = crc32fast::hash(sealed.get(payload_at..next).unwrap_or_default());
        let record =
            RecordHeader { length: field(4..8), sum, spans: field(12..16), sequence, elapsed: field(24..28) };
        if let Some(place) = sealed.get_mut(at..payload_at) {
            place.copy_from_slice(&record.encode(seal));
        }
        at = next;
    }
    sealed
}

fn le_u32(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_le_bytes)
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&number.to_le_bytes());
    }
}
