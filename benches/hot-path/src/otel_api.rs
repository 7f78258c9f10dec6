//! Spans through the OpenTelemetry API, whoever stands behind it.

use opentelemetry::KeyValue;
use opentelemetry::trace::{TraceContextExt, Tracer};

use crate::case::{AGENT, EVENT, Load, NAME, PROVIDER, Shape, TOKENS, Values};

/// Records the load with a tracer of the API.
pub fn record<T: Tracer>(tracer: &T, load: Load, values: Values)
where
    T::Span: Send + Sync + 'static,
{
    for _ in 0..load.traces {
        nest(tracer, load.shape, load.depth, values);
    }
}

/// Attributes go through the builder, which is cheaper than setting them one by one on the open span.
#[inline(never)]
fn nest<T: Tracer>(tracer: &T, shape: Shape, depth: usize, values: Values)
where
    T::Span: Send + Sync + 'static,
{
    match shape {
        Shape::Bare => tracer.in_span(NAME, |_| {
            if depth > 1 {
                nest(tracer, shape, depth - 1, values);
            }
        }),
        Shape::Rich => {
            let attributes = vec![
                KeyValue::new(PROVIDER, values.provider),
                KeyValue::new(TOKENS, values.tokens),
                KeyValue::new(AGENT, values.agent),
            ];
            tracer.in_span_with_builder(tracer.span_builder(NAME).with_attributes(attributes), |cx| {
                if depth > 1 {
                    nest(tracer, shape, depth - 1, values);
                }
                cx.span().add_event(EVENT, Vec::new());
            });
        }
    }
}
