//! Allocations a span, by a program of their own: a counting allocator costs whoever allocates.

use std::path::Path;

use tracer_factory_benches::cases;
use tracer_factory_hot_path::{Failure, GUEST, NATIVE_GUEST_INSTALLED, Shape};

use crate::children::Children;

/// Allocations of one case with one kind of span.
#[derive(Debug)]
pub(crate) struct Allocations {
    pub(crate) case: String,
    pub(crate) shape: Shape,
    pub(crate) depth: usize,
    pub(crate) count: f64,
    pub(crate) bytes: f64,
}

impl Allocations {
    fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        Some(Self {
            case: words.next()?.to_owned(),
            shape: Shape::from_name(words.next()?)?,
            depth: words.next()?.parse().ok()?,
            count: words.next()?.parse().ok()?,
            bytes: words.next()?.parse().ok()?,
        })
    }
}

/// Counts every case. Those with a guest come after the others, in a process of their own.
pub(crate) fn measure(children: &Children) -> Result<Vec<Allocations>, Failure> {
    let names: Vec<_> = cases().iter().map(|entry| entry.name).collect();
    let (guests, others): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| [GUEST, NATIVE_GUEST_INSTALLED].contains(name));
    let program = Path::new(env!("CARGO_BIN_EXE_allocations"));
    let mut all = Vec::new();
    for names in [others, guests] {
        for line in children.output_of(program, &names)?.lines() {
            all.push(Allocations::from_line(line).ok_or_else(|| format!("allocations said {line}"))?);
        }
    }
    Ok(all)
}
