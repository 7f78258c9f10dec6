//! Writing protobuf fields. `key` is the field's tag byte or bytes: number << 3 | wire type.

/// Bytes that `value` takes as a varint.
#[inline]
pub(crate) const fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

#[inline]
pub(crate) fn varint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value as u8);
    } else {
        long_varint(out, value);
    }
}

/// Writes a varint at the start of a block. [`varint_len`] says how many bytes that takes.
#[inline(always)]
pub(crate) fn varint_into(block: &mut [u8; 10], value: u64) {
    if value < 0x80 {
        block[0] = value as u8;
    } else if value < 0x4000 {
        let both = (value & 0x7f | 0x80 | value >> 7 << 8) as u16;
        block[..2].copy_from_slice(&both.to_le_bytes());
    } else {
        long_varint_into(block, value);
    }
}

#[inline(never)]
fn long_varint_into(block: &mut [u8; 10], mut value: u64) {
    for byte in block {
        *byte = value as u8 | 0x80;
        if value < 0x80 {
            *byte = value as u8;
            break;
        }
        value >>= 7;
    }
}

fn long_varint(out: &mut Vec<u8>, value: u64) {
    let mut block = [0; 10];
    varint_into(&mut block, value);
    out.extend_from_slice(&block[..varint_len(value).min(10)]);
}

#[inline]
pub(crate) fn varint_field(out: &mut Vec<u8>, key: u8, value: u64) {
    if value < 0x80 {
        out.extend_from_slice(&[key, value as u8]);
    } else {
        out.push(key);
        long_varint(out, value);
    }
}

#[inline]
pub(crate) fn fixed64(out: &mut Vec<u8>, key: u8, value: u64) {
    let mut bytes = [key; 9];
    bytes[1..].copy_from_slice(&value.to_le_bytes());
    out.extend_from_slice(&bytes);
}

/// The key takes two bytes here because the one field of this type has number 16.
#[inline]
pub(crate) fn fixed32(out: &mut Vec<u8>, key: [u8; 2], value: u32) {
    let [a, b, c, d] = value.to_le_bytes();
    out.extend_from_slice(&[key[0], key[1], a, b, c, d]);
}

#[inline]
pub(crate) fn length_delimited(out: &mut Vec<u8>, key: u8, bytes: &[u8]) {
    varint_field(out, key, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A message written by `body` in place; its length is filled in afterwards.
#[inline]
pub(crate) fn nested<R>(out: &mut Vec<u8>, key: u8, body: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    out.extend_from_slice(&[key, 0]);
    let start = out.len();
    let result = body(out);
    close_nested(out, start);
    result
}

/// Fills in the length of a message whose body began at `start`, behind one byte kept for it.
#[inline]
pub(crate) fn close_nested(out: &mut Vec<u8>, start: usize) {
    let len = out.len() - start;
    match out.get_mut(start - 1) {
        Some(byte) if len < 0x80 => *byte = len as u8,
        _ => widen(out, start, len),
    }
}

/// The rare long message: its body moves to make room for a longer length.
#[cold]
fn widen(out: &mut Vec<u8>, start: usize, len: usize) {
    let extra = varint_len(len as u64) - 1;
    out.resize(out.len() + extra, 0);
    out.copy_within(start..start + len, start + extra);
    let mut value = len as u64;
    for byte in &mut out[start - 1..start + extra] {
        *byte = value as u8 | 0x80;
        value >>= 7;
    }
    out[start + extra - 1] &= 0x7f;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_equal_prost(value in any::<u64>(), shift in 0u32..64) {
            let value = value >> shift;
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            varint(&mut ours, value);
            prost::encoding::encode_varint(value, &mut theirs);
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(ours.len(), varint_len(value));
        }

        #[test]
        fn nested_equals_length_delimited(bytes in prop::collection::vec(any::<u8>(), 0..40_000), before in 0usize..5) {
            let (mut ours, mut theirs) = (vec![9; before], vec![9; before]);
            nested(&mut ours, 0x0a, |out| out.extend_from_slice(&bytes));
            length_delimited(&mut theirs, 0x0a, &bytes);
            prop_assert_eq!(ours, theirs);
        }
    }
}
