//! Attributes whose names are paths with dots, put together into objects and lists again.

use std::collections::HashMap;

use super::digits::{int_of_digits, is_digits};
use crate::json::Json;
use crate::record::Record;

/// Deeper than this, Python gives up; how deep exactly depends on its caller.
const MAX_DEPTH: usize = 960;

/// Why attributes can't be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnflattenError {
    #[error("there is an attribute {0:?}, which is where others begin")]
    Prefix(String),
    #[error("below {0:?} an attribute's name is too deep")]
    Depth(String),
    #[error("below {0:?} an index of a list is not written as Python writes it: {1:?}")]
    Index(String, String),
}

/// Deeper than this, nobody means it.
const SANE_DEPTH: usize = 64;

/// The same without errors: what doesn't fit is left out, and a list with odd indices stays an object.
pub(crate) fn unflatten_anyway(record: &Record<'_>, prefix: &str) -> Json {
    let mut root = Dict::default();
    for (name, value) in &record.attributes {
        let path = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
        if let Some(path) = path.filter(|path| path.split('.').count() <= SANE_DEPTH) {
            root.put(path, Json::from(value.as_ref()));
        }
    }
    root.into_json(false).unwrap_or_default()
}

/// What is below `prefix` and a dot, as one value; an empty object when there is nothing.
pub(crate) fn unflatten(record: &Record<'_>, prefix: &str) -> Result<Json, UnflattenError> {
    let mut root = Dict::default();
    for (name, value) in &record.attributes {
        let Some(rest) = name.strip_prefix(prefix) else { continue };
        match rest.strip_prefix('.') {
            Some(path) if path.split('.').count() > MAX_DEPTH => {
                return Err(UnflattenError::Depth(prefix.to_owned()));
            }
            Some(path) => root.put(path, Json::from(value.as_ref())),
            None if rest.is_empty() => return Err(UnflattenError::Prefix(prefix.to_owned())),
            None => {}
        }
    }
    root.into_json(true).map_err(|index| UnflattenError::Index(prefix.to_owned(), index))
}

#[derive(Default)]
struct Dict {
    items: Vec<(String, Node)>,
    places: HashMap<String, usize>,
}

enum Node {
    Leaf(Json),
    Dict(Dict),
}

impl Dict {
    fn put(&mut self, path: &str, value: Json) {
        let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
        let next = self.items.len();
        let place = *self.places.entry(step.to_owned()).or_insert(next);
        if place == next {
            self.items.push((step.to_owned(), Node::Leaf(Json::Null)));
        }
        let Some((_, node)) = self.items.get_mut(place) else { return };
        let Some(rest) = rest else {
            *node = Node::Leaf(value);
            return;
        };
        // A value that is on the way gives way, as in the package.
        if matches!(node, Node::Leaf(_)) {
            *node = Node::Dict(Dict::default());
        }
        if let Node::Dict(dict) = node {
            dict.put(rest, value);
        }
    }

    /// A list when the names are 0 to n-1; strictly, the error is an index in other digits or with leading zeros.
    fn into_json(self, strict: bool) -> Result<Json, String> {
        let mut fields = Vec::with_capacity(self.items.len());
        for (name, node) in self.items {
            let value = match node {
                Node::Leaf(value) => value,
                Node::Dict(dict) => dict.into_json(strict)?,
            };
            fields.push((name, value));
        }
        if fields.is_empty() || !fields.iter().all(|(name, _)| is_digits(name)) {
            return Ok(Json::Object(fields));
        }
        let mut numbers = Vec::with_capacity(fields.len());
        for (name, _) in &fields {
            match int_of_digits(name) {
                Some(number) => numbers.push(number),
                None if strict => return Err(name.clone()),
                None => return Ok(Json::Object(fields)),
            }
        }
        let mut order: Vec<Option<usize>> = vec![None; fields.len()];
        for (place, number) in numbers.iter().enumerate() {
            let slot = number.parse::<usize>().ok().and_then(|index| order.get_mut(index));
            match slot {
                Some(slot @ None) => *slot = Some(place),
                _ => return Ok(Json::Object(fields)),
            }
        }
        // It is a list, and the package looks its items up by how Python writes their indices.
        if let Some((name, _)) =
            fields.iter().zip(&numbers).find_map(|(field, number)| (field.0 != *number).then_some(field))
        {
            return if strict { Err(name.clone()) } else { Ok(Json::Object(fields)) };
        }
        let mut values: Vec<Json> = fields.into_iter().map(|(_, value)| value).collect();
        let items = order.into_iter().flatten().filter_map(|place| values.get_mut(place).map(std::mem::take));
        Ok(Json::Array(items.collect()))
    }
}
