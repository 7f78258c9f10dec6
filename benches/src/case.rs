//! One way of recording a span, and what is recorded.

use std::hint::black_box;

/// What one span holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A name.
    Bare,
    /// A name, three attributes (two texts, one integer) and an event.
    Rich,
}

impl Shape {
    /// Both, the cheaper first.
    pub const ALL: [Self; 2] = [Self::Bare, Self::Rich];

    /// As tables and options spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Rich => "rich",
        }
    }
}

/// The values of a rich span. The compiler must not know them: keys are constants in programs, values are not.
/// Texts are static because that is the cheapest form for peers that would have to allocate for any other.
#[derive(Clone, Copy, Debug)]
pub struct Values {
    pub(crate) provider: &'static str,
    pub(crate) tokens: i64,
    /// For peers whose values are all texts; nobody pays for formatting it.
    pub(crate) tokens_text: &'static str,
    pub(crate) agent: &'static str,
}

pub(crate) const NAME: &str = "generate_response";
pub(crate) const PROVIDER: &str = "gen_ai.provider.name";
pub(crate) const TOKENS: &str = "gen_ai.usage.output_tokens";
pub(crate) const AGENT: &str = "gen_ai.agent.name";
pub(crate) const EVENT: &str = "first_token";

/// A tracer with its background threads running.
pub trait Case {
    /// As tables and options spell it.
    fn name(&self) -> &'static str;

    /// Records `traces` traces of `depth` spans, each the child of the one before.
    fn record(&self, shape: Shape, depth: usize, traces: usize, values: Values);

    /// Waits until everything recorded so far has left the queues.
    fn settle(&self);

    /// Spans that arrived at the other end since the start.
    fn arrived(&self) -> u64;

    /// Whether it has queues to overflow; without, bursts can be longer and the clock's own cost shows less.
    fn queues(&self) -> bool {
        true
    }

    /// Spans that are to arrive after such a burst: none when the case records nothing.
    fn arrivals(&self, depth: usize, traces: usize) -> u64 {
        (depth * traces) as u64
    }
}

/// Records one burst. Never inlined, so that tools can find it by name.
#[inline(never)]
pub fn produce(case: &dyn Case, shape: Shape, depth: usize, traces: usize) {
    let values = Values { provider: "openai", tokens: 200, tokens_text: "200", agent: "planner" };
    case.record(black_box(shape), black_box(depth), traces, black_box(values));
}
