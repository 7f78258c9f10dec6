//! agent-lightning 0.3.0's `TracerTraceToTriplet`, rule by rule, with its oddities.
//!
//! One thing can't be the same: several missing parents come in the order of a Python set there, which differs
//! from run to run. Here they come in the order in which the spans name them, which is one of those orders.

pub(crate) mod agent;
mod calls;
pub(crate) mod content;
mod repair;
pub(crate) mod reward;
mod rewards;
mod tree;

use std::borrow::Cow;
use std::collections::HashMap;

pub(crate) use self::calls::USUAL_NAME;
use self::tree::Tree;
use crate::error::Error;
use crate::json::Json;
use crate::options::Options;
use crate::python::attribute::taken;
use crate::record::Record;
use crate::triplet::{Extraction, Reason, Source, Triplet};
use crate::why::Reasons;

pub(crate) fn extract(mut records: Vec<Record<'_>>, options: &Options) -> Result<Extraction, Error> {
    take_attributes(&mut records)?;
    let mut tree = Tree::of(&records)?;
    repair::repair(&mut tree)?;
    let rewards_of = reward::read_all(&tree)?;
    let mut reasons = Reasons::new(&records, options.why);
    let calls = calls::find(&tree, options, &rewards_of, &mut reasons)?;
    let mut triplets = Vec::with_capacity(calls.len());
    for call in &calls {
        let node = tree.node(call.node);
        triplets.push(Triplet {
            source: Source { trace_id: tree.trace_id(call.node), span_id: tree.id_text(node.id).to_owned() },
            ..content::triplet(tree.record_of(node), call.label)?
        });
    }
    let matched = rewards::match_rewards(&tree, options.reward_match, &calls, &rewards_of)?;
    for (call, triplet) in calls.iter().zip(&mut triplets) {
        let given = matched.get(&tree.node(call.node).id);
        triplet.reward = given.map_or(Json::Null, |(_, value)| value.clone());
    }
    if let (Some(reward), Some(last)) = (options.final_reward, triplets.last_mut()) {
        last.reward = Json::Float(reward);
    }
    if options.why {
        say_rewards(&tree, &rewards_of, &matched, &mut reasons);
    }
    Ok(Extraction { triplets, why: reasons.into_why(Reason::Unreachable) })
}

/// The attributes as the package's span model has them.
pub(crate) fn take_attributes(records: &mut [Record<'_>]) -> Result<(), Error> {
    for record in records {
        for (key, value) in &mut record.attributes {
            let taken = match value {
                Cow::Borrowed(value) => taken(value),
                Cow::Owned(value) => taken(value).map(|value| Cow::Owned(value.into_owned())),
            };
            let refused = || Error::Attribute { span: record.span_id.to_string(), key: (*key).to_owned() };
            *value = taken.ok_or_else(refused)?;
        }
    }
    Ok(())
}

fn say_rewards(
    tree: &Tree<'_>,
    rewards_of: &[reward::Reading],
    matched: &rewards::Matched,
    reasons: &mut Reasons,
) {
    let call_of: HashMap<_, _> = matched.iter().map(|(call, (from, _))| (*from, *call)).collect();
    for node in tree.preorder(tree.root) {
        let Some(value) = &rewards_of[node].value else { continue };
        let Some(record) = tree.node(node).record else { continue };
        let value = || serde_json::to_string(value).unwrap_or_default();
        match call_of.get(&node) {
            Some(call) => reasons.say(record, Reason::RewardAssigned, || {
                format!("its reward, {}, goes to span {}", value(), tree.id_text(*call))
            }),
            None => reasons.say(record, Reason::RewardUnassigned, || {
                format!("its reward, {}, finds no call that ended before and has none yet", value())
            }),
        }
    }
}
