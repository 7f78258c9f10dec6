//! Which call gets which reward.

use std::collections::{HashMap, HashSet};

use super::calls::Call;
use super::reward::Reading;
use super::tree::{Id, NodeIndex, Tree};
use crate::error::Error;
use crate::json::Json;
use crate::options::RewardMatch;

/// By the call's identifier: the node that the reward is from, and the reward.
pub(super) type Matched = HashMap<Id, (NodeIndex, Json)>;

pub(super) fn match_rewards(
    tree: &Tree<'_>,
    policy: RewardMatch,
    calls: &[Call<'_>],
    rewards_of: &[Reading],
) -> Result<Matched, Error> {
    let is_call: HashSet<Id> = calls.iter().map(|call| tree.node(call.node).id).collect();
    let mut matching = Matching { tree, is_call, rewards_of, matched: Matched::new() };
    let order = tree.preorder(tree.root);
    match policy {
        RewardMatch::FirstOccurrence => matching.walk(&by_start(tree, order)?)?,
        RewardMatch::FirstSibling => {
            for node in order {
                matching.walk(&tree.node(node).children)?;
            }
        }
    }
    Ok(matching.matched)
}

/// Sorting compares each with another, unless there is only one.
fn by_start(tree: &Tree<'_>, mut order: Vec<NodeIndex>) -> Result<Vec<NodeIndex>, Error> {
    if order.len() > 1 {
        if let Some(node) = order.iter().find(|node| tree.node(**node).start.is_none()) {
            return Err(Error::MissingTime { span: tree.span(*node), which: "start" });
        }
        order.sort_by(|a, b| {
            tree.node(*a).start.partial_cmp(&tree.node(*b).start).unwrap_or(std::cmp::Ordering::Equal)
        });
    }
    Ok(order)
}

struct Matching<'t, 'a> {
    tree: &'t Tree<'a>,
    is_call: HashSet<Id>,
    rewards_of: &'t [Reading],
    matched: Matched,
}

impl Matching<'_, '_> {
    /// Each reward goes to the latest call before it that has ended by then and has none yet.
    fn walk(&mut self, nodes: &[NodeIndex]) -> Result<(), Error> {
        let mut waiting: Vec<NodeIndex> = Vec::new();
        for &index in nodes {
            let node = self.tree.node(index);
            if self.is_call.contains(&node.id) {
                waiting.push(index);
            }
            let Some(reward) = &self.rewards_of[index].value else { continue };
            for at in (0..waiting.len()).rev() {
                let call = self.tree.node(waiting[at]);
                let missing = |node, which| Error::MissingTime { span: self.tree.span(node), which };
                let end = call.end.ok_or_else(|| missing(waiting[at], "end"))?;
                let start = node.start.ok_or_else(|| missing(index, "start"))?;
                if end > start || self.matched.contains_key(&call.id) {
                    continue;
                }
                self.matched.insert(call.id, (index, reward.clone()));
                waiting.remove(at);
                break;
            }
        }
        Ok(())
    }
}
