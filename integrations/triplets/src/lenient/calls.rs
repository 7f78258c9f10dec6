//! Which spans are calls of a model, and whose.

use std::collections::HashSet;

use super::forest::{Forest, enclosing};
use super::kind::{agent_name, is_model_call};
use crate::options::Options;
use crate::record::Record;
use crate::strict;
use crate::triplet::Reason;
use crate::why::Reasons;

pub(super) struct Call {
    pub(super) record: usize,
    /// The agent; none when there is no agent at all.
    pub(super) agent: Option<String>,
}

/// What a span inherits from those above it.
#[derive(Clone, Copy, Default)]
struct Above<'r> {
    agent: Option<&'r str>,
    reward: bool,
    call: bool,
}

pub(super) fn find(
    records: &[Record<'_>],
    forest: &Forest,
    options: &Options,
    rewards: &[Option<f64>],
    reasons: &mut Reasons,
) -> Vec<Call> {
    let is_call: Vec<bool> = records.iter().map(|record| matches(record, options)).collect();
    let wraps = wraps(records, forest, &is_call);
    let agents: Vec<usize> = forest
        .order
        .iter()
        .copied()
        .filter(|index| !is_call[*index] && agent_name(&records[*index]).is_some())
        .collect();
    let mut calls = Vec::new();
    let mut responses: HashSet<&str> = HashSet::new();
    let mut above = vec![Above::default(); records.len()];
    for &index in &forest.order {
        let record = &records[index];
        let mut here = forest.parent(index).map_or_else(Above::default, |parent| above[parent]);
        if is_call[index] {
            let response = strict::content::response_id(record);
            // Frameworks that trace on their own put calls beside the agent instead of below it.
            let beside = || enclosing(records, index, &agents).and_then(|agent| agent_name(&records[agent]));
            let agent = record.text("gen_ai.agent.name").or(here.agent).or_else(beside);
            let wanted =
                options.agent_match.as_ref().is_none_or(|re| agent.is_some_and(|agent| re.is_match(agent)));
            let reason = if !wanted {
                Reason::OutsideAgent
            } else if here.reward {
                Reason::UnderReward
            } else if wraps[index] {
                Reason::Wrapper
            } else if here.call && response.is_none() {
                Reason::NestedWithoutId
            } else if response.is_some_and(|id| !responses.insert(id)) {
                Reason::DuplicateResponseId
            } else {
                calls.push(Call { record: index, agent: agent.map(str::to_owned) });
                here.call = true;
                Reason::Triplet
            };
            reasons.say_usual(index, reason, response);
        } else {
            let by_name = options.llm_call_match.is_some();
            reasons.say_usual(index, if by_name { Reason::NameNotMatched } else { Reason::NotLlmCall }, None);
            // A reward on a call is that call's own, and nothing below was made to judge.
            here.reward |= rewards[index].is_some() || strict::reward::is_operation(record);
        }
        if let Some(agent) = agent_name(record) {
            here.agent = Some(agent);
        }
        above[index] = here;
    }
    calls
}

fn matches(record: &Record<'_>, options: &Options) -> bool {
    match &options.llm_call_match {
        Some(pattern) => pattern.is_match(record.name),
        None => record.name.contains(strict::USUAL_NAME) || is_model_call(record),
    }
}

/// A call without an identifier over one with an identifier is the same call, seen by two libraries.
fn wraps(records: &[Record<'_>], forest: &Forest, is_call: &[bool]) -> Vec<bool> {
    let mut known_below = vec![false; records.len()];
    // Children before their parents.
    for &index in forest.order.iter().rev() {
        let known = is_call[index] && strict::content::response_id(&records[index]).is_some();
        if let Some(parent) = forest.parent(index).filter(|_| known || known_below[index]) {
            known_below[parent] = true;
        }
    }
    let wraps = (0..records.len()).map(|index| {
        is_call[index] && known_below[index] && strict::content::response_id(&records[index]).is_none()
    });
    wraps.collect()
}
