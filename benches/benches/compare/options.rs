//! What the command line asks for.

use std::time::Duration;

use tracer_factory_benches::{PIPELINES, Pipeline};
use tracer_factory_hot_path::{Alone, number};

use crate::groups::{GROUPS, Group};
use crate::load::{Pace, Run};

/// What this process is for.
#[derive(Debug)]
pub(crate) enum Mode {
    /// Compares, with processes for all else.
    Compare(Options),
    /// Receives.
    Sink,
    /// Records with one case, for tools.
    Alone(Alone),
    /// Measures the cases of one group.
    Group(Group, usize),
    /// Puts one pipeline under load.
    Pipeline(Pipeline, Run),
}

/// One kind of measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Producer,
    Allocations,
    Instructions,
    Delivered,
    FullSpeed,
    Rates,
}

impl Part {
    const ALL: [(Self, &str); 6] = [
        (Self::Producer, "producer"),
        (Self::Allocations, "allocations"),
        (Self::Instructions, "instructions"),
        (Self::Delivered, "delivered"),
        (Self::FullSpeed, "full-speed"),
        (Self::Rates, "rates"),
    ];
}

/// The comparison's own options.
#[derive(Debug)]
pub(crate) struct Options {
    /// Only the `ratio` lines.
    pub(crate) summary: bool,
    /// Rounds of the producer's cases that count.
    pub(crate) rounds: usize,
    /// Rounds of the pipelines whose spans are all delivered.
    pub(crate) delivery_rounds: usize,
    /// Rounds of the pipelines at full speed.
    pub(crate) full_speed_rounds: usize,
    /// Rounds of the pipelines at each offered rate.
    pub(crate) rate_rounds: usize,
    /// How long a pipeline is under load; half as long where all is delivered, since pairs are better when close.
    pub(crate) time: Duration,
    parts: Vec<Part>,
}

impl Options {
    /// Whether this kind of measurement was asked for.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

const USAGE: &str = "\
[--summary] [--part producer|allocations|instructions|delivered|full-speed|rates]... [--rounds N] \
[--delivery-rounds N] [--full-speed-rounds N] [--rate-rounds N] [--millis N]";

impl Mode {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (cargo, arguments): (Vec<_>, Vec<_>) = arguments.partition(|argument| argument == "--bench");
        let mut rest = arguments.iter().cloned();
        match arguments.first().map(String::as_str) {
            Some("--sink") => Ok(Self::Sink),
            Some("--case") => Alone::parse(rest).map(Self::Alone),
            Some("--group") => {
                let [_, name, rounds] = words(&arguments)?;
                let group = GROUPS.iter().find(|group| group.name == name);
                let group = group.ok_or_else(|| format!("there is no group {name}"))?;
                Ok(Self::Group(*group, number("--group", rounds)?))
            }
            Some("--pipeline") => {
                let [_, name, run @ ..]: [&str; 6] = words(&arguments)?;
                let pipeline = PIPELINES.iter().find(|pipeline| pipeline.name == name);
                let pipeline = pipeline.ok_or_else(|| format!("there is no pipeline {name}"))?;
                Ok(Self::Pipeline(*pipeline, parse_run(run)?))
            }
            // Cargo says `--bench` under `cargo bench`; without it this is a test that everything runs.
            _ => options(&mut rest, !cargo.is_empty()).map(Self::Compare),
        }
    }
}

fn options(arguments: &mut dyn Iterator<Item = String>, measures: bool) -> Result<Options, String> {
    let mut options = Options {
        summary: false,
        rounds: if measures { 60 } else { 2 },
        delivery_rounds: if measures { 9 } else { 1 },
        full_speed_rounds: if measures { 3 } else { 1 },
        rate_rounds: 1,
        time: Duration::from_millis(if measures { 2000 } else { 100 }),
        parts: Vec::new(),
    };
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{option} needs a value"));
        match option.as_str() {
            "--summary" => options.summary = true,
            "--rounds" => options.rounds = number(&option, &value()?)?,
            "--delivery-rounds" => options.delivery_rounds = number(&option, &value()?)?,
            "--full-speed-rounds" => options.full_speed_rounds = number(&option, &value()?)?,
            "--rate-rounds" => options.rate_rounds = number(&option, &value()?)?,
            "--millis" => options.time = Duration::from_millis(number(&option, &value()?)? as u64),
            "--part" => {
                let name = value()?;
                let known = Part::ALL.into_iter().find(|(_, known)| *known == name);
                options.parts.push(known.ok_or_else(|| format!("there is no part {name}: {USAGE}"))?.0);
            }
            other => {
                return Err(format!("{other} is unknown; known are {USAGE}, or {} alone", Alone::USAGE));
            }
        }
    }
    if options.parts.is_empty() {
        // A test that everything runs has no use for what takes minutes.
        let slow = [Part::Instructions, Part::Rates];
        let parts = Part::ALL.into_iter().map(|(part, _)| part);
        options.parts = parts.filter(|part| measures || !slow.contains(part)).collect();
    }
    Ok(options)
}

/// As [`Run::to_arguments`] writes it.
fn parse_run(words: [&str; 4]) -> Result<Run, String> {
    let [url, pace, threads, millis] = words;
    let pace = Pace::from_word(pace).ok_or_else(|| format!("{pace} is no pace"))?;
    let threads = number("--pipeline", threads)?;
    let time = Duration::from_millis(number("--pipeline", millis)? as u64);
    Ok(Run { url: url.to_owned(), pace, threads, time })
}

fn words<const N: usize>(arguments: &[String]) -> Result<[&str; N], String> {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    words.try_into().map_err(|_| format!("{} takes {} words", arguments[0], N - 1))
}
