//! Why there are no triplets. Only strict extraction fails: where the Python adapter raises.

/// What agent-lightning's adapter trips over. The default tolerates all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is not one span.
    #[error("strict: there are no spans, which the Python adapter refuses")]
    NoSpans,
    /// Every span has a parent that is there too: they are all in circles.
    #[error("strict: no span is a root, which the Python adapter refuses")]
    NoRoot,
    /// A span is its own ancestor; Python recurses until it gives up.
    #[error("strict: span {span} is its own ancestor, on which the Python adapter recurses for ever")]
    Cycle {
        /// Its identifier.
        span: String,
    },
    /// Spans that share identifiers make a tree many times larger than the trace.
    #[error("strict: spans with the same identifiers make a tree of more than {nodes} nodes")]
    Tangled {
        /// How many were too many.
        nodes: usize,
    },
    /// A time is compared that isn't there.
    #[error("strict: span {span} has no {which} time, and the Python adapter compares it")]
    MissingTime {
        /// Its identifier.
        span: String,
        /// `start` or `end`.
        which: &'static str,
    },
    /// The package's span model doesn't take the attribute.
    #[error(
        "strict: attribute {key:?} of span {span} is neither text, truth, number nor a list of one of them"
    )]
    Attribute {
        /// The span's identifier.
        span: String,
        /// The attribute.
        key: String,
    },
    /// Something that says it is a reward isn't one.
    #[error("strict: the reward of span {span} can't be read by Python: {reason}")]
    Reward {
        /// The span's identifier.
        span: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An agent's name that isn't text meets `agent_match`.
    #[error("strict: the agent's name on span {span} is not text, and Python can't match it")]
    AgentName {
        /// The span's identifier.
        span: String,
    },
    /// Prompt, response or what belongs to them can't be put together.
    #[error("strict: span {span} is a call that Python can't turn into a triplet: {reason}")]
    Content {
        /// The span's identifier.
        span: String,
        /// What is wrong with it.
        reason: String,
    },
}
