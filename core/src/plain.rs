//! Numbers on their way into a span: by kind, so that they travel in registers.

use crate::value::Value;

/// A value of fixed size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) kind: NumberKind,
    pub(crate) bits: u64,
}

/// What the bits of a number mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberKind {
    Bool,
    Int,
    Double,
}

impl Number {
    /// As the value it is.
    pub(crate) fn to_value(self) -> Value {
        match self.kind {
            NumberKind::Bool => Value::Bool(self.bits != 0),
            NumberKind::Int => Value::Int(self.bits as i64),
            NumberKind::Double => Value::Double(f64::from_bits(self.bits)),
        }
    }
}
