//! Training triplets (prompt, response, reward) from the traces of agents, as agent-lightning's trainers take them.
//!
//! ```
//! use tracer_factory_core::span::Trace;
//! use tracer_factory_triplets::{Options, TraceTriplets};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let trace = Trace::default(); // what a tracer's `get_last_trace` gives
//! let options = Options::builder().agent_match("^planner$").why(true).build()?;
//! let extraction = trace.triplets(&options)?;
//! print!("{}", extraction.to_json_lines());
//! # Ok(())
//! # }
//! ```
//!
//! # Strict and default
//!
//! [`Options::strict`] gives what agent-lightning 0.3.0's `TracerTraceToTriplet` (with
//! [`proxy`](OptionsBuilder::proxy), `LlmProxyTraceToTriplet`) gives for the same spans. Where that raises, there is
//! an [`Error`]. The default never fails, and differs so:
//!
//! | | strict | default |
//! |---|---|---|
//! | a call is known by | its name | its name, `gen_ai.operation.name`, `openinference.span.kind`, `agentops.span.kind`, `event_type` |
//! | messages | `gen_ai.prompt.N.*`, `gen_ai.completion.N.*`, Weave's | those, then `gen_ai.{input,output}.messages`, OpenInference's, `input.value`, of the span or its events |
//! | token identifiers | lists of whole numbers | also the text of one |
//! | a call beside its agent | spans below the first branching one move under the tightest span around them | it is the tightest agent's around it; nothing moves |
//! | a call around a call | both, but one without an identifier in another is left out | also, one without an identifier around one that has one is left out |
//! | an agent's name | the package's seven places | also `gen_ai.agent.name`, on agents and on calls |
//! | a reward goes | by time | to the call that says it, by `agentlightning.link.N.*` or a span's links, by sequence number, by time within the same attempt, session or trace |
//! | order | depth first, in the order given | depth first, siblings by start |
//! | missing times, circles, spans that come twice, rewards that are none | errors, or what Python makes of them | tolerated |
//!
//! Python says more about the very odd: its recursion ends near 1000 levels, depending on its caller. Strict
//! extraction answers for deep trees, and refuses JSON and attribute names more than 960 levels deep. Patterns are
//! those of the crate `regex`: linear in time, without look-around and back-references.

pub mod agl;
mod error;
mod json;
mod lenient;
mod options;
mod proxy;
mod python;
mod record;
mod strict;
mod triplet;
mod why;

use tracer_factory_core::span::{SpanData, Trace};

pub use self::error::Error;
pub use self::json::Json;
pub use self::options::{Options, OptionsBuilder, PatternError, RewardMatch, UnknownRewardMatch};
pub use self::triplet::{Extraction, Reason, Source, Triplet, Why};

use self::record::Record;

/// The triplets of `spans`, which can be of several traces. Only strict extraction has errors.
pub fn extract(spans: &[SpanData], options: &Options) -> Result<Extraction, Error> {
    extract_records(spans.iter().map(Record::of_span).collect(), options)
}

/// Triplets of a recorded trace.
pub trait TraceTriplets {
    /// The triplets of the trace, see [`extract`].
    fn triplets(&self, options: &Options) -> Result<Extraction, Error>;
}

impl TraceTriplets for Trace {
    fn triplets(&self, options: &Options) -> Result<Extraction, Error> {
        extract(&self.spans, options)
    }
}

fn extract_records(records: Vec<Record<'_>>, options: &Options) -> Result<Extraction, Error> {
    match (options.proxy, options.strict) {
        (true, _) => proxy::extract(records, options),
        (false, true) => strict::extract(records, options),
        (false, false) => Ok(lenient::extract(&records, options)),
    }
}
