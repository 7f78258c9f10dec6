//! Memory that is used again. The system takes large pieces back as soon as they are free and hands them out page by
//! page, each cleared: that costs more than what is written into them.

use std::sync::Mutex;

use crate::lock::lock;

/// Buffers that nobody uses now, of so many bytes together at most.
#[derive(Debug)]
pub(crate) struct Spare {
    limit: usize,
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl Spare {
    /// Keeps at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, buffers: Mutex::default() }
    }

    /// An empty buffer, with memory where there is some.
    pub(crate) fn take(&self) -> Vec<u8> {
        lock(&self.buffers).pop().unwrap_or_default()
    }

    /// Keeps a buffer's memory for the next one that is taken, if there is room.
    pub(crate) fn keep(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut buffers = lock(&self.buffers);
        let kept: usize = buffers.iter().map(Vec::capacity).sum();
        if buffer.capacity() > 0 && kept + buffer.capacity() <= self.limit {
            buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_empty_and_within_the_limit() {
        let spare = Spare::new(1000);
        assert_eq!(spare.take().capacity(), 0);
        let place = |buffer: &Vec<u8>| (buffer.as_ptr(), buffer.capacity());
        let mut first = Vec::with_capacity(600);
        first.extend_from_slice(b"of another batch");
        let there = place(&first);
        spare.keep(first);
        spare.keep(Vec::with_capacity(600));
        spare.keep(Vec::with_capacity(5000));
        let again = spare.take();
        assert_eq!((place(&again), again.len()), (there, 0));
        assert_eq!(spare.take().capacity(), 0, "there was no room for more");
    }
}
