//! As much of Thrift as it takes to count the spans of a Jaeger batch: both protocols, read into a tree.

/// A value; what nobody here looks at is `Other`.
enum Value {
    Struct(Vec<(i16, Value)>),
    List(Vec<Value>),
    Bytes(Vec<u8>),
    Other,
}

impl Value {
    fn field(&self, id: i16) -> Option<&Value> {
        let Value::Struct(fields) = self else { return None };
        fields.iter().find(|(field, _)| *field == id).map(|(_, value)| value)
    }
}

/// The service of each span in `Batch { 1: Process { 1: service }, 2: spans }`.
fn services(batch: &Value) -> Option<Vec<String>> {
    let Value::Bytes(service) = batch.field(1)?.field(1)? else { return None };
    let Value::List(spans) = batch.field(2)? else { return None };
    Some(vec![String::from_utf8(service.clone()).ok()?; spans.len()])
}

/// Of the body of a request to a collector: a batch in the binary protocol.
pub(super) fn services_of_batch(bytes: &[u8]) -> Option<Vec<String>> {
    let mut input = Input(bytes);
    let batch = input.binary(12)?;
    services(&batch).filter(|_| input.0.is_empty())
}

/// Of a packet to an agent: a one-way call of `emitBatch(1: batch)` in the compact protocol.
pub(super) fn services_of_packet(bytes: &[u8]) -> Option<Vec<String>> {
    const ONE_WAY: u8 = 4;
    let mut input = Input(bytes);
    if input.byte()? != 0x82 || input.byte()? != ONE_WAY << 5 | 1 {
        return None;
    }
    input.varint()?;
    if input.compact_bytes()? != b"emitBatch" {
        return None;
    }
    let arguments = input.compact(12)?;
    services(arguments.field(1)?).filter(|_| input.0.is_empty())
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn other(&mut self, size: usize) -> Option<Value> {
        self.take(size).map(|_| Value::Other)
    }

    fn binary_length(&mut self) -> Option<usize> {
        let length = i32::from_be_bytes(self.take(4)?.try_into().ok()?);
        length.try_into().ok()
    }

    fn binary(&mut self, kind: u8) -> Option<Value> {
        match kind {
            2 | 3 => self.other(1),
            6 => self.other(2),
            8 => self.other(4),
            4 | 10 => self.other(8),
            11 => {
                let length = self.binary_length()?;
                self.take(length).map(|bytes| Value::Bytes(bytes.to_vec()))
            }
            12 => {
                let mut fields = Vec::new();
                loop {
                    let kind = self.byte()?;
                    if kind == 0 {
                        return Some(Value::Struct(fields));
                    }
                    let id = i16::from_be_bytes(self.take(2)?.try_into().ok()?);
                    fields.push((id, self.binary(kind)?));
                }
            }
            15 => {
                let kind = self.byte()?;
                let length = self.binary_length()?;
                (0..length).map(|_| self.binary(kind)).collect::<Option<_>>().map(Value::List)
            }
            _ => None,
        }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    fn compact_bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.varint()?;
        self.take(length.try_into().ok()?)
    }

    fn compact(&mut self, kind: u8) -> Option<Value> {
        match kind {
            // In a field the type is the value; in a list a byte follows, and none is here.
            1 | 2 => Some(Value::Other),
            3 => self.other(1),
            4..=6 => self.varint().map(|_| Value::Other),
            7 => self.other(8),
            8 => self.compact_bytes().map(|bytes| Value::Bytes(bytes.to_vec())),
            9 => {
                let head = self.byte()?;
                let length = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                (0..length).map(|_| self.compact(head & 15)).collect::<Option<_>>().map(Value::List)
            }
            12 => {
                let (mut fields, mut id) = (Vec::new(), 0_i16);
                loop {
                    let head = self.byte()?;
                    if head == 0 {
                        return Some(Value::Struct(fields));
                    }
                    id = match head >> 4 {
                        0 => self.zigzag()?.try_into().ok()?,
                        delta => id + i16::from(delta),
                    };
                    fields.push((id, self.compact(head & 15)?));
                }
            }
            _ => None,
        }
    }
}
