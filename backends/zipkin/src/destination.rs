//! The destination: one batch, one POST.

use tracer_factory_core::delivery::{Batch, BoxFuture, Delivered, Destination, Outcome};
use tracer_factory_core::http::HttpSender;

use crate::encode::{Encoded, Encoder};

/// Sends batches to a Zipkin v2 collector.
#[derive(Debug)]
pub struct ZipkinDestination {
    sender: HttpSender,
    encoder: Encoder,
}

impl ZipkinDestination {
    /// Sends to the URL of `sender`, path included.
    pub fn new(sender: HttpSender) -> Self {
        Self { sender, encoder: Encoder::new() }
    }
}

impl Destination for ZipkinDestination {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let Encoded { body, spans, invalid } = self.encoder.encode_batch(batch, self.sender.buffer());
            if spans > 0
                && let Err(outcome) = self.sender.post("application/json", body).await
            {
                return outcome;
            }
            let message =
                (invalid > 0).then(|| "spans without a trace or span identifier were left out".to_owned());
            Outcome::Delivered(Delivered { rejected: invalid, oversize: 0, message })
        })
    }
}
