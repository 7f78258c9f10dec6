//! Bar 1: a worker is killed at a random moment, and a new one delivers what it left. Nothing whose scope had closed is
//! lost, and at most the batch that was on its way arrives twice.

mod round;
mod scenario;

use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fastrand::Rng;

pub use scenario::Scenario;

use crate::harness::{Bench, Finding};
use round::Round;
use scenario::Choice;

/// Rounds at a time: they mostly wait.
const AT_ONCE: usize = 4;

/// What came of a scenario's rounds.
#[derive(Default)]
struct Totals {
    closed: u64,
    lost: u64,
    duplicated: u64,
    /// The most of one round and destination, in batches of that round.
    worst: f64,
    two: u64,
    in_teardown: u64,
    killed_again: u64,
    slowest_replay: Duration,
}

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let rounds = bench.rounds(50, 50);
    let named = bench.effort.scenarios.iter().map(|name| name.parse().map_err(anyhow::Error::msg));
    let named: Vec<Scenario> = named.collect::<Result<_>>()?;
    let mut wanted: Vec<_> = named.into_iter().map(|scenario| (scenario, rounds)).collect();
    if wanted.is_empty() {
        wanted.extend(Scenario::STANDARD.map(|(scenario, one_of)| (scenario, rounds.div_ceil(one_of))));
    }
    for (scenario, rounds) in wanted {
        finding.join(kill(bench, scenario, rounds));
    }
    Ok(finding)
}

/// Every round of a scenario.
fn kill(bench: &Bench, scenario: Scenario, rounds: u64) -> Finding {
    let mut random = bench.random(1);
    let seeds: Vec<u64> = (0..rounds).map(|_| random.u64(..)).collect();
    let next = Mutex::new(seeds.into_iter().enumerate());
    let found = Mutex::new((Finding::default(), Totals::default()));
    let take = || next.lock().ok()?.next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((number, seed)) = take() {
                    let choice = Choice::new(scenario, &mut Rng::with_seed(seed));
                    let words = format!("{scenario}, round {number}, {choice:?}");
                    let result = Round::run(bench, &choice).context(words.clone());
                    // Nobody panics with the lock.
                    let Ok(mut found) = found.lock() else { return };
                    let (finding, totals) = &mut *found;
                    match result {
                        Ok(round) => round.add_to(finding, totals, &words),
                        Err(error) => finding.must(false, || format!("{error:#}")),
                    }
                }
            });
        }
    });
    let (mut finding, totals) = found.into_inner().unwrap_or_default();
    let Totals { closed, lost, duplicated, worst, two, in_teardown, killed_again, slowest_replay } = totals;
    finding.figure(format!("{scenario}: {rounds} rounds ({two} with a second destination that is down, {in_teardown} killed in teardown, {killed_again} with the replay killed too)"));
    finding.figure(format!("{closed} scopes closed and told, lost {lost}"));
    finding.figure(format!("{duplicated} duplicated, at most {worst:.2} batches a destination and kill"));
    finding.figure(format!("slowest replay {:.1} s", slowest_replay.as_secs_f64()));
    finding.must(closed > rounds * 10, || format!("only {closed} scopes closed: nothing was tested"));
    finding
}
