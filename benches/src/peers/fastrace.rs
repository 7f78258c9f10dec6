//! fastrace: a root for every trace, or local spans under one root for many.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use fastrace::collector::{Config, Reporter, SpanRecord};
use fastrace::prelude::{Event, LocalSpan, Span, SpanContext};
use tracer_factory_hot_path::{
    AGENT, Case, EVENT, Failure, Load, NAME, PROVIDER, Record, Shape, TOKENS, Values,
};

/// Its collector belongs to the process, and so does what has arrived.
static ARRIVED: AtomicU64 = AtomicU64::new(0);

struct Discard;

impl Reporter for Discard {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        ARRIVED.fetch_add(spans.len() as u64, Relaxed);
    }
}

/// A trace is a root span with local spans in it, as in a server.
pub(crate) struct RootAndLocals;

/// One root for a whole burst: fastrace at its best, for the root is what it pays for.
struct Locals;

pub(crate) fn root_and_locals() -> Result<Box<dyn Case>, Failure> {
    fastrace::set_reporter(Discard, Config::default());
    Ok(Box::new(RootAndLocals))
}

pub(crate) fn locals() -> Result<Box<dyn Case>, Failure> {
    fastrace::set_reporter(Discard, Config::default());
    Ok(Box::new(Locals))
}

impl Record for RootAndLocals {
    fn record(&self, load: Load, values: Values) {
        for _ in 0..load.traces {
            root(load.shape, load.depth, values);
        }
    }

    fn settle(&self) {
        fastrace::flush();
    }
}

impl Case for RootAndLocals {
    fn arrived(&self) -> u64 {
        ARRIVED.load(Relaxed)
    }
}

impl Record for Locals {
    fn record(&self, load: Load, values: Values) {
        let root = Span::root(NAME, SpanContext::random());
        let _parent = root.set_local_parent();
        for _ in 0..load.traces {
            local(load.shape, load.depth, values);
        }
    }

    fn settle(&self) {
        fastrace::flush();
    }
}

impl Case for Locals {
    fn arrived(&self) -> u64 {
        ARRIVED.load(Relaxed)
    }

    /// Its one root comes on top.
    fn arrivals(&self, load: Load) -> u64 {
        load.spans() + 1
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
