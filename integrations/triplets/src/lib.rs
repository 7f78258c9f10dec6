//! Training triplets (prompt, response, reward) from the traces of agents.
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

use tracer_factory_core::span::SpanData;

pub use self::error::Error;
pub use self::json::Json;
pub use self::options::{Options, OptionsBuilder, PatternError, RewardMatch, UnknownRewardMatch};
pub use self::triplet::{Extraction, Reason, Source, Triplet, Why};

use self::record::Record;

/// The triplets of `spans`.
pub fn extract(spans: &[SpanData], options: &Options) -> Result<Extraction, Error> {
    extract_records(spans.iter().map(Record::of_span).collect(), options)
}

fn extract_records(records: Vec<Record<'_>>, options: &Options) -> Result<Extraction, Error> {
    match (options.proxy, options.strict) {
        (true, _) => proxy::extract(records, options),
        (false, true) => strict::extract(records, options),
        (false, false) => Ok(lenient::extract(&records, options)),
    }
}
