//! For each server: what it keeps of a trace, as a function from spans to its own JSON.
//!
//! Every module has `of`, which says what the server must show for spans as `get_last_trace` has them, and
//! `shown`, which brings what it did show into the same order and takes away what no span says. The two are
//! compared for equality. Nothing here uses the encoders under test.

pub mod console;
pub mod jaeger;
pub mod otlp;
pub mod phoenix;
pub mod sdk;
pub mod zipkin;

use serde_json::Value;

/// Sorts an array of objects by one of their texts.
fn sort_by_text(items: &mut [Value], key: &str) {
    items.sort_by(|a, b| a[key].as_str().cmp(&b[key].as_str()));
}
