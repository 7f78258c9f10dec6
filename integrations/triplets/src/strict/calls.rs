//! Which spans are calls of a model: by name, below the right agent, not below a reward, each response once.

use std::collections::HashSet;

use tracer_factory_core::value::Value;

use super::agent::agent_name;
use super::content::response_id;
use super::reward::Reading;
use super::tree::{NodeIndex, Tree};
use crate::error::Error;
use crate::options::Options;
use crate::triplet::Reason;
use crate::why::Reasons;

/// What the package looks for when nobody says what to look for.
pub(crate) const USUAL_NAME: &str = "openai.chat.completion";

/// The agent of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Label<'t> {
    /// Any, because nobody asked for one.
    Any,
    /// This one; whatever kind of value the attribute has.
    Name(&'t Value),
}

pub(crate) struct Call<'t> {
    pub(crate) node: NodeIndex,
    pub(crate) label: Label<'t>,
}

/// What a span inherits from those above it.
#[derive(Clone, Copy)]
struct Above<'t> {
    label: Option<Label<'t>>,
    reward: bool,
    call: bool,
}

pub(super) fn find<'t>(
    tree: &'t Tree<'_>,
    options: &Options,
    rewards_of: &[Reading],
    reasons: &mut Reasons,
) -> Result<Vec<Call<'t>>, Error> {
    let mut calls = Vec::new();
    let mut responses: HashSet<&str> = HashSet::new();
    let label = options.agent_match.is_none().then_some(Label::Any);
    let mut open = vec![(tree.root, Above { label, reward: false, call: false })];
    while let Some((index, mut above)) = open.pop() {
        let node = tree.node(index);
        let (name, record) = (tree.name(node), tree.record_of(node));
        let matches =
            options.llm_call_match.as_ref().map_or_else(|| name.contains(USUAL_NAME), |re| re.is_match(name));
        let response = response_id(record);
        let reason = match (above.label, response) {
            _ if !matches => Reason::NameNotMatched,
            (None, _) => Reason::OutsideAgent,
            _ if above.reward => Reason::UnderReward,
            (_, None) if above.call => Reason::NestedWithoutId,
            (_, Some(id)) if !responses.insert(id) => Reason::DuplicateResponseId,
            (Some(label), _) => {
                calls.push(Call { node: index, label });
                above.call = true;
                Reason::Triplet
            }
        };
        if let Some(record) = node.record {
            reasons.say_usual(record, reason, response);
        }
        if let Some(agent) = agent_name(record) {
            above.label = match (&options.agent_match, agent.as_str()) {
                (None, _) => Some(Label::Name(agent)),
                (Some(pattern), Some(text)) => pattern.is_match(text).then_some(Label::Name(agent)),
                (Some(_), None) => return Err(Error::AgentName { span: tree.span(index) }),
            };
        }
        above.reward |= rewards_of[index].is_reward;
        open.extend(node.children.iter().rev().map(|child| (*child, above)));
    }
    Ok(calls)
}
