//! The destination: renders on the delivery thread, writes on a thread that may block.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracer_factory_core::config::ConsoleFormat;
use tracer_factory_core::delivery::{Batch, BoxFuture, DeliveryError, Destination, Outcome};
use tracer_factory_core::span::SpanData;

use crate::json_lines::json_line;
use crate::pending::Pending;
use crate::tree::{Style, render};

/// Prints spans to anything that takes bytes.
#[derive(Debug)]
pub struct ConsoleDestination<W> {
    out: Arc<Mutex<W>>,
    name: &'static str,
    format: ConsoleFormat,
    style: Style,
    pending: Pending,
}

impl<W: Write + Send + 'static> ConsoleDestination<W> {
    /// Prints to `out`, which errors call `name`.
    pub fn new(out: W, name: &'static str, format: ConsoleFormat, style: Style) -> Self {
        Self { out: Arc::new(Mutex::new(out)), name, format, style, pending: Pending::default() }
    }

    fn text_of(&mut self, batch: &Batch) -> String {
        match self.format {
            ConsoleFormat::Json => batch.decode().map(|span| json_line(&span) + "\n").collect(),
            ConsoleFormat::Tree => {
                let now = Instant::now();
                batch.decode().for_each(|span| self.pending.add(span, now));
                let ready = self.pending.take_ready(now);
                self.trees(&ready)
            }
        }
    }

    fn trees(&self, traces: &[Vec<SpanData>]) -> String {
        traces.iter().map(|spans| render(spans, self.style)).collect()
    }

    /// Whoever reads the stream may be slow or stopped, and the delivery thread serves other destinations too.
    async fn write(&self, text: String) -> Result<(), DeliveryError> {
        if text.is_empty() {
            return Ok(());
        }
        let out = Arc::clone(&self.out);
        let written = tokio::task::spawn_blocking(move || {
            let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(DeliveryError::new(
                self.name,
                format!("could not be written to ({error}); is its reader gone?"),
            )),
            Err(error) => Err(DeliveryError::new(self.name, format!("writing was cut short: {error}"))),
        }
    }
}

impl<W: Write + Send + 'static> Destination for ConsoleDestination<W> {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let text = self.text_of(batch);
            // What was written in part can't be taken back, so it isn't written again.
            self.write(text)
                .await
                .map_or_else(|error| Outcome::Rejected(error.of_any_batch()), |()| Outcome::all())
        })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let rest = self.pending.take_all();
            if let Err(error) = self.write(self.trees(&rest)).await {
                let spans: usize = rest.iter().map(Vec::len).sum();
                tracing::warn!(%error, spans, "spans that waited for their roots were not printed");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};

    use super::*;

    /// Bytes that a test can look at while the destination writes to them.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct BrokenPipe;

    impl Write for BrokenPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn span(id: u64, parent: Option<u64>) -> SpanData {
        SpanData {
            context: SpanContext::new(TraceId::from_int(1), SpanId::from_int(id), TraceFlags::SAMPLED),
            parent_span_id: parent.map(SpanId::from_int),
            name: format!("span-{id}"),
            ..SpanData::default()
        }
    }

    #[tokio::test]
    async fn a_trace_in_two_batches_is_one_tree() {
        let page = Page::default();
        let mut console = ConsoleDestination::new(page.clone(), "page", ConsoleFormat::Tree, Style::plain());
        assert_eq!(console.deliver(&Batch::from_spans(&[span(2, Some(1))])).await, Outcome::all());
        assert_eq!(page.text(), "");
        console.deliver(&Batch::from_spans(&[span(1, None)])).await;
        let text = page.text();
        assert!(text.starts_with("trace 00000000000000000000000000000001 · 2 spans"), "{text}");
        assert!(text.contains("\n└─ span-2"), "{text}");
        console.close().await;
        assert_eq!(page.text(), text);
    }

    #[tokio::test]
    async fn what_is_left_is_printed_at_the_end() {
        let page = Page::default();
        let mut console = ConsoleDestination::new(page.clone(), "page", ConsoleFormat::Tree, Style::plain());
        console.deliver(&Batch::from_spans(&[span(2, Some(1))])).await;
        console.close().await;
        assert!(page.text().contains("span-2"));
    }

    #[tokio::test]
    async fn json_is_one_line_a_span_at_once() {
        let page = Page::default();
        let mut console = ConsoleDestination::new(page.clone(), "page", ConsoleFormat::Json, Style::plain());
        console.deliver(&Batch::from_spans(&[span(2, Some(1)), span(1, None)])).await;
        let text = page.text();
        let names: Vec<_> = text
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["name"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(names, ["span-2", "span-1"]);
    }

    #[tokio::test]
    async fn a_broken_pipe_is_a_rejection_that_names_the_stream() {
        let mut console = ConsoleDestination::new(BrokenPipe, "stdout", ConsoleFormat::Json, Style::plain());
        let Outcome::Rejected(error) = console.deliver(&Batch::from_spans(&[span(1, None)])).await else {
            panic!("a broken pipe can't be delivered to");
        };
        assert!(error.to_string().starts_with("stdout: could not be written to"), "{error}");
        console.close().await;
    }
}
