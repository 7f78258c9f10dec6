//! Everything measured in one run, and the ways to ask for it.

use tracer_factory_benches::{median, paired};
use tracer_factory_hot_path::Shape;

use crate::allocations::Allocations;
use crate::groups::GroupFigures;
use crate::instructions::Instructions;
use crate::load::Outcome;
use crate::runs::Outcomes;
use crate::series::{Key, Series};

/// Everything measured; what was not asked for is empty.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) groups: Vec<GroupFigures>,
    pub(crate) allocations: Vec<Allocations>,
    pub(crate) instructions: Vec<Instructions>,
    pub(crate) delivered: Vec<Outcomes>,
    pub(crate) full_speed: Vec<Outcomes>,
    pub(crate) rates: Vec<(usize, Vec<Outcomes>)>,
}

impl GroupFigures {
    pub(crate) fn find(&self, key: &Key) -> Option<&Series> {
        self.series.iter().find(|series| series.key == *key)
    }

    /// The median quotient of the rounds against `other` with the same kind of span.
    pub(crate) fn against(&self, series: &Series, other: &str) -> Option<f64> {
        let other = self.find(&Key { case: other.to_owned(), ..series.key.clone() })?;
        Some(paired(&series.nanos, &other.nanos))
    }
}

impl Figures {
    /// The worst, over depths, of `case` against `other` in nanoseconds.
    pub(crate) fn nanos_ratio(&self, case: &str, other: &str, shape: Shape, threads: usize) -> Option<f64> {
        let mut ratios = Vec::new();
        for group in &self.groups {
            for series in &group.series {
                let Key { case: name, shape: its, threads: on, .. } = &series.key;
                if name == case && *its == shape && *on == threads {
                    ratios.extend(group.against(series, other));
                }
            }
        }
        ratios.into_iter().reduce(f64::max)
    }

    /// The worst median of a case, in nanoseconds.
    pub(crate) fn worst_nanos(&self, case: &str) -> Option<f64> {
        let series = self.groups.iter().flat_map(|group| &group.series);
        let series = series.filter(|series| series.key.case == case && series.key.threads == 1);
        series.map(|series| median(&series.nanos)).reduce(f64::max)
    }

    /// Spans of a case that did not arrive.
    pub(crate) fn lost(&self, case: &str) -> u64 {
        let series = self.groups.iter().flat_map(|group| &group.series);
        series.filter(|series| series.key.case == case).map(|series| series.lost).sum()
    }

    pub(crate) fn instructions_of(&self, case: &str, shape: Shape, depth: usize, all: bool) -> Option<f64> {
        let mut counted = self.instructions.iter();
        let found = counted
            .find(|of| of.case == case && of.shape == shape && of.depth == depth && of.all_threads == all);
        found.map(|of| of.count)
    }

    pub(crate) fn allocations_of(&self, case: &str, shape: Shape, depth: usize) -> Option<f64> {
        let mut counted = self.allocations.iter();
        let found = counted.find(|of| of.case == case && of.shape == shape && of.depth == depth);
        found.map(|of| of.count)
    }

    /// The worst, over depths, of `case` against `other` in instructions.
    pub(crate) fn instructions_ratio(&self, case: &str, other: &str, shape: Shape, all: bool) -> Option<f64> {
        let ratios = crate::rounds::DEPTHS.into_iter().filter_map(|depth| {
            let theirs = self.instructions_of(other, shape, depth, all)?;
            Some(self.instructions_of(case, shape, depth, all)? / theirs)
        });
        ratios.reduce(f64::max)
    }

    /// The most allocations a span of a case.
    pub(crate) fn most_allocations(&self, case: &str) -> Option<f64> {
        let counted = self.allocations.iter().filter(|allocations| allocations.case == case);
        counted.map(|allocations| allocations.count).reduce(f64::max)
    }
}

/// The outcomes of one pipeline.
pub(crate) fn pipeline<'a>(all: &'a [Outcomes], name: &str) -> Option<&'a Outcomes> {
    all.iter().find(|outcomes| outcomes.pipeline == name)
}

/// The median of a figure of one pipeline.
pub(crate) fn middle(all: &[Outcomes], name: &str, figure: fn(&Outcome) -> f64) -> Option<f64> {
    pipeline(all, name).map(|outcomes| median(&outcomes.figures(figure)))
}
