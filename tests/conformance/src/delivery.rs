//! The law of the report: accepted is delivered, rejected, dropped or pending, at every moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::{PATIENCE, Subject};

/// Every span that ended is accepted once, and delivered once to each destination.
pub fn every_span_is_counted_once(subject: &Subject<'_>) {
    const SPANS: u64 = 500;
    let before = subject.tracer.report();
    for n in 0..SPANS {
        drop(subject.tracer.trace_context("one"));
        if n % 100 == 0 {
            let report = subject.tracer.flush(PATIENCE);
            assert!(report.adds_up(), "{report}");
        }
    }
    let after = subject.tracer.flush(PATIENCE);
    let expected = if subject.capabilities.records { SPANS } else { 0 };
    assert_eq!(after.accepted - before.accepted, expected, "{after}");
    if subject.capabilities.delivers {
        assert!(after.is_complete(), "a healthy destination confirms every span: {after}");
    }
}

/// A report that is taken while threads record adds up as well, and its counters never go back.
pub fn every_snapshot_adds_up(subject: &Subject<'_>) {
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                for _ in 0..1_000 {
                    drop(subject.tracer.trace_context("one"));
                }
            });
        }
        let watcher = threads.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                let report = subject.tracer.report();
                assert!(report.adds_up(), "{report}");
                assert!(report.accepted >= last, "a count went back");
                last = report.accepted;
            }
        });
        for _ in 0..20 {
            assert!(subject.tracer.flush(PATIENCE).adds_up());
        }
        done.store(true, Ordering::Release);
        if let Err(panic) = watcher.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// No time at all and all the time there is are deadlines too.
pub fn a_flush_keeps_to_any_deadline(subject: &Subject<'_>) {
    for deadline in [Duration::ZERO, Duration::from_nanos(1), PATIENCE, Duration::MAX] {
        drop(subject.tracer.trace_context("one"));
        let report = subject.tracer.flush(deadline);
        assert!(report.adds_up(), "{deadline:?}: {report}");
    }
}
