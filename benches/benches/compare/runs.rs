//! Pipelines under load, interleaved: at a steady rate, at full speed, and at rising rates.

use std::time::Duration;

use tracer_factory_benches::{PIPELINES, Pipeline};
use tracer_factory_hot_path::Failure;

use crate::children::Children;
use crate::load::{Outcome, Pace, Run};
use crate::options::Options;

/// Outcomes of one pipeline, one a round.
#[derive(Debug)]
pub(crate) struct Outcomes {
    pub(crate) pipeline: &'static str,
    pub(crate) rounds: Vec<Outcome>,
}

impl Outcomes {
    pub(crate) fn figures(&self, figure: impl Fn(&Outcome) -> f64) -> Vec<f64> {
        self.rounds.iter().map(figure).collect()
    }
}

/// Rates at which spans begin to be lost.
const RATES: [usize; 5] = [100_000, 200_000, 400_000, 800_000, 1_600_000];
/// Threads at full speed.
const FLAT_OUT_THREADS: usize = 2;

/// Puts pipelines under load.
pub(crate) struct Runs<'a> {
    children: &'a Children,
    options: &'a Options,
}

impl<'a> Runs<'a> {
    pub(crate) fn new(children: &'a Children, options: &'a Options) -> Self {
        Self { children, options }
    }

    /// CPU time of what is delivered.
    pub(crate) fn delivered(&self) -> Result<Vec<Outcomes>, Failure> {
        self.run(Pace::Settled, 1, self.options.delivery_rounds, self.options.time / 2)
    }

    /// What is lost when nothing holds the producers back.
    pub(crate) fn full_speed(&self) -> Result<Vec<Outcomes>, Failure> {
        self.run(Pace::FlatOut, FLAT_OUT_THREADS, self.options.full_speed_rounds, self.options.time)
    }

    /// What is lost at each of the rates.
    pub(crate) fn rates(&self) -> Result<Vec<(usize, Vec<Outcomes>)>, Failure> {
        let at =
            |rate| Ok((rate, self.run(Pace::Rate(rate), 1, self.options.rate_rounds, self.options.time)?));
        RATES.into_iter().map(at).collect()
    }

    /// Each pipeline in each round; each round begins with another one.
    fn run(
        &self,
        pace: Pace,
        threads: usize,
        rounds: usize,
        time: Duration,
    ) -> Result<Vec<Outcomes>, Failure> {
        let new = |pipeline: &Pipeline| Outcomes { pipeline: pipeline.name, rounds: Vec::new() };
        let mut all: Vec<_> = PIPELINES.iter().map(new).collect();
        for round in 0..rounds {
            // Nobody's late requests are counted as somebody else's.
            let sink = self.children.sink()?;
            let run = Run { url: sink.url(), pace, threads, time };
            let step = usize::from(round > 0).min(all.len());
            all.rotate_left(step);
            for outcomes in &mut all {
                outcomes.rounds.push(self.one(outcomes.pipeline, &run)?);
            }
        }
        all.sort_by_key(|outcomes| PIPELINES.iter().position(|pipeline| pipeline.name == outcomes.pipeline));
        Ok(all)
    }

    /// One pipeline's process.
    fn one(&self, pipeline: &str, run: &Run) -> Result<Outcome, Failure> {
        let arguments = run.to_arguments();
        let mut words = vec!["--pipeline", pipeline];
        words.extend(arguments.iter().map(String::as_str));
        let said = self.children.output(&words)?;
        Outcome::from_line(&said).ok_or_else(|| format!("{pipeline} said {said}").into())
    }
}
