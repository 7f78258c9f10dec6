//! fastrace with a reporter that discards: a root for every trace, and local spans under one root for all.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use fastrace::collector::{Config, Reporter, SpanRecord};
use fastrace::prelude::{Event, LocalSpan, Span, SpanContext};

use crate::case::{AGENT, Case, EVENT, NAME, PROVIDER, Shape, TOKENS, Values};

struct Discard(Arc<AtomicU64>);

impl Reporter for Discard {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        self.0.fetch_add(spans.len() as u64, Relaxed);
    }
}

/// Its collector belongs to the process, so both cases share one reporter.
pub(crate) fn cases() -> (RootAndLocals, Locals) {
    let arrived = Arc::new(AtomicU64::new(0));
    fastrace::set_reporter(Discard(Arc::clone(&arrived)), Config::default());
    (RootAndLocals(Arc::clone(&arrived)), Locals(arrived))
}

/// A trace is a root span with local spans in it, as in a server.
pub(crate) struct RootAndLocals(Arc<AtomicU64>);

/// One root for a whole burst: fastrace at its best, for the root is what it pays for.
pub(crate) struct Locals(Arc<AtomicU64>);

impl Case for RootAndLocals {
    fn name(&self) -> &'static str {
        "fastrace_root"
    }

    fn record(&self, shape: Shape, depth: usize, traces: usize, values: Values) {
        for _ in 0..traces {
            root(shape, depth, values);
        }
    }

    fn settle(&self) {
        fastrace::flush();
    }

    fn arrived(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Case for Locals {
    fn name(&self) -> &'static str {
        crate::FASTRACE_LOCAL
    }

    fn record(&self, shape: Shape, depth: usize, traces: usize, values: Values) {
        let root = Span::root(NAME, SpanContext::random());
        let _parent = root.set_local_parent();
        for _ in 0..traces {
            local(shape, depth, values);
        }
    }

    fn settle(&self) {
        fastrace::flush();
    }

    fn arrived(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Its one root comes on top.
    fn arrivals(&self, depth: usize, traces: usize) -> u64 {
        (depth * traces) as u64 + 1
    }
}

fn properties(values: Values) -> [(&'static str, &'static str); 3] {
    [(PROVIDER, values.provider), (TOKENS, values.tokens_text), (AGENT, values.agent)]
}

#[inline(never)]
fn root(shape: Shape, depth: usize, values: Values) {
    let mut span = Span::root(NAME, SpanContext::random());
    if shape == Shape::Rich {
        span = span.with_properties(|| properties(values));
    }
    if depth > 1 {
        let _parent = span.set_local_parent();
        local(shape, depth - 1, values);
    }
    if shape == Shape::Rich {
        span.add_event(Event::new(EVENT));
    }
}

#[inline(never)]
fn local(shape: Shape, depth: usize, values: Values) {
    let mut span = LocalSpan::enter_with_local_parent(NAME);
    if shape == Shape::Rich {
        span = span.with_properties(|| properties(values));
    }
    if depth > 1 {
        local(shape, depth - 1, values);
    }
    if shape == Shape::Rich {
        LocalSpan::add_event(Event::new(EVENT));
    }
    drop(span);
}
