//! Segments of the spool: any bytes, any bytes with right checksums, and those with one byte damaged.

use tracer_factory_core::fuzz_segment;
use tracer_factory_core::fuzzing::sealed_segment;

const HEADER: usize = 64;
const RECORD_HEADER: usize = 32;

/// How a record begins.
const MARK: &[u8] = &[0xc5, b'T', b'F', 0x9d];

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
    if has_marks_inside(&sealed, records) {
        return;
    }
    let at = records + usize::from(u16::from_le_bytes(*place)) % (sealed.len() - records);
    sealed[at] ^= 1 << (at % 8);
    assert!(fuzz_segment(&sealed) + 1 >= intact, "one damaged byte took more than one record");
}

/// Whether a record's mark stands anywhere but where a record begins. Behind it may be a header with a right checksum, which a
/// reader takes for one when the record around it is damaged: an input may copy one, a payload can't know it.
fn has_marks_inside(sealed: &[u8], mut at: usize) -> bool {
    let mut known = 0;
    let mut marks = sealed.windows(MARK.len()).enumerate().skip(at).filter(|(_, window)| *window == MARK);
    while let Some(head) = sealed.get(at..).and_then(|rest| rest.first_chunk::<RECORD_HEADER>()) {
        known += 1;
        if marks.next().is_none_or(|(mark, _)| mark != at) {
            return true;
        }
        at = at.saturating_add(RECORD_HEADER + u32::from_le_bytes(head[4..8].try_into().unwrap()) as usize);
    }
    known == 0 || marks.next().is_some()
}

#[cfg(test)]
mod tests {
    use tracer_factory_core::fuzzing::segment;

    use super::*;

    #[test]
    fn only_marks_inside_records_are_inside() {
        let mut real = segment(b"context", &[b"one", b"", b"three and more"]);
        assert!(!has_marks_inside(&real, HEADER + 7));
        let end = real.len();
        real[end - 10..end - 6].copy_from_slice(MARK);
        assert!(has_marks_inside(&real, HEADER + 7));
    }
}
