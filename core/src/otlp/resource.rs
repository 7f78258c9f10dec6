//! A tracer's resource and instrumentation scopes, encoded once.

use std::sync::{Arc, PoisonError, RwLock};

use super::{key, write_attribute};
use crate::span::{InstrumentationScope, Resource};
use crate::wire::length_delimited;

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
