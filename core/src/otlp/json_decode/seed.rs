//! Reading JSON objects and arrays into messages, with a bound on depth and on what they decode to.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::scalar::Key;
use crate::otlp::budget::Budget;

/// As deep as our own encoder writes values, so that whatever is read can be written.
const DEEPEST: u32 = 24;

/// What reading one input carries along.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    budget: &'a Budget,
    /// Values around the current one.
    depth: u32,
}

impl<'a> Context<'a> {
    pub(super) fn new(budget: &'a Budget) -> Self {
        Self { budget, depth: 0 }
    }

    pub(super) fn message<M: Message>(self) -> MessageSeed<'a, M> {
        MessageSeed { context: self, message: PhantomData }
    }

    pub(super) fn list<M: Message>(self, items: &'a mut Vec<M>) -> ListSeed<'a, M> {
        ListSeed { context: self, items }
    }

    fn pay<M, E: de::Error>(self) -> Result<(), E> {
        self.budget.pay::<M>().ok_or_else(|| E::custom("far too many empty elements"))
    }

    pub(super) fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEEPEST {
            return Err(E::custom(format_args!("values are nested more than {DEEPEST} deep")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

/// A JSON object that is one of OTLP's messages.
pub(super) trait Message: Default {
    /// Reads the value of `key`, or passes it over.
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        context: Context<'_>,
    ) -> Result<(), A::Error>;
}

pub(super) struct MessageSeed<'a, M> {
    context: Context<'a>,
    message: PhantomData<M>,
}

impl<'de, M: Message> DeserializeSeed<'de> for MessageSeed<'_, M> {
    type Value = M;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<M, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Message> Visitor<'de> for MessageSeed<'_, M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<M, E> {
        Ok(M::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<M, A::Error> {
        let mut message = M::default();
        while let Some(Key(key)) = map.next_key()? {
            message.field(&key, &mut map, self.context)?;
        }
        Ok(message)
    }
}

/// Appends an array's elements to `items`.
pub(super) struct ListSeed<'a, M> {
    context: Context<'a>,
    items: &'a mut Vec<M>,
}

impl<'de, M: Message> DeserializeSeed<'de> for ListSeed<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Message> Visitor<'de> for ListSeed<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element_seed(self.context.message())? {
            self.context.pay::<M, A::Error>()?;
            self.items.push(item);
        }
        Ok(())
    }
}
