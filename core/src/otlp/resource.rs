//! A tracer's resource and instrumentation scopes, encoded once.

use std::sync::{Arc, PoisonError, RwLock};

use super::decode::{decode_resource, decode_scope};
use super::{key, write_attribute};
use crate::span::{InstrumentationScope, Resource};
use crate::wire::{DecodeError, Reader, length_delimited};

const RESOURCE_SPANS_RESOURCE: u8 = 0x0a;
const RESOURCE_SPANS_SCOPE_SPANS: u8 = 0x12;
const SCOPE_SPANS_SCOPE: u8 = 0x0a;

/// A resource and the scopes used with it, with their encoded bytes.
#[derive(Debug)]
pub struct ResourceBytes {
    resource: Arc<Resource>,
    bytes: Vec<u8>,
    scopes: RwLock<Vec<EncodedScope>>,
}

#[derive(Debug, Clone)]
pub(super) struct EncodedScope {
    pub(super) scope: Arc<InstrumentationScope>,
    pub(super) bytes: Arc<[u8]>,
}

impl Default for ResourceBytes {
    fn default() -> Self {
        Self::new(Resource::default())
    }
}

impl ResourceBytes {
    /// Scope 0, under which native spans are recorded.
    pub const OWN_SCOPE: u16 = 0;

    /// Encodes `resource`. Scope 0 is this crate.
    pub fn new(resource: Resource) -> Self {
        let mut bytes = Vec::new();
        for (name, value) in &resource.attributes {
            write_attribute(&mut bytes, key::KEY_VALUE_KEY, name, value);
        }
        let own = InstrumentationScope {
            name: "tracer-factory".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Self { resource: Arc::new(resource), bytes, scopes: RwLock::new(vec![EncodedScope::new(own)]) }
    }

    /// The resource as a value.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// The `Resource` message.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many scopes are known.
    pub(crate) fn scopes(&self) -> usize {
        self.scopes.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// All that a later process needs to know to send this one's records: a `ResourceSpans` with every scope, in the
    /// order of their numbers, and no spans.
    pub(crate) fn to_context(&self) -> Vec<u8> {
        let mut out = Vec::new();
        length_delimited(&mut out, RESOURCE_SPANS_RESOURCE, &self.bytes);
        for scope in self.scopes.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let mut spans = Vec::new();
            length_delimited(&mut spans, SCOPE_SPANS_SCOPE, &scope.bytes);
            length_delimited(&mut out, RESOURCE_SPANS_SCOPE_SPANS, &spans);
        }
        out
    }

    /// The same out of what another process wrote.
    pub(crate) fn from_context(context: &[u8]) -> Result<Self, DecodeError> {
        let (mut resource, mut scopes) = (Resource::default(), Vec::new());
        let mut reader = Reader::new(context);
        while let Some((number, field)) = reader.field()? {
            match number {
                1 => resource = decode_resource(field.bytes(number)?)?,
                2 => {
                    let mut spans = Reader::new(field.bytes(number)?);
                    while let Some((number, field)) = spans.field()? {
                        if number == 1 {
                            scopes.push(EncodedScope::new(decode_scope(field.bytes(number)?)?));
                        }
                    }
                }
                _ => {}
            }
        }
        let this = Self::new(resource);
        if !scopes.is_empty() {
            *this.scopes.write().unwrap_or_else(PoisonError::into_inner) = scopes;
        }
        Ok(this)
    }

    /// The number of `scope`, now known. When all 65,535 numbers are taken, that of scope 0.
    pub fn add_scope(&self, scope: InstrumentationScope) -> u16 {
        let mut scopes = self.scopes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = scopes.iter().position(|known| *known.scope == scope) {
            return at as u16;
        }
        let Ok(number) = u16::try_from(scopes.len()) else { return Self::OWN_SCOPE };
        scopes.push(EncodedScope::new(scope));
        number
    }

    /// The scope with this number; scope 0 for a number never given.
    pub fn scope(&self, number: u16) -> Arc<InstrumentationScope> {
        self.encoded_scope(number).scope
    }

    pub(super) fn encoded_scope(&self, number: u16) -> EncodedScope {
        let scopes = self.scopes.read().unwrap_or_else(PoisonError::into_inner);
        scopes.get(usize::from(number)).unwrap_or(&scopes[0]).clone()
    }
}

impl EncodedScope {
    fn new(scope: InstrumentationScope) -> Self {
        let mut bytes = Vec::new();
        if !scope.name.is_empty() {
            length_delimited(&mut bytes, 0x0a, scope.name.as_bytes());
        }
        if !scope.version.is_empty() {
            length_delimited(&mut bytes, 0x12, scope.version.as_bytes());
        }
        Self { scope: Arc::new(scope), bytes: bytes.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_process_knows_resource_and_scopes() {
        let attributes = vec![("service.name".to_owned(), "shop".into()), ("n".to_owned(), 7.into())];
        let before = ResourceBytes::new(Resource { attributes });
        let scope = |name: &str| InstrumentationScope { name: name.to_owned(), version: "1".to_owned() };
        assert_eq!(before.add_scope(scope("sqlx")), 1);
        assert_eq!(before.add_scope(scope("")), 2);
        let after = ResourceBytes::from_context(&before.to_context()).unwrap();
        assert_eq!((after.resource(), after.bytes()), (before.resource(), before.bytes()));
        assert_eq!(after.scopes(), 3);
        for number in 0..3 {
            assert_eq!(after.scope(number), before.scope(number));
        }
        assert!(ResourceBytes::from_context(b"\x0a\xff").is_err());
    }
}
