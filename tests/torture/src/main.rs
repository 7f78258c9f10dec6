//! The torture program: `cargo xtask torture` builds and starts it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks on its terminal")]

use std::process::ExitCode;
use std::time::Instant;

use tracer_factory_torture::bars::kill::Scenario;
use tracer_factory_torture::bars::{BARS, Bar};
use tracer_factory_torture::harness::{Bench, Effort, Law, Need};
use tracer_factory_torture::worker;

const USAGE: &str = "\
Usage: cargo xtask torture [--bar N]... [--rounds N] [--seconds N] [--seed N] [--scenario NAME]...
                           [--short] [--allow-missing NAME]...

  --bar N               only this bar; may be repeated
  --rounds N            how often bars that repeat do so (50; the full run of bar 1 is 1000)
  --seconds N           how long bars that last do so (bar 2: 20, full 600; bar 3: 10, full 60)
  --seed N              repeats the choices of an earlier run
  --scenario NAME       what kind of worker bar 1 kills: spill, block, large-spans, many-threads, short-threads
                        or small-spool; may be repeated; spill, and block a tenth as often, when none is named
  --short               the size that belongs into every test run: nothing is judged by the clock
  --allow-missing NAME  parts that need it may be left out: mount, strace or faketime; may be repeated. Without this
                        whoever lacks it fails
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|word| word == worker::WORD) {
        return worker::main();
    }
    let (bars, effort) = match parse(&args) {
        Ok(parsed) => parsed,
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            eprintln!("error: this program does not know where it is: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("seed {}", effort.seed);
    let bench = Bench::new(program, effort);
    let begin = Instant::now();
    let mut missed = 0;
    let (waiting, busy): (Vec<Bar>, Vec<Bar>) = bars.into_iter().partition(|bar| bar.waits);
    // Those that mostly wait do so together, and the others have the machine to themselves.
    std::thread::scope(|scope| {
        let running: Vec<_> = waiting.iter().map(|bar| scope.spawn(|| judge(bar, &bench))).collect();
        missed += running.into_iter().map(|bar| bar.join().unwrap_or(1)).sum::<u32>();
    });
    missed += busy.iter().map(|bar| judge(bar, &bench)).sum::<u32>();
    print_law(&bench.law);
    missed += u32::from(bench.law.broken() > 0);
    println!("{:.0} s, {missed} missed", begin.elapsed().as_secs_f64());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// 1 when it is missed.
fn judge(bar: &Bar, bench: &Bench) -> u32 {
    let begin = Instant::now();
    let finding = bar.judge(bench);
    println!("bar {:>2}  {}: {finding} [{:.1} s]", bar.number, bar.name, begin.elapsed().as_secs_f64());
    u32::from(!finding.holds())
}

/// Bar 18 is what every other bar has been held to as well.
fn print_law(law: &Law) {
    let verdict = match (law.broken(), law.checked()) {
        (0, 0) => "nothing of it in these bars",
        (0, _) => "ok",
        _ => "MISSED",
    };
    println!(
        "bar 18  the accounting law after every bar: {verdict}  held {} times of {}",
        law.held(),
        law.checked()
    );
}

fn parse(args: &[String]) -> Result<(Vec<Bar>, Effort), String> {
    let mut effort = Effort::normal();
    let mut numbers: Vec<u32> = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        let mut number = || -> Result<u64, String> {
            let value = value()?;
            value.parse().map_err(|_| format!("{arg} needs a number, not `{value}`"))
        };
        match arg.as_str() {
            "--bar" => numbers.push(u32::try_from(number()?).map_err(|error| error.to_string())?),
            "--rounds" => effort.rounds = Some(number()?),
            "--seconds" => effort.seconds = Some(number()?),
            "--seed" => effort.seed = number()?,
            "--short" => effort.short = true,
            "--scenario" => effort.scenarios.push(value()?.parse::<Scenario>()?.to_string()),
            "--allow-missing" => effort.allow_missing.extend(Need::parse_list(value()?)?),
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    for number in &numbers {
        if *number != 18 && !BARS.iter().any(|bar| bar.number == *number) {
            return Err(format!("there is no bar {number}"));
        }
    }
    let wanted = |bar: &&Bar| numbers.is_empty() || numbers.contains(&bar.number) || numbers.contains(&18);
    Ok((BARS.iter().filter(wanted).copied().collect(), effort))
}
