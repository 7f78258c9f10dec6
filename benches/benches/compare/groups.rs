//! Cases that can share a process, and the processes that measure them.
//!
//! Figures are compared within a group only, so each has what the others are compared with.

use std::sync::Arc;

use tracer_factory_benches::{FASTRACE_LOCAL, FASTRACE_ROOT, OTEL, TRACING_OTEL, cases};
use tracer_factory_hot_path::{
    Case, Failure, GUEST, NATIVE, NATIVE_GUEST_INSTALLED, NATIVE_SPOOL, NOOP, RECORDER, SAMPLED_OUT,
};

use crate::children::Children;
use crate::rounds;
use crate::series::Series;

/// Cases that can share a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    cases: &'static [&'static str],
}

/// A guest, once installed, and a subscriber change everything in their process.
pub(crate) const GROUPS: &[Group] = &[
    Group {
        name: "plain",
        cases: &[
            NATIVE,
            RECORDER,
            NATIVE_SPOOL,
            OTEL,
            "otel_off",
            FASTRACE_ROOT,
            FASTRACE_LOCAL,
            SAMPLED_OUT,
            NOOP,
        ],
    },
    Group { name: "guests", cases: &[OTEL, NATIVE_GUEST_INSTALLED, GUEST] },
    Group { name: "subscriber", cases: &[OTEL, TRACING_OTEL] },
];

/// Figures of one group.
#[derive(Debug)]
pub(crate) struct GroupFigures {
    pub(crate) name: &'static str,
    pub(crate) series: Vec<Series>,
}

/// In the group's own process: measures, and says the figures.
pub(crate) fn run(group: Group, rounds: usize) -> Result<Vec<Series>, Failure> {
    let entries = cases();
    let mut made: Vec<(&str, Arc<dyn Case>)> = Vec::new();
    for name in group.cases {
        let entry = entries.iter().find(|entry| entry.name == *name);
        let entry = entry.ok_or_else(|| format!("there is no case {name}"))?;
        let case = (entry.make)().map_err(|error| format!("{name} can't be made: {error}"))?;
        made.push((entry.name, Arc::from(case)));
    }
    rounds::run(&made, rounds)
}

/// In the comparing process: every group, one after the other.
pub(crate) fn measure(children: &Children, rounds: usize) -> Result<Vec<GroupFigures>, Failure> {
    let mut figures = Vec::new();
    for group in GROUPS {
        let text = children.output(&["--group", group.name, &rounds.to_string()])?;
        let series: Option<Vec<_>> = text.lines().map(Series::from_line).collect();
        let series = series.ok_or_else(|| format!("the group {} said {text:?}", group.name))?;
        figures.push(GroupFigures { name: group.name, series });
    }
    Ok(figures)
}
