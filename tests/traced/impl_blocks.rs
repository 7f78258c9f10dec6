//! `#[traced]` on `impl` blocks.

use std::fmt::Debug;
use std::marker::PhantomData;

use tracer_factory::{SpanKind, StatusCode, Value, traced};

use crate::recorded;

struct Ledger<T> {
    total: u64,
    _entry: PhantomData<T>,
}

struct NoDebug;

#[traced(kind = "client", skip(hidden), attributes(ledger = "main", shared = 1), err(Display))]
impl<T: Debug> Ledger<T> {
    const START: u64 = 5;

    fn open() -> Self {
        Self { total: Self::START, _entry: PhantomData }
    }

    /// Keeps its documentation and attributes.
    #[must_use]
    #[traced(name = "ledger.append", kind = "server", attributes(shared = entry_count, total = self.total))]
    fn append(&mut self, entry_count: u64) -> u64 {
        self.total += entry_count;
        self.total
    }

    async fn close(self, hidden: NoDebug) -> Result<u64, &'static str> {
        let _ = hidden;
        tokio::task::yield_now().await;
        Err("closed twice")
    }

    #[tracer_factory::traced(ignore)]
    const fn total(&self) -> u64 {
        self.total
    }

    fn skipped_only_where_it_is(&self, shown: T) {
        let _ = shown;
    }
}

#[tokio::test]
async fn each_method_has_a_span() {
    let recorded = recorded();
    let mut ledger = Ledger::<u8>::open();
    assert_eq!(ledger.append(2), 7);
    assert_eq!(ledger.total(), 7);
    ledger.skipped_only_where_it_is(9);
    assert!(ledger.close(NoDebug).await.is_err());

    let spans = recorded.capture.spans();
    let said: Vec<_> = spans.iter().map(|span| (span.name.as_str(), span.kind)).collect();
    assert_eq!(
        said,
        [
            ("Ledger::open", SpanKind::Client),
            ("ledger.append", SpanKind::Server),
            ("Ledger::skipped_only_where_it_is", SpanKind::Client),
            ("Ledger::close", SpanKind::Client),
        ]
    );
    assert!(spans.iter().all(|span| span.attribute("ledger").is_some()));
    assert_eq!(spans[0].attribute("shared"), Some(&Value::Int(1)));
    assert_eq!(spans[1].attribute("shared"), Some(&Value::Int(2)));
    assert_eq!(spans[1].attribute("total"), Some(&Value::Int(5)));
    assert_eq!(spans[2].attribute("shown"), Some(&Value::from("9".to_owned())));
    assert_eq!((spans[3].status.code, spans[3].status.message.as_str()), (StatusCode::Error, "closed twice"));
}

trait Greet {
    fn greet(&self) -> String;
    async fn greet_later(&self) -> String;
}

#[traced]
impl Greet for Ledger<()> {
    fn greet(&self) -> String {
        format!("total {}", self.total)
    }

    async fn greet_later(&self) -> String {
        self.greet()
    }
}

#[traced(name = "Array")]
impl Greet for [u8; 2] {
    fn greet(&self) -> String {
        String::new()
    }

    async fn greet_later(&self) -> String {
        self.greet()
    }
}

#[traced]
impl Greet for &[u8] {
    fn greet(&self) -> String {
        String::new()
    }

    async fn greet_later(&self) -> String {
        self.greet()
    }
}

#[tokio::test]
async fn of_traits() {
    let recorded = recorded();
    assert_eq!(Ledger::<()>::open().greet_later().await, "total 5");
    let (later, greet) = (recorded.named("Ledger::greet_later"), recorded.named("Ledger::greet"));
    assert_eq!(greet.parent_span_id, Some(later.context.span_id));
    [1, 2].greet_later().await;
    assert_eq!(
        recorded.named("Array::greet").parent_span_id,
        Some(recorded.named("Array::greet_later").context.span_id)
    );
    (&[1_u8][..]).greet();
    recorded.named("&[u8]::greet");
}
