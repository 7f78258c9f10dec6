//! What is told of malformed headers: that there was one, at most one line a minute per header,
//! and nothing of its content, which a stranger wrote.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use tracer_factory_ring::fork::PerProcess;

const SECONDS_BETWEEN_LINES: u64 = 60;

/// A header this crate reads.
pub(super) struct Header {
    pub(super) name: &'static str,
    /// One more than the second of the last line; 0 before the first.
    last_line: AtomicU64,
    unsaid: AtomicU64,
}

/// A header was there and did not follow its grammar.
pub(super) struct Malformed(&'static Header);

impl Header {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, last_line: AtomicU64::new(0), unsaid: AtomicU64::new(0) }
    }

    pub(super) const fn malformed(&'static self) -> Malformed {
        Malformed(self)
    }

    /// How many went without a line since the last one, when it is time for a line.
    fn due(&self, second: u64) -> Option<u64> {
        let last = self.last_line.load(Relaxed);
        let due = last == 0 || second + 1 >= last + SECONDS_BETWEEN_LINES;
        // Of threads that see the same `last`, one writes the line.
        if due && self.last_line.compare_exchange(last, second + 1, Relaxed, Relaxed).is_ok() {
            return Some(self.unsaid.swap(0, Relaxed));
        }
        self.unsaid.fetch_add(1, Relaxed);
        None
    }
}

impl Malformed {
    pub(super) fn report(&self) {
        static START: PerProcess<Instant> = PerProcess::new();
        let start = START.get(|before| before.copied().unwrap_or_else(Instant::now));
        if let Some(unsaid) = self.0.due(start.elapsed().as_secs()) {
            tracing::warn!(
                header = self.0.name,
                since_last_line = unsaid,
                "malformed header passed over, in part or whole"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::propagation::{Propagator, extract};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl tracing::Subscriber for Lines {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            metadata.target().contains("propagation")
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            let mut line = String::new();
            event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                write!(line, "{}={value:?} ", field.name()).unwrap();
            });
            self.0.lock().unwrap().push(line);
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn one_line_a_minute() {
        let header = Header::new("x");
        assert_eq!(header.due(0), Some(0));
        assert_eq!([header.due(0), header.due(30), header.due(59)], [None, None, None]);
        assert_eq!(header.due(60), Some(3));
        assert_eq!(header.due(61), None);
    }

    #[test]
    fn any_number_of_reports_is_one_line() {
        static HEADER: Header = Header::new("x-test");
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.clone(), || {
            (0..100).for_each(|_| HEADER.malformed().report())
        });
        let lines = lines.0.lock().unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("x-test"), "{lines:?}");
    }

    #[test]
    fn hostile_headers_neither_flood_nor_appear_in_the_log() {
        let hostile = vec![
            ("baggage".to_owned(), vec!["sekret\r\nx: y"; 300].join(",")),
            ("baggage".to_owned(), "sekret=%zz;;sekret".to_owned()),
            ("tracestate".to_owned(), "sekret".to_owned()),
            ("traceparent".to_owned(), "00-sekret".to_owned()),
            ("b3".to_owned(), "sekret-sekret".to_owned()),
            ("x-b3-traceid".to_owned(), "sekret".to_owned()),
            ("uber-trace-id".to_owned(), "sekret:".to_owned()),
            ("uberctx-sekret".to_owned(), "x".repeat(20_000)),
        ];
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.clone(), || {
            let all = Propagator::parse_list("composite,baggage").unwrap();
            (0..10).for_each(|_| drop(extract(&all, &hostile)));
        });
        let lines = lines.0.lock().unwrap();
        let names: std::collections::HashSet<_> = lines.iter().collect();
        assert_eq!(names.len(), lines.len(), "a header twice: {lines:?}");
        assert!(lines.iter().all(|line| !line.contains("sekret")), "{lines:?}");
    }
}
