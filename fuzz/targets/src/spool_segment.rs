//! Segments of the spool: any bytes, any bytes with right checksums, and those with one byte damaged.

use tracer_factory_core::fuzz_segment;
use tracer_factory_core::fuzzing::sealed_segment;

const HEADER: usize = 64;
const RECORD_HEADER: usize = 32;

/// The first two bytes say what to damage; the rest is the segment.
pub fn spool_segment(input: &[u8]) {
    let Some((place, segment)) = input.split_first_chunk::<2>() else { return };
    let readable = fuzz_segment(segment);
    assert!(readable <= segment.len() / RECORD_HEADER);
    let mut sealed = sealed_segment(segment);
    let intact = fuzz_segment(&sealed);
    assert!(intact <= sealed.len() / RECORD_HEADER);
    if intact == 0 {
        return;
    }
    let context = sealed.get(12..16).map_or(0, |bytes| u32::from_le_bytes(bytes.try_into().unwrap()));
    let records = HEADER + context as usize;
    let at = records + usize::from(u16::from_le_bytes(*place)) % (sealed.len() - records);
    sealed[at] ^= 1 << (at % 8);
    assert!(fuzz_segment(&sealed) + 1 >= intact, "one damaged byte took more than one record");
}
