//! OTLP's trace messages: spans as bytes and as values, requests around them.
//!
//! The bytes of a `Span` message are the one currency of the whole path; decoding happens at its edges.

mod budget;
mod decode;
mod decode_value;
mod encode;
mod json_decode;
mod json_encode;
mod request;
mod resource;
mod span_ref;

pub use decode::{decode_request, decode_span};
pub(crate) use encode::encode_record;
pub use encode::{encode_request, encode_span};
pub(crate) use encode::{
    write_attribute, write_attributes_bounded, write_link_context, write_short_number, write_short_text,
    write_status, write_value_bounded,
};
pub use json_decode::{JsonDecodeError, decode_json_request};
pub use json_encode::request_to_json;
pub use request::frame_request;
#[cfg(feature = "http")]
pub(crate) use request::frame_request_into;
pub use resource::ResourceBytes;
pub use span_ref::{Attribute, Details, EventRef, LinkRef, SpanRef};

pub use crate::wire::{DecodeError, Field, Reader};

/// The keys (number << 3 | wire type) of the fields we write.
pub(crate) mod key {
    pub(crate) const SPAN_TRACE_ID: u8 = 0x0a;
    pub(crate) const SPAN_ID: u8 = 0x12;
    pub(crate) const SPAN_TRACE_STATE: u8 = 0x1a;
    pub(crate) const SPAN_PARENT_ID: u8 = 0x22;
    pub(crate) const SPAN_NAME: u8 = 0x2a;
    pub(crate) const SPAN_KIND: u8 = 0x30;
    pub(crate) const SPAN_START: u8 = 0x39;
    pub(crate) const SPAN_END: u8 = 0x41;
    pub(crate) const SPAN_ATTRIBUTE: u8 = 0x4a;
    pub(crate) const SPAN_DROPPED_ATTRIBUTES: u8 = 0x50;
    pub(crate) const SPAN_EVENT: u8 = 0x5a;
    pub(crate) const SPAN_DROPPED_EVENTS: u8 = 0x60;
    pub(crate) const SPAN_LINK: u8 = 0x6a;
    pub(crate) const SPAN_DROPPED_LINKS: u8 = 0x70;
    pub(crate) const SPAN_STATUS: u8 = 0x7a;
    pub(crate) const SPAN_FLAGS: [u8; 2] = [0x85, 0x01];

    pub(crate) const EVENT_TIME: u8 = 0x09;
    pub(crate) const EVENT_NAME: u8 = 0x12;
    pub(crate) const EVENT_ATTRIBUTE: u8 = 0x1a;
    pub(crate) const EVENT_DROPPED_ATTRIBUTES: u8 = 0x20;

    pub(crate) const LINK_TRACE_ID: u8 = 0x0a;
    pub(crate) const LINK_SPAN_ID: u8 = 0x12;
    pub(crate) const LINK_TRACE_STATE: u8 = 0x1a;
    pub(crate) const LINK_ATTRIBUTE: u8 = 0x22;
    pub(crate) const LINK_DROPPED_ATTRIBUTES: u8 = 0x28;
    pub(crate) const LINK_FLAGS: u8 = 0x35;

    pub(crate) const STATUS_MESSAGE: u8 = 0x12;
    pub(crate) const STATUS_CODE: u8 = 0x18;

    pub(crate) const KEY_VALUE_KEY: u8 = 0x0a;
    pub(crate) const KEY_VALUE_VALUE: u8 = 0x12;

    pub(crate) const VALUE_STRING: u8 = 0x0a;
    pub(crate) const VALUE_BOOL: u8 = 0x10;
    pub(crate) const VALUE_INT: u8 = 0x18;
    pub(crate) const VALUE_DOUBLE: u8 = 0x21;
    pub(crate) const VALUE_ARRAY: u8 = 0x2a;
    pub(crate) const VALUE_MAP: u8 = 0x32;
    pub(crate) const VALUE_BYTES: u8 = 0x3a;

    /// `HAS_IS_REMOTE`: bit 9 says whether the parent (or linked span) is in another process.
    pub(crate) const FLAG_HAS_IS_REMOTE: u32 = 0x100;
    /// `IS_REMOTE`.
    pub(crate) const FLAG_IS_REMOTE: u32 = 0x200;
}
