//! Binary Thrift over HTTP: one batch, one request.

use tracer_factory_core::delivery::{Batch, BoxFuture, Delivered, Destination, Outcome};
use tracer_factory_core::http::HttpSender;
use tracer_factory_core::span::SpanData;

use crate::encode;
use crate::model::{Process, Span};
use crate::thrift::Binary;

const CONTENT_TYPE: &str = "application/x-thrift";

/// Sends batches to a collector.
pub(crate) struct CollectorDestination {
    sender: HttpSender,
}

impl CollectorDestination {
    /// Sends to the URL of `sender`, path included.
    pub(crate) fn new(sender: HttpSender) -> Self {
        Self { sender }
    }

    async fn send(&mut self, batch: &Batch) -> Outcome {
        let (invalid, body) = encode(batch);
        if let Some(body) = body
            && let Err(outcome) = self.sender.post(CONTENT_TYPE, body).await
        {
            return outcome;
        }
        let message = (invalid > 0).then(|| "a span has no identifiers".to_owned());
        Outcome::Delivered(Delivered { rejected: invalid, oversize: 0, message })
    }
}

/// How many spans no receiver could file, and the request's body for the others.
fn encode(batch: &Batch) -> (u64, Option<Vec<u8>>) {
    let (valid, invalid): (Vec<SpanData>, Vec<SpanData>) =
        batch.decode().partition(|span| span.context.is_valid());
    let spans: Vec<_> = valid.iter().map(Span::new).collect();
    let body = (!spans.is_empty()).then(|| {
        let mut out = Binary::default();
        encode::batch(&mut out, &Process::new(batch.resource()), &spans);
        out.into_bytes()
    });
    (invalid.len() as u64, body)
}

impl Destination for CollectorDestination {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(self.send(batch))
    }
}
