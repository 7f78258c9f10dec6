//! Which call gets which reward: a call's own first, then by explicit link, by sequence number, by time.

use std::collections::{HashMap, HashSet};

use tracer_factory_core::value::Value;

use super::calls::Call;
use super::forest::{Forest, begin, finish};
use crate::options::RewardMatch;
use crate::record::Record;
use crate::triplet::Reason;
use crate::why::Reasons;

/// The reward of each call.
pub(super) fn match_rewards(
    records: &[Record<'_>],
    forest: &Forest,
    policy: RewardMatch,
    calls: &[Call],
    rewards: &[Option<f64>],
    reasons: &mut Reasons,
) -> Vec<Option<f64>> {
    let mut matching = Matching::new(records, forest, policy, calls);
    let mut saying: Vec<(usize, f64)> =
        forest.order.iter().filter_map(|index| Some((*index, rewards[*index]?))).collect();
    // Sequence numbers are not compared between trajectories; within one they are in the order of time.
    saying.sort_by_key(|(index, _)| (begin(&records[*index]), records[*index].sequence));
    for by in [By::Itself, By::Link, By::Sequence, By::Time] {
        saying.retain(|(index, value)| match matching.find(*index, by) {
            Found::Call(call) => {
                matching.give(call, *value);
                let to = &records[calls[call].record].span_id;
                let how = by.words();
                reasons.say(*index, Reason::RewardAssigned, || {
                    format!("its reward, {value}, goes to span {to} {how}")
                });
                false
            }
            Found::Nothing(why) => {
                reasons.say(*index, Reason::RewardUnassigned, || format!("its reward, {value}, {why}"));
                false
            }
            Found::NotYet => true,
        });
    }
    matching.given
}

#[derive(Clone, Copy)]
enum By {
    Itself,
    Link,
    Sequence,
    Time,
}

impl By {
    fn words(self) -> &'static str {
        match self {
            By::Itself => "which says it itself",
            By::Link => "by an explicit link",
            By::Sequence => "by its sequence number",
            By::Time => "by time",
        }
    }
}

enum Found {
    Call(usize),
    /// And no other way may be tried.
    Nothing(&'static str),
    NotYet,
}

const TAKEN: &str = "finds no call before it that has none yet";

/// The calls of one trajectory.
#[derive(Default)]
struct Calls {
    /// Those without a reward, by their start.
    free: Vec<usize>,
    /// The sequence numbers of all; none when a call has none.
    numbers: Option<Vec<i64>>,
}

struct Matching<'r, 'a> {
    records: &'r [Record<'a>],
    forest: &'r Forest,
    policy: RewardMatch,
    calls: &'r [Call],
    given: Vec<Option<f64>>,
    call_of: HashMap<usize, usize>,
    /// The trajectory of each span, as a small number.
    trajectory: Vec<usize>,
    /// Of each trajectory.
    calls_in: Vec<Calls>,
}

impl<'r, 'a> Matching<'r, 'a> {
    fn new(records: &'r [Record<'a>], forest: &'r Forest, policy: RewardMatch, calls: &'r [Call]) -> Self {
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut number = |record| {
            let next = known.len();
            *known.entry(trajectory(record)).or_insert(next)
        };
        let trajectory: Vec<usize> = records.iter().map(&mut number).collect();
        let mut calls_in: Vec<Calls> = Vec::new();
        calls_in.resize_with(known.len(), Calls::default);
        let mut by_start: Vec<usize> = (0..calls.len()).collect();
        by_start.sort_by_key(|call| begin(&records[calls[*call].record]));
        for call in by_start {
            calls_in[trajectory[calls[call].record]].free.push(call);
        }
        for here in &mut calls_in {
            here.numbers = here.free.iter().map(|call| records[calls[*call].record].sequence).collect();
        }
        Self {
            given: vec![None; calls.len()],
            call_of: calls.iter().enumerate().map(|(at, call)| (call.record, at)).collect(),
            trajectory,
            calls_in,
            records,
            forest,
            policy,
            calls,
        }
    }

    fn give(&mut self, call: usize, value: f64) {
        self.given[call] = Some(value);
        let trajectory = self.trajectory[self.calls[call].record];
        self.calls_in[trajectory].free.retain(|other| *other != call);
    }

    fn find(&self, index: usize, by: By) -> Found {
        let found = match by {
            By::Itself => self.call_of.get(&index).copied(),
            By::Link => return self.by_link(index),
            By::Sequence => return self.by_sequence(index),
            By::Time => {
                let Some(found) = self.by_time(index) else { return Found::Nothing(TAKEN) };
                Some(found)
            }
        };
        found.map_or(Found::NotYet, Found::Call)
    }

    fn by_link(&self, index: usize) -> Found {
        let record = &self.records[index];
        let wanted = links(record);
        if !wanted.is_empty() {
            // All links together say which span is meant; one that leads nowhere is no reason to guess.
            let meant = self.forest.order.iter().copied().filter(|other| *other != index);
            let meant: Vec<usize> = meant
                .filter(|other| wanted.iter().all(|(key, value)| has(&self.records[*other], key, value)))
                .collect();
            return self
                .free_call_of(&meant)
                .map_or(Found::Nothing("has a link to no call that has none yet"), Found::Call);
        }
        let linked: HashSet<(&str, &str)> =
            record.links.iter().map(|(trace, span)| (&**trace, &**span)).collect();
        if linked.is_empty() {
            return Found::NotYet;
        }
        let meant = self.forest.order.iter().copied();
        let meant: Vec<usize> = meant
            .filter(|other| {
                linked.contains(&(&*self.records[*other].trace_id, &*self.records[*other].span_id))
            })
            .collect();
        // OpenTelemetry's links mean all kinds of things, so that these may lead elsewhere.
        self.free_call_of(&meant).map_or(Found::NotYet, Found::Call)
    }

    /// Of the spans meant, the latest call that has none yet; else the latest below one of them; else the one above.
    fn free_call_of(&self, meant: &[usize]) -> Option<usize> {
        let free =
            |index: &usize| self.call_of.get(index).copied().filter(|call| self.given[*call].is_none());
        let latest = |calls: &mut dyn Iterator<Item = usize>| {
            calls.max_by_key(|call| (begin(&self.records[self.calls[*call].record]), *call))
        };
        if meant.iter().any(|index| self.call_of.contains_key(index)) {
            return latest(&mut meant.iter().filter_map(free));
        }
        let mut below: Vec<usize> = Vec::new();
        let mut open: Vec<usize> = meant.to_vec();
        let mut seen = HashSet::new();
        while let Some(index) = open.pop() {
            if seen.insert(index) {
                below.extend(free(&index));
                open.extend(self.forest.children(index));
            }
        }
        let above =
            || meant.iter().find_map(|index| self.forest.above(*index).find_map(|above| free(&above)));
        latest(&mut below.into_iter()).or_else(above)
    }

    fn by_sequence(&self, index: usize) -> Found {
        let here = &self.calls_in[self.trajectory[index]];
        let (Some(number), Some(numbers)) = (self.records[index].sequence, &here.numbers) else {
            return Found::NotYet;
        };
        // One number for all is an exporter's, not an order.
        if numbers.iter().all(|other| *other == number) {
            return Found::NotYet;
        }
        let sequence = |call: &usize| self.records[self.calls[*call].record].sequence.unwrap_or_default();
        let before =
            here.free.iter().copied().filter(|call| sequence(call) < number && self.may_take(index, *call));
        before.max_by_key(sequence).map_or(Found::Nothing(TAKEN), Found::Call)
    }

    fn by_time(&self, index: usize) -> Option<usize> {
        let here = &self.calls_in[self.trajectory[index]];
        let start = begin(&self.records[index]);
        let fits = |call: &usize| {
            finish(&self.records[self.calls[*call].record]) <= start && self.may_take(index, *call)
        };
        if here.numbers.as_ref().is_none_or(|numbers| !numbers.is_empty()) {
            return here.free.iter().rev().copied().find(fits);
        }
        // A reward on its own, say of a trace that was made for it alone, can be anyone's.
        let all = self.calls_in.iter().flat_map(|calls| &calls.free).copied().filter(fits);
        all.max_by_key(|call| (begin(&self.records[self.calls[*call].record]), *call))
    }

    fn may_take(&self, reward: usize, call: usize) -> bool {
        match self.policy {
            RewardMatch::FirstOccurrence => true,
            RewardMatch::FirstSibling => {
                let call = self.calls[call].record;
                let (a, b) = (&self.records[reward], &self.records[call]);
                a.trace_id == b.trace_id && self.forest.parent(reward) == self.forest.parent(call)
            }
        }
    }
}

/// What belongs together over several traces: an attempt of a rollout, else a session, else the trace.
fn trajectory(record: &Record<'_>) -> String {
    let text = |name| record.or_resource(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some((rollout, attempt)) = record.attempt {
        return format!("attempt {rollout}/{attempt}");
    }
    if let (Some(rollout), Some(attempt)) =
        (text("agentlightning.rollout_id"), text("agentlightning.attempt_id"))
    {
        return format!("attempt {rollout}/{attempt}");
    }
    let session = ["session.id", "gen_ai.conversation.id", "agentops.session.id"].into_iter().find_map(text);
    session.map_or_else(|| format!("trace {}", record.trace_id), |session| format!("session {session}"))
}

/// `agentlightning.link.N.key_match` and `.value_match` that belong together.
fn links<'r>(record: &'r Record<'_>) -> Vec<(&'r str, &'r Value)> {
    let keys = record.attributes.iter().filter_map(|(name, key)| {
        let number = name.strip_prefix("agentlightning.link.")?.strip_suffix(".key_match")?;
        Some((key.as_str()?, record.get(&format!("agentlightning.link.{number}.value_match"))?))
    });
    keys.collect()
}

fn has(record: &Record<'_>, key: &str, value: &Value) -> bool {
    match key {
        "trace_id" => value.as_str() == Some(&record.trace_id),
        "span_id" => value.as_str() == Some(&record.span_id),
        _ => record
            .get(key)
            .is_some_and(|own| own == value || value.as_str().is_some_and(|text| own.to_string() == text)),
    }
}
