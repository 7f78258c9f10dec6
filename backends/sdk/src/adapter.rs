//! A span exporter as a destination.
//!
//! An exporter may be asynchronous on tokio, or block its thread, or hold a client that panics inside a
//! runtime. The one place where all of them work is a thread of the runtime's blocking pool, where the
//! runtime can be reached and is not being driven; the SDK's own batch processor does the same.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;

use opentelemetry::{Context, ContextGuard};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SpanExporter;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracer_factory_core::delivery::{
    Batch, BoxFuture, DeliveryError, Destination, Outcome, suppress_this_thread,
};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::span::Resource;

use crate::convert;

/// What an exporter's own client knows of the last request, and the SDK's errors don't tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastOutcome(Arc<Mutex<Option<Outcome>>>);

impl LastOutcome {
    pub(crate) fn set(&self, outcome: Outcome) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    fn take(&self) -> Option<Outcome> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// An exporter, and how its errors are read.
pub(crate) struct SdkDestination<E> {
    /// Shared with the thread that exports, while it does.
    exporter: Arc<E>,
    endpoint: String,
    resource: Option<Arc<Resource>>,
    last: LastOutcome,
    is_permanent: fn(&str) -> bool,
    is_of_any_batch: fn(&str) -> bool,
}

/// What an exporter does on this thread makes no spans: neither ours, which would be exported and make spans
/// again, nor those of an OpenTelemetry SDK beside us. The thread is one of the delivery thread's own.
fn suppress() -> ContextGuard {
    suppress_this_thread();
    Context::enter_telemetry_suppressed_scope()
}

/// Makes an exporter where it may need a runtime and must not be inside one. It takes no longer
/// than the exporter's constructor.
pub(crate) fn build<E: Send>(
    name: &str,
    make: impl FnOnce() -> Result<E, ConfigError> + Send,
) -> Result<E, ConfigError> {
    let failed = |what: &str| ConfigError::Setup { backend: name.to_owned(), what: what.to_owned() };
    let runtime = Handle::try_current().map_err(|_| failed("it is connected outside the delivery thread"))?;
    let made = thread::scope(|scope| {
        let make = move || {
            let _runtime = runtime.enter();
            let _suppressed = suppress();
            catch_unwind(AssertUnwindSafe(make))
        };
        thread::Builder::new().spawn_scoped(scope, make).map(|thread| thread.join())
    });
    match made {
        Ok(Ok(Ok(exporter))) => exporter,
        Ok(_) => Err(failed("the exporter panicked when it was made")),
        Err(error) => Err(failed(&format!("no thread could be started: {error}"))),
    }
}

impl<E: SpanExporter + 'static> SdkDestination<E> {
    pub(crate) fn new(exporter: E, endpoint: impl Into<String>) -> Self {
        Self {
            exporter: Arc::new(exporter),
            endpoint: endpoint.into(),
            resource: None,
            last: LastOutcome::default(),
            is_permanent: |_| false,
            is_of_any_batch: |_| false,
        }
    }

    /// The exporter's client tells more than its errors.
    pub(crate) fn told_by(mut self, last: LastOutcome) -> Self {
        self.last = last;
        self
    }

    /// Errors whose words fit `is_permanent` are not tried again; of those, `is_of_any_batch` says which are about who
    /// sends or where to.
    pub(crate) fn permanent(
        mut self,
        is_permanent: fn(&str) -> bool,
        is_of_any_batch: fn(&str) -> bool,
    ) -> Self {
        (self.is_permanent, self.is_of_any_batch) = (is_permanent, is_of_any_batch);
        self
    }

    async fn export(&mut self, batch: &Batch) -> Outcome {
        let retry =
            |what: String| Outcome::Retry { after: None, error: DeliveryError::new(&self.endpoint, what) };
        let Some(exporter) = Arc::get_mut(&mut self.exporter) else {
            // Exporters are never called twice at once.
            return retry("the exporter is still busy with the last batch".to_owned());
        };
        if self.resource.as_deref() != Some(batch.resource()) {
            exporter.set_resource(&convert::resource(batch.resource()));
            self.resource = Some(Arc::clone(batch.resource()));
        }
        self.last.take();
        let spans = convert::spans(batch.decode());
        let exporter = Arc::clone(&self.exporter);
        // Dropped with this future, and then the thread does not wait any longer.
        let (_alive, abandoned) = oneshot::channel::<()>();
        let export = move || {
            let _suppressed = suppress();
            futures_executor::block_on(unless_abandoned(exporter.export(spans), abandoned))
        };
        match tokio::task::spawn_blocking(export).await {
            Ok(Some(Ok(()))) => self.last.take().unwrap_or(const { Outcome::all() }),
            Ok(Some(Err(error))) => self.last.take().unwrap_or_else(|| match error {
                OTelSdkError::Timeout(limit) => retry(format!("the exporter gave up after {limit:?}")),
                OTelSdkError::AlreadyShutdown => {
                    let what = "the exporter was shut down by someone else";
                    Outcome::Rejected(DeliveryError::new(&self.endpoint, what).of_any_batch())
                }
                OTelSdkError::InternalFailure(what) if (self.is_permanent)(&what) => {
                    let of_any_batch = (self.is_of_any_batch)(&what);
                    let error = DeliveryError::new(&self.endpoint, what);
                    Outcome::Rejected(if of_any_batch { error.of_any_batch() } else { error })
                }
                OTelSdkError::InternalFailure(what) => retry(what),
            }),
            Ok(None) => retry("the export was abandoned".to_owned()),
            Err(error) => match error.try_into_panic() {
                // Delivery counts panics, and gives a batch up that causes them again and again.
                Ok(payload) => resume_unwind(payload),
                Err(_) => retry("the export was cancelled".to_owned()),
            },
        }
    }
}

/// What `export` gives, or `None` when nobody waits for it any longer.
async fn unless_abandoned<T>(export: impl Future<Output = T>, abandoned: oneshot::Receiver<()>) -> Option<T> {
    let (mut export, mut abandoned) = (pin!(export), pin!(abandoned));
    poll_fn(|cx| match export.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => abandoned.as_mut().poll(cx).map(|_| None),
    })
    .await
}

impl<E: SpanExporter + 'static> Destination for SdkDestination<E> {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(self.export(batch))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        let exporter = Arc::clone(&self.exporter);
        Box::pin(async move {
            // Everything was delivered or given up before; how the exporter ends changes no count.
            let shut_down = move || {
                let _suppressed = suppress();
                exporter.shutdown()
            };
            let _ = tokio::task::spawn_blocking(shut_down).await;
        })
    }
}
