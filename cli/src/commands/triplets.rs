//! `triplets`: what a trainer learns from, out of a file of spans.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tracer_factory::otlp::{decode_json_request, decode_request};
use tracer_factory::triplets::{self, Extraction, Options, PatternError, RewardMatch, agl};

use super::CommandError;

/// Turn recorded spans into training triplets: prompt, response, reward.
///
/// Prints a JSON array; with --jsonl one triplet a line, with --why an object of "triplets" and "why".
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The spans; `-` reads standard input.
    file: PathBuf,
    /// What the file is.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Input::OtlpJson)]
    input: Input,
    /// Calls are the spans whose name this regular expression matches.
    #[arg(long, value_name = "REGEX")]
    llm_call_match: Option<String>,
    /// Only calls of agents whose name this regular expression matches.
    #[arg(long, value_name = "REGEX")]
    agent_match: Option<String>,
    /// Which calls a reward can go to: first_occurrence (the latest before it) or first_sibling.
    #[arg(long, value_name = "POLICY", default_value = "first_occurrence")]
    reward_match: RewardMatch,
    /// The reward of the last triplet, whatever the spans say.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    final_reward: Option<f64>,
    /// agent-lightning 0.3.0's rules and nothing else; what its adapter raises on is an error.
    #[arg(long)]
    strict: bool,
    /// Say of every span why it is a triplet or not.
    #[arg(long)]
    why: bool,
    /// One triplet a line, as trainers read them; with --why the reasons go to standard error.
    #[arg(long)]
    jsonl: bool,
    /// The spans are agent-lightning's LLM proxy's: sequence numbers count, clocks don't.
    #[arg(long)]
    proxy: bool,
}

/// What a file of spans can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Input {
    /// Requests of OTLP in JSON, one, or one a line as the Collector's file exporter writes them.
    OtlpJson,
    /// A request of OTLP in protobuf.
    OtlpProto,
    /// agent-lightning's spans: a list, an answer of its store, or one span a line.
    AglJson,
}

impl Input {
    const fn name(self) -> &'static str {
        match self {
            Self::OtlpJson => "OTLP JSON",
            Self::OtlpProto => "OTLP protobuf",
            Self::AglJson => "agent-lightning's span JSON",
        }
    }
}

/// Why there are no triplets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TripletsError {
    #[error("{} can't be read: {source}", .file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{} is not {}: {reason}", .file.display(), .format)]
    Format { file: PathBuf, format: &'static str, reason: String },
    #[error("--{}: {}", .0.option.replace('_', "-"), .0.reason)]
    Pattern(#[from] PatternError),
    #[error("{0}")]
    Extract(#[from] triplets::Error),
}

pub(crate) fn run(arguments: Arguments) -> Result<(), CommandError> {
    let options = options(&arguments)?;
    let bytes = read(&arguments.file)?;
    let extraction = extract(&arguments, &bytes, &options)?;
    let mut out = io::stdout().lock();
    if arguments.jsonl {
        out.write_all(extraction.to_json_lines().as_bytes())?;
        let mut err = io::stderr().lock();
        for why in &extraction.why {
            writeln!(err, "{}", json(why))?;
        }
    } else if arguments.why {
        writeln!(out, "{}", json(&extraction))?;
    } else {
        writeln!(out, "{}", json(&extraction.triplets))?;
    }
    Ok(out.flush()?)
}

fn options(arguments: &Arguments) -> Result<Options, TripletsError> {
    let mut builder = Options::builder()
        .reward_match(arguments.reward_match)
        .strict(arguments.strict)
        .why(arguments.why)
        .proxy(arguments.proxy);
    if let Some(pattern) = &arguments.llm_call_match {
        builder = builder.llm_call_match(pattern);
    }
    if let Some(pattern) = &arguments.agent_match {
        builder = builder.agent_match(pattern);
    }
    if let Some(reward) = arguments.final_reward {
        builder = builder.final_reward(reward);
    }
    Ok(builder.build()?)
}

fn read(file: &Path) -> Result<Vec<u8>, TripletsError> {
    let mut bytes = Vec::new();
    let result = if file == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(file)
    };
    result.map_err(|source| TripletsError::Read { file: file.to_owned(), source })
}

fn extract(arguments: &Arguments, bytes: &[u8], options: &Options) -> Result<Extraction, TripletsError> {
    let format = arguments.input.name();
    let wrong = |reason: String| TripletsError::Format { file: arguments.file.clone(), format, reason };
    let spans = match arguments.input {
        Input::OtlpProto => decode_request(bytes).map_err(|error| wrong(error.to_string()))?,
        Input::OtlpJson => match decode_json_request(bytes) {
            Ok(spans) => spans,
            Err(whole) => lines(bytes).ok_or_else(|| wrong(whole.to_string()))?,
        },
        Input::AglJson => {
            let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
            let spans = agl::read_spans(text).map_err(|error| wrong(error.to_string()))?;
            return Ok(agl::extract(&spans, options)?);
        }
    };
    Ok(triplets::extract(&spans, options)?)
}

/// A request a line, if that is what it is.
fn lines(bytes: &[u8]) -> Option<Vec<tracer_factory::SpanData>> {
    let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines.try_fold(Vec::new(), |mut spans, line| {
        spans.extend(decode_json_request(line).ok()?);
        Some(spans)
    })
}

/// Names, numbers and text: there is nothing in it that JSON can't say.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
