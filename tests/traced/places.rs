//! `tracer`, `parent`, `new_trace` and `crate`: where spans go.

use std::sync::Arc;

use tracer_factory::{BaseTracer, Context, NoOpTracer, TracerConfig, TracerType, detach, traced};

use crate::recorded;

struct Service {
    tracer: Arc<dyn BaseTracer>,
}

impl Service {
    #[traced(tracer = self.tracer)]
    fn by_field(&self) {}

    #[traced(tracer = &*self.tracer)]
    fn by_reference(&self) {}

    #[traced(tracer = Arc::clone(&self.tracer), name = "by_value")]
    async fn by_value(&self) {}

    #[traced(tracer = tracer, skip(tracer))]
    fn by_argument(tracer: &impl BaseTracer) {}
}

#[tokio::test]
async fn a_given_tracer_is_used() {
    let other = recorded();
    let recorded = recorded();
    let service = Service { tracer: Arc::clone(&other.tracer) };
    service.by_field();
    service.by_reference();
    service.by_value().await;
    assert!(recorded.capture.spans().is_empty());
    let spans = other.capture.spans();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["by_field", "by_reference", "by_value"]);
    Service::by_argument(&NoOpTracer::new(&TracerConfig::new(TracerType::NoOp)).unwrap());
    assert!(recorded.capture.spans().is_empty());
}

#[traced(skip_all)]
fn under_current() {}

#[traced(parent = parent, skip_all)]
fn under(parent: &Context) {}

#[traced(parent = parent, skip_all)]
async fn future_under(parent: Context) {}

#[traced(parent = Context::from_span_context(Default::default()))]
fn under_nothing() {}

#[traced(new_trace)]
fn new_trace() {
    under_current();
}

#[tokio::test]
async fn parents() {
    let recorded = recorded();
    let outer = recorded.tracer.trace_context("outer");
    let context = outer.context();
    under_current();
    assert_eq!(recorded.named("under_current").parent_span_id, Some(outer.span_id()));
    recorded.capture.clear();
    new_trace();
    let root = recorded.named("new_trace");
    assert_eq!(root.parent_span_id, None);
    assert_ne!(root.context.trace_id, outer.trace_id());
    assert_eq!(recorded.named("under_current").parent_span_id, Some(root.context.span_id));
    under_nothing();
    assert_eq!(recorded.named("under_nothing").parent_span_id, None);
    let _detached = detach();
    under(&context);
    assert_eq!(recorded.named("under").parent_span_id, Some(outer.span_id()));
    future_under(context).await;
    assert_eq!(recorded.named("future_under").parent_span_id, Some(outer.span_id()));
}

/// Stands in for the crate under another name, and shows that it was asked.
pub(crate) mod elsewhere {
    pub(crate) mod __private {
        pub(crate) use tracer_factory::__private::*;

        pub(crate) fn scope(options: &SpanOptions<'_>) -> Scope {
            let scope = tracer_factory::__private::scope(options);
            scope.set_attribute("asked", "elsewhere");
            scope
        }
    }
}

#[traced(crate = "crate::places::elsewhere")]
fn by_another_path() {}

#[test]
fn the_crate_may_have_another_name() {
    let recorded = recorded();
    by_another_path();
    assert!(recorded.span().attribute("asked").is_some());
}
