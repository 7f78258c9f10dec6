//! The spans as trees, whatever their parents say: one that is missing makes a root, a circle is cut at its earliest
//! span, and of several spans with the same identifiers the last counts.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::record::Record;

pub(super) struct Forest {
    parent: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    /// Every span that counts, parents first, siblings by their start.
    pub(super) order: Vec<usize>,
}

impl Forest {
    pub(super) fn of(records: &[Record<'_>]) -> Self {
        let mut place: HashMap<(&str, &str), usize> = HashMap::with_capacity(records.len());
        for (index, record) in records.iter().enumerate() {
            place.insert((&record.trace_id, &record.span_id), index);
        }
        let mut counting: Vec<usize> = place.values().copied().collect();
        counting.sort_by_key(|index| (begin(&records[*index]), *index));
        let mut forest = Self {
            parent: vec![None; records.len()],
            children: vec![Vec::new(); records.len()],
            order: Vec::new(),
        };
        for &index in &counting {
            let record = &records[index];
            let parent =
                record.parent_id.as_deref().and_then(|parent| place.get(&(&*record.trace_id, parent)));
            if let Some(&parent) = parent.filter(|parent| **parent != index) {
                forest.parent[index] = Some(parent);
                forest.children[parent].push(index);
            }
        }
        let mut seen = vec![false; records.len()];
        for &root in counting.iter().filter(|index| forest.parent[**index].is_none()) {
            reach(&forest.children, root, &mut seen);
        }
        // What no root leads to hangs on a circle; in order of start, its earliest span comes first.
        let mut cut = Vec::new();
        for &index in &counting {
            if !seen[index] {
                cut.push(index);
                reach(&forest.children, index, &mut seen);
            }
        }
        for index in cut {
            if let Some(parent) = forest.parent[index].take() {
                forest.children[parent].retain(|child| *child != index);
            }
        }
        let roots = counting.iter().rev().copied().filter(|index| forest.parent[*index].is_none());
        let mut open: Vec<usize> = roots.collect();
        while let Some(index) = open.pop() {
            forest.order.push(index);
            open.extend(forest.children[index].iter().rev());
        }
        forest
    }

    pub(super) fn parent(&self, index: usize) -> Option<usize> {
        self.parent.get(index).copied().flatten()
    }

    pub(super) fn children(&self, index: usize) -> &[usize] {
        self.children.get(index).map_or(&[], Vec::as_slice)
    }

    /// The spans above, the nearest first.
    pub(super) fn above(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.parent(index), |above| self.parent(*above))
    }
}

fn reach(children: &[Vec<usize>], from: usize, seen: &mut [bool]) {
    let mut open = vec![from];
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut seen[index], true) {
            open.extend(&children[index]);
        }
    }
}

/// When it began, as far as anyone knows; what has no times comes last.
pub(super) fn begin(record: &Record<'_>) -> u64 {
    record.start_nanos.or(record.end_nanos).unwrap_or(u64::MAX)
}

/// When it was over; without an end, it took no time, and without any time it is before nothing.
pub(super) fn finish(record: &Record<'_>) -> u64 {
    record.end_nanos.or(record.start_nanos).unwrap_or(u64::MAX)
}

/// The tightest of `candidates` in the same trace that encloses the span in time.
pub(super) fn enclosing(records: &[Record<'_>], index: usize, candidates: &[usize]) -> Option<usize> {
    let inner = &records[index];
    let (begin, finish) = (inner.start_nanos?, inner.end_nanos?);
    let around = candidates.iter().copied().filter_map(|candidate| {
        let outer = &records[candidate];
        let (outer_begin, outer_finish) = (outer.start_nanos?, outer.end_nanos?);
        let encloses = outer_begin <= begin && outer_finish >= finish && outer.trace_id == inner.trace_id;
        (encloses && candidate != index).then_some((
            outer_finish - outer_begin,
            Reverse(outer_begin),
            candidate,
        ))
    });
    around.min().map(|(_, _, candidate)| candidate)
}
