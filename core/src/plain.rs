//! Attribute values on their way into a span: by kind, so that they travel in registers.

use std::borrow::Cow;

use crate::value::{AttrValue, Value};

/// A value as the recorder takes it: what nearly every value is, by itself, and the rest by reference.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plain<'a> {
    Str(&'a str),
    Number(Number),
    Other(&'a AttrValue<'a>),
}

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

impl AttrValue<'_> {
    /// In its plain form.
    #[inline(always)]
    pub(crate) fn plain(&self) -> Plain<'_> {
        let number = |kind, bits| Plain::Number(Number { kind, bits });
        match self {
            AttrValue::Str(Cow::Borrowed(text)) => Plain::Str(text),
            AttrValue::Str(Cow::Owned(text)) => Plain::Str(text),
            AttrValue::Bool(value) => number(NumberKind::Bool, u64::from(*value)),
            AttrValue::Int(value) => number(NumberKind::Int, *value as u64),
            AttrValue::Double(value) => number(NumberKind::Double, value.to_bits()),
            other => Plain::Other(other),
        }
    }

    /// Drops it. Where the variant is known at compile time, so is that there is nothing to drop.
    #[inline(always)]
    pub(crate) fn done(self) {
        use AttrValue::{Bool, Double, Int, Str};
        if let Str(Cow::Borrowed(_)) | Bool(_) | Int(_) | Double(_) = &self {
            std::mem::forget(self);
        }
    }
}
