//! Exporters of one's own: any name, any way of working, any way of failing.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::sync::Notify;
use tracer_factory_core::capture::Capture;
use tracer_factory_core::config::{TracerConfig, TracerType};
use tracer_factory_core::delivery::{Destination, Outcome};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::tracer::BaseTracer;
use tracer_factory_sdk::{BoxError, register_exporter, registered, registered_names};

use crate::support::*;

fn config(name: &str) -> TracerConfig {
    TracerConfig::new(TracerType::Registered(name.to_owned()))
}

fn connect_own(name: &str) -> Result<Box<dyn Destination>, ConfigError> {
    Ok((registered(name, &config(name)).unwrap().connect)()?.destination)
}

#[derive(Debug, Default)]
struct Keeps {
    spans: Arc<Mutex<Vec<SpanData>>>,
    resource: Arc<Mutex<Option<Resource>>>,
    shut_down: Arc<AtomicBool>,
}

impl SpanExporter for Keeps {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        // Both would panic without a runtime that can be reached.
        tokio::time::sleep(Duration::from_millis(1)).await;
        tokio::spawn(async {}).await.unwrap();
        self.spans.lock().unwrap().extend(batch);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        *self.resource.lock().unwrap() = Some(resource.clone());
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.shut_down.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn spans_and_resource_arrive_under_a_name_in_any_case() {
    let (spans, resource, shut_down) =
        <(Arc<Mutex<Vec<SpanData>>>, Arc<Mutex<Option<Resource>>>, Arc<AtomicBool>)>::default();
    let shared = (Arc::clone(&spans), Arc::clone(&resource), Arc::clone(&shut_down));
    register_exporter("Keeps", move |config| {
        assert_eq!(config.tracer_types, [TracerType::Registered("keeps".to_owned())]);
        let (spans, resource, shut_down) = shared.clone();
        Ok::<_, BoxError>(Keeps { spans, resource, shut_down })
    })
    .unwrap();
    assert!(registered_names().contains(&"Keeps"));
    let plan = registered("keeps", &config("keeps")).unwrap();
    assert_eq!((plan.backend, plan.endpoint.as_str()), ("Keeps", "Keeps"));
    let mut destination = connect_own("keeps").unwrap();
    assert_eq!(destination.deliver(&batch()).await, Outcome::all());
    destination.close().await;
    assert_eq!(spans.lock().unwrap().len(), 5);
    assert_eq!(spans.lock().unwrap()[0].name, "handle_query \u{1f980}");
    let resource = resource.lock().unwrap().take().unwrap();
    assert_eq!(resource.get(&"service.name".into()).unwrap().to_string(), "gateway");
    assert!(shut_down.load(Ordering::SeqCst));
}

/// What blocking HTTP clients do inside: a runtime of their own, on the calling thread.
#[derive(Debug)]
struct Blocks;

impl Blocks {
    fn new() -> Self {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {});
        Blocks
    }
}

impl SpanExporter for Blocks {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Self::new();
        assert!(
            opentelemetry::Context::current().is_telemetry_suppressed(),
            "its own requests make no spans"
        );
        Ok(())
    }
}

#[tokio::test]
async fn an_exporter_may_block() {
    register_exporter("blocks", |_| Ok(Blocks::new())).unwrap();
    assert_eq!(connect_own("blocks").unwrap().deliver(&batch()).await, Outcome::all());
}

/// Is instrumented with the tracer whose spans it exports.
#[derive(Debug)]
struct Traces(Arc<RecordingTracer>);

impl Traces {
    fn new(tracer: Arc<RecordingTracer>) -> Self {
        assert!(!tracer.trace_context("made").is_recording());
        Self(tracer)
    }
}

impl SpanExporter for Traces {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        assert!(!self.0.trace_context("exported").is_recording());
        assert!(opentelemetry::Context::current().is_telemetry_suppressed());
        Ok(())
    }

    fn shutdown(&self) -> OTelSdkResult {
        drop(self.0.trace_context("shut down"));
        Ok(())
    }
}

#[test]
fn an_exporter_does_not_trace_itself() {
    let (tracer, capture) = Capture::with_config(&config("traces")).unwrap();
    let used = Arc::clone(&tracer);
    register_exporter("traces", move |_| Ok(Traces::new(Arc::clone(&used)))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut destination = connect_own("traces").unwrap();
        assert_eq!(destination.deliver(&batch()).await, Outcome::all());
        destination.close().await;
    });
    drop(tracer.trace_context("outside"));
    let names: Vec<_> = capture.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["outside"]);
}

/// Does with each batch what the list says.
#[derive(Debug)]
struct Fails(AtomicUsize);

impl SpanExporter for Fails {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Err(OTelSdkError::InternalFailure("no disk".to_owned())),
            1 => Err(OTelSdkError::Timeout(Duration::from_secs(3))),
            2 => Err(OTelSdkError::AlreadyShutdown),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn failures_are_outcomes() {
    register_exporter("fails", |_| Ok(Fails(AtomicUsize::new(0)))).unwrap();
    let mut destination = connect_own("fails").unwrap();
    for words in ["no disk", "3s"] {
        let outcome = destination.deliver(&batch()).await;
        let Outcome::Retry { after: None, error } = outcome else { panic!("{words}: {outcome:?}") };
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(matches!(destination.deliver(&batch()).await, Outcome::Rejected(_)));
    assert_eq!(destination.deliver(&batch()).await, Outcome::all());
}

/// Panics once, then takes everything.
#[derive(Debug)]
struct PanicsOnce(AtomicBool);

impl SpanExporter for PanicsOnce {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        assert!(self.0.swap(true, Ordering::SeqCst), "on purpose");
        Ok(())
    }
}

#[test]
fn a_panic_goes_through_and_the_exporter_is_used_again() {
    register_exporter("panics-once", |_| Ok(PanicsOnce(AtomicBool::new(false)))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut destination = runtime.block_on(async { connect_own("panics-once").unwrap() });
    let mut deliver = || runtime.block_on(destination.deliver(&batch()));
    let payload = catch_unwind(AssertUnwindSafe(&mut deliver)).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"on purpose"));
    assert_eq!(deliver(), Outcome::all());
}

/// Panics whenever a span called `poison` is there.
#[derive(Debug)]
struct Poisoned;

impl SpanExporter for Poisoned {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        assert!(batch.iter().all(|span| span.name != "poison"), "on purpose");
        Ok(())
    }
}

#[test]
fn a_span_that_makes_the_exporter_panic_does_not_block_the_queue() {
    register_exporter("poisoned", |_| Ok(Poisoned)).unwrap();
    let config = config("poisoned");
    let plan = registered("poisoned", &config).unwrap();
    let tracer = RecordingTracer::with_plans(&config, vec![plan]).unwrap();
    let settle = || {
        // A flush makes delivery try again at once.
        let mut reports = (0..400).map(|_| tracer.flush(Duration::from_millis(50)));
        reports.find(|report| report.destinations[0].pending == 0).unwrap()
    };
    drop(tracer.trace_context("poison"));
    let report = settle();
    assert_eq!(report.destinations[0].dropped["destination_panicked"], 1);
    drop(tracer.trace_context("harmless"));
    assert_eq!(settle().destinations[0].delivered, 1);
}

#[derive(Debug)]
struct Hangs {
    called: Arc<Notify>,
    ended: Arc<Notify>,
}

impl SpanExporter for Hangs {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        struct Ended(Arc<Notify>);
        impl Drop for Ended {
            fn drop(&mut self) {
                self.0.notify_one();
            }
        }
        let _ended = Ended(Arc::clone(&self.ended));
        self.called.notify_one();
        pending().await
    }
}

/// Delivery's deadline drops the future; no thread may be left behind waiting.
#[tokio::test]
async fn a_hanging_export_ends_with_its_delivery() {
    let (called, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let shared = (Arc::clone(&called), Arc::clone(&ended));
    register_exporter("hangs", move |_| {
        Ok(Hangs { called: Arc::clone(&shared.0), ended: Arc::clone(&shared.1) })
    })
    .unwrap();
    let mut destination = connect_own("hangs").unwrap();
    let batch = batch();
    tokio::select! {
        outcome = destination.deliver(&batch) => panic!("{outcome:?}"),
        () = called.notified() => {}
    }
    ended.notified().await;
}

#[tokio::test]
async fn a_factory_that_fails_is_a_named_error() {
    register_exporter("no-good", |_| Err::<Blocks, BoxError>("the key is missing".into())).unwrap();
    let error = connect_own("no-good").err().unwrap().to_string();
    assert_eq!(error, "no-good: the key is missing");
    register_exporter("panics", |_| -> Result<Blocks, BoxError> { panic!("on purpose") }).unwrap();
    let error = connect_own("panics").err().unwrap().to_string();
    assert!(error.contains("panicked"), "{error}");
}

#[test]
fn names_that_would_not_work_are_refused() {
    for name in ["otlp", "Jaeger", "none", "", "a b", "a,b"] {
        let error = register_exporter(name, |_| Ok(Blocks)).unwrap_err().to_string();
        assert!(error.starts_with("the name of an exporter="), "{error}");
    }
    assert!(registered("never-registered", &config("x")).is_none());
}
