//! The default: every convention that says what a model call is, and no trace that is too broken.

mod calls;
mod content;
mod forest;
mod kind;
mod matching;
mod messages;
pub(crate) mod reward;

use crate::json::Json;
use crate::options::Options;
use crate::record::Record;
use crate::triplet::{Extraction, Reason, Source, Triplet};
use crate::why::Reasons;

use self::forest::Forest;

pub(crate) fn extract(records: &[Record<'_>], options: &Options) -> Extraction {
    let mut reasons = Reasons::new(records, options.why);
    let forest = Forest::of(records);
    let rewards: Vec<Option<f64>> = records.iter().map(reward::value).collect();
    let calls = calls::find(records, &forest, options, &rewards, &mut reasons);
    let given =
        matching::match_rewards(records, &forest, options.reward_match, &calls, &rewards, &mut reasons);
    let mut triplets: Vec<Triplet> = Vec::with_capacity(calls.len());
    for (call, reward) in calls.iter().zip(given) {
        let record = &records[call.record];
        triplets.push(Triplet {
            reward: reward.map_or(Json::Null, Json::Float),
            source: Source { trace_id: record.trace_id.to_string(), span_id: record.span_id.to_string() },
            ..content::triplet(record, call.agent.as_deref())
        });
    }
    if let (Some(reward), Some(last)) = (options.final_reward, triplets.last_mut()) {
        last.reward = Json::Float(reward);
    }
    Extraction { triplets, why: reasons.into_why(Reason::DuplicateSpanId) }
}
