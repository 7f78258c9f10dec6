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

    /// The one that is spelled so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name)
    }
}

/// The values of a rich span. The compiler must not know them: keys are constants in programs, values are not.
/// Texts are static because that is the cheapest form for peers that would have to allocate for any other.
#[derive(Clone, Copy, Debug)]
pub struct Values {
    /// Value of [`PROVIDER`].
    pub provider: &'static str,
    /// Value of [`TOKENS`].
    pub tokens: i64,
    /// The same for peers whose values are all texts; nobody pays for formatting it.
    pub tokens_text: &'static str,
    /// Value of [`AGENT`].
    pub agent: &'static str,
}

/// Name of every span.
pub const NAME: &str = "generate_response";
/// Key of a text.
pub const PROVIDER: &str = "gen_ai.provider.name";
/// Key of an integer.
pub const TOKENS: &str = "gen_ai.usage.output_tokens";
/// Key of a text.
pub const AGENT: &str = "gen_ai.agent.name";
/// Name of the event.
pub const EVENT: &str = "first_token";

/// What to record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    /// What a span holds.
    pub shape: Shape,
    /// Spans of a trace, each the child of the one before.
    pub depth: usize,
    /// How many traces.
    pub traces: usize,
}

impl Load {
    /// About this many spans.
    pub fn of_spans(shape: Shape, depth: usize, spans: usize) -> Self {
        Self { shape, depth, traces: (spans / depth).max(1) }
    }

    /// Spans of all its traces.
    pub const fn spans(&self) -> u64 {
        (self.depth * self.traces) as u64
    }
}

/// A tracer with its background threads running.
pub trait Record: Send + Sync {
    /// Records the load on the calling thread.
    fn record(&self, load: Load, values: Values);

    /// Waits until everything recorded so far has left the queues.
    fn settle(&self);
}

/// A tracer whose spans go nowhere, so that recording them is what is measured.
pub trait Case: Record {
    /// Spans that arrived at the other end since the start.
    fn arrived(&self) -> u64;

    /// Spans that are to arrive after such a load: none when the case records nothing.
    fn arrivals(&self, load: Load) -> u64 {
        load.spans()
    }

    /// Whether it has queues to overflow; without, bursts can be longer and the clock's own cost shows less.
    fn queues(&self) -> bool {
        true
    }
}

/// Why a case can't be made.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A case by its name. Making it starts its background threads.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// As tables and options spell it.
    pub name: &'static str,
    /// Makes it.
    pub make: fn() -> Result<Box<dyn Case>, Failure>,
}

fn values() -> Values {
    black_box(Values { provider: "openai", tokens: 200, tokens_text: "200", agent: "planner" })
}

/// Records what is measured. Never inlined, so that tools can find it by name.
#[inline(never)]
pub fn produce<R: Record + ?Sized>(subject: &R, load: Load) {
    subject.record(black_box(load), values());
}

/// Records what is not measured: it fills pools, lanes and queues to their size.
///
/// It also settles. With the body of [`produce`] the compiler would make one function of both, and tools could not tell
/// them apart.
#[inline(never)]
pub fn warm_up<R: Record + ?Sized>(subject: &R, load: Load) {
    subject.record(black_box(load), values());
    subject.settle();
}
