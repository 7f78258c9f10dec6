//! Binary Thrift over HTTP: one batch, one request.

use tracer_factory_core::delivery::{Batch, BoxFuture, Delivered, Destination, Outcome};
use tracer_factory_core::http::HttpSender;

use crate::encode;
use crate::model::Process;
use crate::thrift::{Binary, Protocol};

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
        let (invalid, body) = encode(batch, self.sender.buffer());
        if let Some(body) = body
            && let Err(outcome) = self.sender.post(CONTENT_TYPE, body).await
        {
            return outcome;
        }
        let message = (invalid > 0).then(|| "a span has no identifiers".to_owned());
        Outcome::Delivered(Delivered { rejected: invalid, oversize: 0, message })
    }
}

/// How many spans no receiver could file, and the request's body for the others, in place of what `buffer` has.
pub(crate) fn encode(batch: &Batch, mut buffer: Vec<u8>) -> (u64, Option<Vec<u8>>) {
    let (mut spans, mut invalid) = (0, 0);
    // Numbers and lengths are wider than in the records, which have headers instead.
    buffer.clear();
    buffer.reserve(batch.bytes() + batch.bytes() / 2);
    let mut out = Binary::onto(buffer);
    out.begin_struct();
    out.struct_field(1);
    encode::process(&mut out, &Process::new(batch.resource()));
    let list = out.open_struct_list(2);
    batch.visit(|span| {
        if span.context.is_valid() {
            encode::span(&mut out, span);
            spans += 1;
        } else {
            invalid += 1;
        }
    });
    out.set_length(list, spans);
    out.end_struct();
    (invalid, (spans > 0).then(|| out.into_bytes()))
}

impl Destination for CollectorDestination {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(self.send(batch))
    }
}
