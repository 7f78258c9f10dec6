//! Traces of one session, taken together.

use std::collections::BTreeSet;

use super::facts::last;
use super::view::Row;
use crate::api::SessionSummary;

/// A session, trace by trace, in any order.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) id: String,
    /// When any of its traces last got a span.
    pub(super) turn: u64,
    summary: Option<SessionSummary>,
    services: BTreeSet<String>,
    tags: BTreeSet<String>,
    end_state: Option<(u64, String)>,
    reward: Option<(u64, f64)>,
}

impl Session {
    pub(super) fn new(id: String) -> Self {
        Self { id, ..Self::default() }
    }

    pub(super) fn add(&mut self, row: &Row<'_>) {
        let facts = row.facts;
        let agent = facts.agent.as_deref();
        self.turn = self.turn.max(row.turn);
        self.services.extend(facts.services.iter().map(|service| service.to_string()));
        self.tags.extend(facts.tags().iter().map(|tag| tag.to_string()));
        if let Some(agent) = agent {
            let state = agent.end_state.as_ref();
            last(&mut self.end_state, state.map(|(when, state)| (*when, state.to_string())));
            last(&mut self.reward, agent.reward);
        }
        let summary = self.summary.get_or_insert_with(|| SessionSummary {
            session_id: self.id.clone(),
            ..SessionSummary::default()
        });
        summary.traces += 1;
        summary.spans += row.spans;
        summary.errors += facts.errors;
        summary.end_unix_nanos = summary.end_unix_nanos.max(facts.end);
        if summary.traces == 1 || facts.start < summary.start_unix_nanos {
            summary.start_unix_nanos = facts.start;
            summary.project = facts.project().to_owned();
            summary.root_name = facts.root_name().to_owned();
        }
        let Some(agent) = agent else { return };
        summary.input_tokens = summary.input_tokens.saturating_add(agent.input_tokens);
        summary.output_tokens = summary.output_tokens.saturating_add(agent.output_tokens);
        if let Some(cost) = agent.cost_usd {
            summary.cost_usd = Some(summary.cost_usd.unwrap_or(0.0) + cost);
        }
        let text = |slot: &mut Option<String>, ranked: &Option<super::facts::Ranked>| {
            if slot.is_none() {
                *slot = ranked.as_ref().map(|ranked| ranked.text.to_string());
            }
        };
        text(&mut summary.rollout_id, &agent.rollout);
        text(&mut summary.attempt_id, &agent.attempt);
    }

    /// Empty for a session without traces, which nobody asks for.
    pub(super) fn summary(self) -> SessionSummary {
        let mut summary = self
            .summary
            .unwrap_or_else(|| SessionSummary { session_id: self.id, ..SessionSummary::default() });
        summary.services = self.services.into_iter().collect();
        summary.tags = self.tags.into_iter().collect();
        summary.end_state = self.end_state.map(|(_, state)| state);
        summary.reward = self.reward.map(|(_, reward)| reward);
        summary
    }
}
