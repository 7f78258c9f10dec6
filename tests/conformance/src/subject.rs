//! The tracer under test, what it is able to do, and what must hold for it after every check.

use std::time::Duration;

use tracer_factory_core::context::current_span;
use tracer_factory_core::report::Report;
use tracer_factory_core::scope::Scope;
use tracer_factory_core::span::{SpanData, Trace};
use tracer_factory_core::tracer::BaseTracer;

use crate::Volume;

/// How long a healthy receiver may take before a check fails: far longer than it ever should.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a tracer is able to do. A check asks for no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// New traces are recorded, and a finished root hands out its last trace.
    pub records: bool,
    /// Scopes have identifiers of their own, and what a caller records is recorded; otherwise they have their parent's,
    /// or zeros, and nothing ever is.
    pub identifies: bool,
    /// There are destinations, and each takes what it is given.
    pub delivers: bool,
    /// Contexts are written to carriers and read from them.
    pub propagates: bool,
}

impl Capabilities {
    /// A tracer that records everything and delivers it.
    pub const RECORDING: Self = Self { records: true, identifies: true, delivers: true, propagates: true };
    /// A tracer that samples all new traces away.
    pub const UNSAMPLED: Self = Self { records: false, ..Self::RECORDING };
    /// A tracer that does nothing but pass contexts on.
    pub const NOOP: Self = Self { records: false, identifies: false, delivers: false, propagates: true };
}

/// The tracer under test.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The tracer.
    pub tracer: &'a dyn BaseTracer,
    /// What it is able to do.
    pub capabilities: Capabilities,
}

impl Subject<'_> {
    /// Ends a root. Its trace when the tracer records, else `None`, and there must be no trace.
    #[track_caller]
    pub(crate) fn finish(&self, root: Scope) -> Option<Trace> {
        self.recorded(root.finish())
    }

    /// The last trace, under the same condition.
    #[track_caller]
    pub(crate) fn last_trace(&self) -> Option<Trace> {
        self.recorded(self.tracer.get_last_trace())
    }

    #[track_caller]
    fn recorded(&self, trace: Trace) -> Option<Trace> {
        if self.capabilities.records {
            assert!(!trace.is_empty(), "a recorded root has a trace");
            return Some(trace);
        }
        assert!(trace.is_empty(), "nothing is recorded, and yet there are {} spans", trace.len());
        None
    }

    /// What must hold after every check: nothing is current, every span is accounted for, teardown can be repeated.
    pub(crate) fn settle(&self, volume: Volume) -> Report {
        assert!(current_span().is_none(), "something is still current");
        let flushed = self.tracer.flush(PATIENCE);
        self.check_report(&flushed, volume);
        let torn_down = self.tracer.teardown();
        self.check_report(&torn_down, volume);
        let again = self.tracer.teardown();
        assert_eq!(again, torn_down, "a second teardown returns the same report");
        torn_down
    }

    fn check_report(&self, report: &Report, volume: Volume) {
        assert!(
            report.adds_up(),
            "accepted is not the sum of delivered, rejected, dropped and pending: {report}"
        );
        let Capabilities { identifies, delivers, .. } = self.capabilities;
        if !identifies {
            assert_eq!(report.accepted, 0, "nothing is recorded, and yet spans were accepted: {report}");
        }
        if !delivers {
            return;
        }
        assert!(!report.destinations.is_empty(), "it has no destination to deliver to");
        for destination in &report.destinations {
            assert_eq!(destination.pending, 0, "a healthy destination left spans waiting: {report}");
            if volume == Volume::Small {
                let late = destination.dropped.get("torn_down").copied().unwrap_or_default();
                assert_eq!(destination.delivered + late, report.accepted, "a span was lost: {report}");
            }
        }
    }
}

/// The one span with this name.
#[track_caller]
pub(crate) fn span<'a>(trace: &'a Trace, name: &str) -> &'a SpanData {
    let mut found = trace.spans.iter().filter(|span| span.name == name);
    match (found.next(), found.next()) {
        (Some(span), None) => span,
        (None, _) => panic!("there is no span {name:?} among {:?}", names(trace)),
        (Some(_), Some(_)) => panic!("there are several spans {name:?}"),
    }
}

/// The names of a trace's spans, in the order they ended.
pub(crate) fn names(trace: &Trace) -> Vec<&str> {
    trace.spans.iter().map(|span| span.name.as_str()).collect()
}
