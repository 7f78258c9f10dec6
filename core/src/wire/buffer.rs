//! A buffer that is written in place: what lies behind the written part is initialised already, so that a field is one
//! check for room and a few stores, where a `Vec` checks at each append.

/// Bytes, of which the first `used` count.
#[derive(Debug, Default, Clone)]
pub(crate) struct Buffer {
    /// Never shorter than `used`.
    bytes: Vec<u8>,
    /// Narrow, so that the compiler sees that adding a length to it does not overflow.
    used: u32,
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

    /// The next `N` bytes, which may hold anything. [`Buffer::advance`] says how many of them count.
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
        self.bytes.resize(self.len() + Self::STEP, 0);
        self.bytes.get_mut(self.used as usize..)?.first_chunk_mut()
    }

    /// Counts bytes of the last block.
    #[inline(always)]
    pub(crate) fn advance(&mut self, len: usize) {
        self.used += len as u32;
    }

    /// Appends a block.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, bytes: &[u8; N]) {
        if let Some(block) = self.block() {
            *block = *bytes;
            self.advance(N);
        }
    }

    /// Appends text of any length.
    #[inline(always)]
    pub(crate) fn put_text(&mut self, text: &str) {
        let start = self.len();
        match self.bytes.get_mut(start..start.saturating_add(text.len())) {
            Some(room) => {
                copy_short(room, text.as_bytes());
                self.advance(text.len());
            }
            None => self.grow(text.as_bytes()),
        }
    }

    /// Appends bytes, many rather than few.
    #[inline(always)]
    pub(crate) fn put_bytes(&mut self, bytes: &[u8]) {
        let start = self.len();
        match self.bytes.get_mut(start..start.saturating_add(bytes.len())) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.advance(bytes.len());
            }
            None => self.grow(bytes),
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, bytes: &[u8]) {
        self.with_vec(|vec| vec.extend_from_slice(bytes));
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

/// Copies between slices of one length. Names and values are short: two halves that overlap beat a call of `memcpy`.
#[inline(always)]
pub(crate) fn copy_short(to: &mut [u8], from: &[u8]) {
    if from.len() > 32 || to.len() != from.len() {
        let len = to.len().min(from.len());
        return to[..len].copy_from_slice(&from[..len]);
    }
    if !(halves::<16>(to, from) || halves::<8>(to, from) || halves::<4>(to, from)) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
}

#[inline(always)]
fn halves<const N: usize>(to: &mut [u8], from: &[u8]) -> bool {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else { return false };
    if let Some(to) = to.first_chunk_mut() {
        *to = *first;
    }
    if let Some(to) = to.last_chunk_mut() {
        *to = *last;
    }
    true
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
        buffer.put(b"ef");
        assert_eq!(buffer.written(), b"abef");
        buffer.clear();
        assert_eq!((buffer.written(), buffer.len()), (&b""[..], 0));
        buffer.put_text("x");
        assert_eq!(buffer.written(), b"x", "nothing of what was there before shows");
    }

    proptest! {
        #[test]
        fn equals_a_vec(pieces in prop::collection::vec((0..4u8, "[a-zé]{0,300}"), 0..40)) {
            let (mut buffer, mut vec) = (Buffer::default(), Vec::new());
            for (way, text) in &pieces {
                match way {
                    0 => buffer.put_text(text),
                    1 => buffer.put_bytes(text.as_bytes()),
                    2 => buffer.with_vec(|vec| vec.extend_from_slice(text.as_bytes())),
                    _ => buffer.put(b"block"),
                }
                vec.extend_from_slice(if *way < 3 { text.as_bytes() } else { b"block" });
                prop_assert_eq!(buffer.written(), &vec[..]);
            }
        }

        #[test]
        fn short_copies_copy(from in prop::collection::vec(any::<u8>(), 0..70)) {
            let mut to = vec![0; from.len()];
            copy_short(&mut to, &from);
            prop_assert_eq!(to, from);
        }
    }
}
