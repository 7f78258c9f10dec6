//! Which span is below which: parents by identifier, robust against missing parents and cycles.

use std::collections::{HashMap, HashSet};

use tracer_factory_core::ids::SpanId;
use tracer_factory_core::span::SpanData;

/// The spans of one trace by index, as trees.
pub(crate) struct Forest {
    roots: Vec<usize>,
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    cut: HashSet<usize>,
}

/// One span of a walk, parents before children.
pub(crate) struct Step<'a> {
    pub(crate) index: usize,
    /// For each level below the root down to this span: whether it is the last of its siblings.
    pub(crate) last: &'a [bool],
    pub(crate) has_children: bool,
}

impl Forest {
    pub(crate) fn of(spans: &[&SpanData]) -> Self {
        let mut by_id: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
        for (index, span) in spans.iter().enumerate() {
            by_id.entry(span.span_id()).or_insert(index);
        }
        let parent_of = |(index, span): (usize, &&SpanData)| {
            by_id.get(&span.parent_span_id?).copied().filter(|parent| *parent != index)
        };
        let mut parents: Vec<Option<usize>> = spans.iter().enumerate().map(parent_of).collect();
        let cut = cut_cycles(&mut parents);

        let mut by_start: Vec<usize> = (0..spans.len()).collect();
        by_start.sort_by_key(|index| spans[*index].start_unix_nanos);
        let mut roots = Vec::new();
        let mut children = vec![Vec::new(); spans.len()];
        for index in by_start {
            parents[index].map_or(&mut roots, |parent| &mut children[parent]).push(index);
        }
        Self { roots, parents, children, cut }
    }

    pub(crate) fn roots(&self) -> &[usize] {
        &self.roots
    }

    pub(crate) fn parent(&self, index: usize) -> Option<usize> {
        self.parents[index]
    }

    /// Whether it is a root only because its parents form a cycle.
    pub(crate) fn is_cut(&self, index: usize) -> bool {
        self.cut.contains(&index)
    }

    /// Depth first, siblings in order of their start, without recursion: traces can be deeper than a stack.
    pub(crate) fn walk(&self, mut visit: impl FnMut(Step<'_>)) {
        let mut last = Vec::new();
        let mut stack: Vec<(usize, usize, bool)> =
            self.roots.iter().rev().map(|root| (*root, 0, true)).collect();
        while let Some((index, depth, is_last)) = stack.pop() {
            last.truncate(depth.saturating_sub(1));
            if depth > 0 {
                last.push(is_last);
            }
            let children = &self.children[index];
            visit(Step { index, last: &last, has_children: !children.is_empty() });
            let below = children.iter().enumerate().rev();
            stack.extend(below.map(|(i, child)| (*child, depth + 1, i + 1 == children.len())));
        }
    }
}

/// Makes a root of one span in each cycle, and says of which.
fn cut_cycles(parents: &mut [Option<usize>]) -> HashSet<usize> {
    let mut cut = HashSet::new();
    // From where each span was first met on the way up.
    let mut met_from = vec![usize::MAX; parents.len()];
    for start in 0..parents.len() {
        let mut at = start;
        while met_from[at] == usize::MAX {
            met_from[at] = start;
            match parents[at] {
                // Met on this very way: the edge that leads back closes a cycle.
                Some(parent) if met_from[parent] == start => {
                    parents[at] = None;
                    cut.insert(at);
                }
                Some(parent) => at = parent,
                None => {}
            }
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    use tracer_factory_core::ids::{SpanContext, TraceFlags, TraceId};

    use super::*;

    fn spans(parents: &[(u64, u64)]) -> Vec<SpanData> {
        let span = |(id, parent): &(u64, u64)| SpanData {
            context: SpanContext::new(TraceId::from_int(1), SpanId::from_int(*id), TraceFlags::SAMPLED),
            parent_span_id: (*parent != 0).then(|| SpanId::from_int(*parent)),
            ..SpanData::default()
        };
        parents.iter().map(span).collect()
    }

    fn order(parents: &[(u64, u64)]) -> Vec<(u64, usize)> {
        let spans = spans(parents);
        let refs: Vec<&SpanData> = spans.iter().collect();
        let mut order = Vec::new();
        Forest::of(&refs).walk(|step| order.push((spans[step.index].span_id().to_int(), step.last.len())));
        order
    }

    #[test]
    fn parents_come_first_whatever_the_order_of_arrival() {
        assert_eq!(order(&[(3, 2), (4, 1), (2, 1), (1, 0)]), [(1, 0), (4, 1), (2, 1), (3, 2)]);
    }

    #[test]
    fn missing_parents_make_roots() {
        assert_eq!(order(&[(2, 9), (3, 2), (4, 8)]), [(2, 0), (3, 1), (4, 0)]);
    }

    #[test]
    fn every_span_of_a_cycle_appears_once() {
        for cycle in [&[(1, 1)][..], &[(1, 2), (2, 1)], &[(5, 4), (4, 2), (1, 2), (2, 3), (3, 1), (6, 0)]] {
            let mut ids: Vec<_> = order(cycle).into_iter().map(|(id, _)| id).collect();
            ids.sort_unstable();
            let mut expected: Vec<_> = cycle.iter().map(|(id, _)| *id).collect();
            expected.sort_unstable();
            assert_eq!(ids, expected);
        }
    }

    #[test]
    fn both_halves_of_a_shared_span_appear() {
        assert_eq!(order(&[(1, 0), (2, 1), (2, 2), (3, 2)]), [(1, 0), (2, 1), (2, 2), (3, 2)]);
    }
}
