//! Fixed-width fields, little-endian: taken from the front of bytes that may be anything.

/// What is left of some bytes. Every step answers `None` when too little is left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Bytes behind their own length. No length makes this allocate.
    pub(super) fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }

    /// Text behind its length.
    pub(super) fn text(&mut self) -> Option<String> {
        std::str::from_utf8(self.counted()?).ok().map(str::to_owned)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How much is left.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }
}

/// Writes bytes behind their length.
pub(super) fn put_counted(bytes: &[u8], to: &mut Vec<u8>) {
    // Longer ones are cut: a reader sees a short field, never a wrong length.
    let bytes = bytes.get(..u32::MAX as usize).unwrap_or(bytes);
    to.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    to.extend_from_slice(bytes);
}

/// Appends the checksum of everything before it.
pub(super) fn seal(mut file: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&file);
    file.extend_from_slice(&sum.to_le_bytes());
    file
}

/// What `seal` was given, if nothing changed since.
pub(super) fn unseal(file: &[u8]) -> Option<&[u8]> {
    let (content, sum) = file.split_last_chunk::<4>()?;
    (crc32fast::hash(content) == u32::from_le_bytes(*sum)).then_some(content)
}
