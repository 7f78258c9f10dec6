//! OTLP's JSON: any bytes in; what was read is written and read again, as JSON and as protobuf.

use tracer_factory_core::otlp::{decode_json_request, request_to_json};

use crate::otlp::written_and_read_again;
use crate::spans::comparable;

/// Whole requests.
pub fn otlp_json(input: &[u8]) {
    let Ok(spans) = decode_json_request(input) else { return };
    let json = serde_json::to_vec(&request_to_json(spans.clone())).unwrap();
    let again = decode_json_request(&json).unwrap();
    assert_eq!(comparable(&again), comparable(&spans));
    written_and_read_again(spans);
}
