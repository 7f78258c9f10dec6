//! Whether values fit into what is left of a span.

use crate::config::Limits;
use crate::value::AttrValue;

/// Room that an attribute's lengths and keys take at most, beside name and value.
pub(super) const ATTRIBUTE_FRAME: usize = 32;

/// Texts and bytes can be cut to fit; arrays and maps fit whole or not at all.
#[inline]
pub(super) fn fits(value: &AttrValue<'_>, room: usize) -> bool {
    match value {
        AttrValue::Array(_) | AttrValue::Map(_) => size(value) <= room,
        _ => true,
    }
}

/// How long the values of one event or link may be, so that together they fit into `room`; `None` when that is not possible.
#[inline]
pub(super) fn value_limit<'a>(
    attributes: impl Iterator<Item = (&'a str, &'a AttrValue<'a>)> + Clone,
    room: usize,
    limits: &Limits,
) -> Option<usize> {
    let total = |limit: usize| -> usize {
        let bound = |value| if fits(value, limit) { size(value).min(limit) } else { usize::MAX };
        attributes.clone().fold(0, |sum: usize, (name, value)| {
            sum.saturating_add(name.len() + ATTRIBUTE_FRAME).saturating_add(bound(value))
        })
    };
    if total(limits.value_bytes) <= room {
        return Some(limits.value_bytes);
    }
    let shared = room / 2 / attributes.clone().count().max(1);
    (total(shared) <= room).then_some(shared)
}

/// About how many bytes a value takes when encoded, never less.
fn size(value: &AttrValue<'_>) -> usize {
    const NUMBER: usize = 11;
    match value {
        AttrValue::Str(text) => text.len(),
        AttrValue::Bytes(bytes) => bytes.len(),
        AttrValue::Array(items) => items.iter().map(|item| size(item) + ATTRIBUTE_FRAME).sum(),
        AttrValue::Map(items) => {
            items.iter().map(|(name, item)| name.len() + size(item) + ATTRIBUTE_FRAME).sum()
        }
        _ => NUMBER,
    }
}
