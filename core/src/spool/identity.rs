//! Whose spans these are: the destinations and the latest context, for what a killed process left outside segments.

use super::directory::Directory;
use super::error::SpoolError;
use super::fields::{Fields, put_counted, seal, unseal};

pub(super) const IDENTITY: &str = "identity";

const MAGIC: [u8; 8] = *b"tfident\n";
const VERSION: u32 = 1;
const LARGEST: u64 = 64 << 20;

/// What the tracer of a directory is and sends to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) context: Vec<u8>,
    pub(super) destinations: Vec<String>,
}

impl Identity {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        put_counted(&self.context, &mut bytes);
        for destination in &self.destinations {
            put_counted(destination.as_bytes(), &mut bytes);
        }
        seal(bytes)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(unseal(bytes)?);
        if fields.array() != Some(MAGIC) || fields.u32() != Some(VERSION) {
            return None;
        }
        let mut identity = Self { context: fields.counted()?.to_vec(), destinations: Vec::new() };
        while !fields.is_empty() {
            identity.destinations.push(fields.text()?);
        }
        Some(identity)
    }

    pub(super) fn save(&self, directory: &Directory) -> Result<u64, SpoolError> {
        let bytes = self.encode();
        directory.replace(IDENTITY, &bytes)?;
        Ok(bytes.len() as u64)
    }

    /// `None` when the file is missing or damaged.
    pub(super) fn load(directory: &Directory) -> Option<Self> {
        Self::decode(&directory.contents(IDENTITY, LARGEST).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_or_refused() {
        let identity = Identity { context: vec![1, 2, 3], destinations: vec!["otlp http://h:4318".into()] };
        let bytes = identity.encode();
        assert_eq!(Identity::decode(&bytes), Some(identity));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert_eq!(Identity::decode(&flipped), None, "byte {at}");
            assert_eq!(Identity::decode(&bytes[..at]), None, "{at} bytes");
        }
    }
}
