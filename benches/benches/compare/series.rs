//! Figures of one case with one kind of span, and how one process tells them to another.

use tracer_factory_benches::{median, minimum};
use tracer_factory_hot_path::Shape;

/// What is measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    pub(crate) case: String,
    pub(crate) shape: Shape,
    pub(crate) depth: usize,
    pub(crate) threads: usize,
}

/// One case with one kind of span.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) key: Key,
    /// CPU nanoseconds a span of the recording threads, one figure a round.
    pub(crate) nanos: Vec<f64>,
    /// Spans that should have arrived at the other end and did not.
    pub(crate) lost: u64,
}

impl Series {
    pub(crate) fn minimum(&self) -> f64 {
        minimum(&self.nanos)
    }

    pub(crate) fn median(&self) -> f64 {
        median(&self.nanos)
    }

    /// One line.
    pub(crate) fn to_line(&self) -> String {
        let Key { case, shape, depth, threads } = &self.key;
        let nanos: Vec<_> = self.nanos.iter().map(|nanos| format!("{nanos:.3}")).collect();
        format!("{case} {} {depth} {threads} {} {}", shape.name(), self.lost, nanos.join(" "))
    }

    /// What [`to_line`](Self::to_line) wrote.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let key = Key {
            case: words.next()?.to_owned(),
            shape: Shape::from_name(words.next()?)?,
            depth: words.next()?.parse().ok()?,
            threads: words.next()?.parse().ok()?,
        };
        let lost = words.next()?.parse().ok()?;
        let nanos = words.map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self { key, nanos, lost })
    }
}
