//! What kind of work a span is.

use std::fmt;
use std::str::FromStr;

/// What kind of work a span is. Recorded as `event_type`, and in AgentOps' words as `agentops.span.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventType {
    /// A whole conversation or run.
    Session,
    /// An agent's turn.
    Agent,
    /// A task that an agent was given.
    Task,
    /// A step.
    Operation,
    /// Several tasks or agents together.
    Workflow,
    /// A call of a tool.
    Tool,
    /// A call of a model.
    Model,
    /// Calls one after the other.
    Chain,
    /// A check of what goes in or comes out.
    Guardrail,
}

/// A text that names no [`EventType`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no event type; it must be one of session, agent, task, operation, workflow, tool, model (or llm), chain, guardrail"
)]
pub struct UnknownEventType(String);

impl EventType {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Session,
        Self::Agent,
        Self::Task,
        Self::Operation,
        Self::Workflow,
        Self::Tool,
        Self::Model,
        Self::Chain,
        Self::Guardrail,
    ];

    /// The value of `event_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Agent => "agent",
            Self::Task => "task",
            Self::Operation => "operation",
            Self::Workflow => "workflow",
            Self::Tool => "tool",
            Self::Model => "model",
            Self::Chain => "chain",
            Self::Guardrail => "guardrail",
        }
    }

    /// The value of `agentops.span.kind`.
    pub const fn span_kind(self) -> &'static str {
        match self {
            Self::Model => "llm",
            other => other.as_str(),
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// By either name, in any case.
impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_meant = |kind: &Self| {
            text.eq_ignore_ascii_case(kind.as_str()) || text.eq_ignore_ascii_case(kind.span_kind())
        };
        Self::ALL.into_iter().find(is_meant).ok_or_else(|| UnknownEventType(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_one_is_read_by_either_name() {
        for kind in EventType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(kind.span_kind().to_uppercase().parse(), Ok(kind));
        }
        let error = "modell".parse::<EventType>().unwrap_err();
        assert!(error.to_string().contains("\"modell\"") && error.to_string().contains("guardrail"));
    }
}
