//! Reading protobuf fields out of bytes that may be anything.

/// Bytes that are not the protobuf message they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A field reaches beyond the end.
    #[error("a field is cut off")]
    Truncated,
    /// A varint of more than ten bytes, a field number of zero, or a wire type nobody uses.
    #[error("not protobuf")]
    Malformed,
    /// A known field has another wire type than its own.
    #[error("field {0} has the wrong wire type")]
    WrongType(u32),
    /// Text that is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// Values nested deeper than any real one.
    #[error("values are nested more than {} deep", DecodeError::DEPTH)]
    TooDeep,
    /// Elements of hardly a byte each, whose values would take many times the memory of the message.
    #[error("far too many empty elements")]
    TooManyElements,
}

impl DecodeError {
    /// How deep values may be nested; prost's limit.
    pub const DEPTH: u32 = 100;
}

/// One field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

impl<'a> Field<'a> {
    /// As bytes, or the error that says field `number` is not.
    pub fn bytes(self, number: u32) -> Result<&'a [u8], DecodeError> {
        match self {
            Field::Bytes(bytes) => Ok(bytes),
            _ => Err(DecodeError::WrongType(number)),
        }
    }

    /// As text.
    pub fn text(self, number: u32) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(number)?).map_err(|_| DecodeError::Utf8)
    }

    /// As a varint.
    pub fn varint(self, number: u32) -> Result<u64, DecodeError> {
        match self {
            Field::Varint(value) => Ok(value),
            _ => Err(DecodeError::WrongType(number)),
        }
    }

    /// As a 64-bit word.
    pub fn fixed64(self, number: u32) -> Result<u64, DecodeError> {
        match self {
            Field::Fixed64(value) => Ok(value),
            _ => Err(DecodeError::WrongType(number)),
        }
    }

    /// As a 32-bit word.
    pub fn fixed32(self, number: u32) -> Result<u32, DecodeError> {
        match self {
            Field::Fixed32(value) => Ok(value),
            _ => Err(DecodeError::WrongType(number)),
        }
    }
}

/// Reads a message field by field.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over one message.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, DecodeError> {
        // Nearly every key and length is one byte.
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    #[cold]
    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for (i, byte) in self.rest.iter().take(10).enumerate() {
            if i == 9 && *byte > 1 {
                return Err(DecodeError::Malformed);
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { DecodeError::Truncated } else { DecodeError::Malformed })
    }

    /// The next field's number and value; `None` at the end.
    #[inline]
    pub fn field(&mut self) -> Result<Option<(u32, Field<'a>)>, DecodeError> {
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            let key = u32::try_from(self.varint()?).map_err(|_| DecodeError::Malformed)?;
            let number = key >> 3;
            if number == 0 {
                return Err(DecodeError::Malformed);
            }
            let field = match key & 7 {
                0 => Field::Varint(self.varint()?),
                1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
                2 => {
                    let len = usize::try_from(self.varint()?).map_err(|_| DecodeError::Truncated)?;
                    Field::Bytes(self.take(len)?)
                }
                3 => {
                    self.skip_group(number, DecodeError::DEPTH)?;
                    continue;
                }
                5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
                _ => return Err(DecodeError::Malformed),
            };
            return Ok(Some((number, field)));
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Truncated)
    }

    /// Groups are long deprecated; a sender's unknown one is passed over, as protobuf demands.
    #[cold]
    fn skip_group(&mut self, number: u32, depth: u32) -> Result<(), DecodeError> {
        let depth = depth.checked_sub(1).ok_or(DecodeError::TooDeep)?;
        loop {
            let key = u32::try_from(self.varint()?).map_err(|_| DecodeError::Malformed)?;
            match key & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.take(8)?),
                2 => {
                    let len = usize::try_from(self.varint()?).map_err(|_| DecodeError::Truncated)?;
                    self.take(len)?;
                }
                3 => self.skip_group(key >> 3, depth)?,
                4 if key >> 3 == number => return Ok(()),
                5 => drop(self.take(4)?),
                _ => return Err(DecodeError::Malformed),
            }
        }
    }
}
