//! A buffer that is written in place: what lies behind the written part is initialised already, so that a field is one
//! check for room and a few stores, where a `Vec` checks at each append.

/// Bytes, of which the first `used` count.
#[derive(Debug, Clone)]
pub(crate) struct Buffer {
    /// Never shorter than `used`.
    bytes: Vec<u8>,
    /// Narrow, so that the compiler sees that adding a length to it does not overflow.
    used: u32,
    /// Blocks end here at the latest.
    limit: usize,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { bytes: Vec::new(), used: 0, limit: usize::MAX }
    }
}

impl Buffer {
    /// How much is initialised at once.
    const STEP: usize = 512;

    /// What is written.
    #[inline]
    pub(crate) fn written(&self) -> &[u8] {
        self.bytes.get(..self.len()).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.used as usize
    }

    /// From now on there are no blocks beyond the first `limit` bytes. Longer ways of writing don't ask.
    pub(crate) fn limit(&mut self, limit: usize) {
        self.limit = limit;
        self.release();
    }

    /// Gives the memory back.
    #[cold]
    pub(crate) fn release(&mut self) {
        (self.bytes, self.used) = (Vec::new(), 0);
    }

    /// The next `N` bytes, which may hold anything; `None` beyond the limit. [`Buffer::advance`] says how many of them count.
    #[inline(always)]
    pub(crate) fn block<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        const { assert!(N <= Self::STEP) };
        let (start, end) = (self.len(), self.len() + N);
        if end > self.bytes.len() {
            return self.new_block();
        }
        self.bytes.get_mut(start..end)?.first_chunk_mut()
    }

    #[cold]
    #[inline(never)]
    fn new_block<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        let start = self.len();
        // Bytes behind the limit would be given out unasked.
        self.bytes.resize((start + Self::STEP).min(self.limit.max(start)), 0);
        self.bytes.get_mut(start..)?.first_chunk_mut()
    }

    /// Counts the first bytes and no others.
    #[inline(always)]
    pub(crate) fn used(&mut self, len: usize) {
        debug_assert!(len <= self.bytes.len());
        self.used = len as u32;
    }

    /// Counts bytes of the last block.
    #[inline(always)]
    pub(crate) fn advance(&mut self, len: usize) {
        self.used += len as u32;
    }

    /// All bytes, written or not, and at least `N` behind those that are.
    #[inline(always)]
    pub(crate) fn with_room<const N: usize>(&mut self) -> &mut [u8] {
        if self.len() + N > self.bytes.len() {
            self.make_room(N);
        }
        &mut self.bytes
    }

    /// No more than is asked for: blocks must not reach further for it.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, len: usize) {
        self.bytes.resize(self.len() + len, 0);
    }

    /// All bytes, written or not.
    pub(crate) fn all(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends `bytes`. There is no limit to them.
    #[inline(always)]
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let (start, end) = (self.len(), self.len() + bytes.len());
        if end > self.bytes.len() {
            self.grow(end);
        }
        if let Some(to) = self.bytes.get_mut(start..end) {
            to.copy_from_slice(bytes);
            self.used = end as u32;
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, len: usize) {
        self.bytes.resize(len + Self::STEP, 0);
    }

    /// Shows it as a `Vec` that ends where the written part does, to be appended to or edited.
    pub(crate) fn with_vec<R>(&mut self, edit: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.bytes.truncate(self.len());
        let result = edit(&mut self.bytes);
        self.used = self.bytes.len() as u32;
        result
    }

    /// Back to empty, keeping the memory.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Copies to `at` of a block. Names and values are short: two halves that overlap beat a call of `memcpy`.
#[inline(always)]
pub(crate) fn copy_into<const N: usize>(block: &mut [u8; N], at: usize, from: &[u8]) {
    let Some(to) = block.get_mut(at..).and_then(|rest| rest.get_mut(..from.len())) else { return };
    if from.len() > 16 {
        if from.len() > 32 {
            to.copy_from_slice(from);
        } else {
            halves::<16>(to, from);
        }
    } else if from.len() >= 8 {
        halves::<8>(to, from);
    } else if from.len() >= 4 {
        halves::<4>(to, from);
    } else if let (Some(first), Some(middle), Some(last)) =
        (from.first(), from.get(from.len() / 2), from.last())
    {
        // One, two or three bytes.
        let (half, end) = (to.len() / 2, to.len() - 1);
        (to[0], to[half], to[end]) = (*first, *middle, *last);
    }
}

#[inline(always)]
fn halves<const N: usize>(to: &mut [u8], from: &[u8]) {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else { return };
    if let Some(to) = to.first_chunk_mut() {
        *to = *first;
    }
    if let Some(to) = to.last_chunk_mut() {
        *to = *last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_count_as_far_as_they_are_advanced() {
        let mut buffer = Buffer::default();
        let block = buffer.block::<4>().unwrap();
        *block = *b"abcd";
        buffer.advance(2);
        buffer.append(b"ef");
        assert_eq!(buffer.written(), b"abef");
        buffer.with_room::<1000>()[0] = b'A';
        assert!(buffer.all().len() == 1004 && buffer.all().starts_with(b"Abef"));
        assert_eq!(buffer.written(), b"Abef");
        buffer.clear();
        assert_eq!((buffer.written(), buffer.len()), (&b""[..], 0));
        buffer.append(b"x");
        assert_eq!(buffer.written(), b"x", "nothing of what was there before shows");
    }

    #[test]
    fn blocks_end_at_the_limit() {
        let mut buffer = Buffer::default();
        buffer.limit(10);
        assert!(buffer.block::<8>().is_some());
        buffer.advance(8);
        assert!(buffer.block::<3>().is_none() && buffer.block::<2>().is_some());
        buffer.with_vec(|vec| vec.extend_from_slice(b"more"));
        assert!(buffer.block::<1>().is_none() && buffer.len() == 12);
    }

    proptest! {
        #[test]
        fn equals_a_vec(pieces in prop::collection::vec((0..3u8, "[a-zé]{0,300}"), 0..40)) {
            let (mut buffer, mut vec) = (Buffer::default(), Vec::new());
            for (way, text) in &pieces {
                match way {
                    0 => buffer.append(text.as_bytes()),
                    1 => buffer.with_vec(|vec| vec.extend_from_slice(text.as_bytes())),
                    _ => {
                        *buffer.block().unwrap() = *b"block";
                        buffer.advance(5);
                    }
                }
                vec.extend_from_slice(if *way < 2 { text.as_bytes() } else { b"block" });
                prop_assert_eq!(buffer.written(), &vec[..]);
            }
        }

        #[test]
        fn short_copies_copy(from in prop::collection::vec(any::<u8>(), 0..70), at in 0usize..20) {
            let mut block = [7; 90];
            copy_into(&mut block, at, &from);
            prop_assert_eq!(&block[at..at + from.len()], &from[..]);
            prop_assert!(block[..at].iter().chain(&block[at + from.len()..]).all(|byte| *byte == 7));
        }
    }
}
