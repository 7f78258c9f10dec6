//! `cargo xtask`: the project's own commands. This file reads the arguments and sets the exit code.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks on its terminal")]

mod cargo;
mod fuzz;
mod instructions;
mod provision;
mod ring;
mod test;
mod torture;

use std::env;
use std::process::ExitCode;

use tracer_factory_testkit::layout::Backend;

const USAGE: &str = "\
Usage: cargo xtask <command>

  provision [NAME...]   put the real servers that tests run against into the cache:
                        all of them, or those named (zipkin, agent-lightning, phoenix, collector, jaeger)
  fuzz [--seconds N] [TARGET...]
                        run the fuzz targets, all or those named, for a minute or N seconds
                        each; needs the nightly toolchain
  test [--hermetic]     run every test; --hermetic leaves out those that need a real server. Those that break the
                        machine need strace, libfaketime and the right to mount;
                        TORTURE_ALLOW_MISSING=strace,faketime,mount does without what it names
  torture [ARG...]      hold a tracer to the bars of docs/reliability.md while everything around it
                        breaks; --bar N, --rounds N, --seconds N, --seed N, --scenario NAME, --short,
                        --allow-missing NAME
  instructions [--update]
                        count the hot path's instructions (needs valgrind) and fail where they are more than
                        benches/instructions.txt allows; --update writes the counts into it
  loom                  the ring in every order in which two threads can meet
  miri                  the ring's tests under Miri; needs the nightly toolchain
  help                  print this

The cache is $TF_TEST_CACHE, else tracer-factory in the user's cache directory.
";

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Fuzz(fuzz::Options),
    Provision(Vec<Backend>),
    Test { hermetic: bool },
    Torture(Vec<String>),
    Instructions { update: bool },
    Loom,
    Miri,
    Help,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let command = match parse(&args) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let result = match command {
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Provision(backends) => provision::run(&backends),
        Command::Test { hermetic } => test::run(hermetic),
        Command::Torture(args) => torture::run(&args),
        Command::Instructions { update } => instructions::run(update),
        Command::Loom => ring::loom(),
        Command::Miri => ring::miri(),
        Command::Help => {
            print!("{USAGE}");
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<cargo::CargoFailed>() {
            // Cargo has said what went wrong, and its words stay the last ones.
            Some(failed) => failed.exit_code(),
            None => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn parse(args: &[String]) -> Result<Command, String> {
    let Some((name, rest)) = args.split_first() else {
        return Err("a command is missing".to_owned());
    };
    match name.as_str() {
        "fuzz" => fuzz::Options::parse(rest).map(Command::Fuzz),
        "provision" if rest.is_empty() => Ok(Command::Provision(Backend::ALL.to_vec())),
        "provision" => rest
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()
            .map(Command::Provision)
            .map_err(|error| error.to_string()),
        "test" => match rest {
            [] => Ok(Command::Test { hermetic: false }),
            [flag] if flag == "--hermetic" => Ok(Command::Test { hermetic: true }),
            _ => Err(format!("`test` takes only --hermetic, not `{}`", rest.join(" "))),
        },
        // The program knows its own arguments.
        "torture" => Ok(Command::Torture(rest.to_vec())),
        "instructions" => match rest {
            [] => Ok(Command::Instructions { update: false }),
            [flag] if flag == "--update" => Ok(Command::Instructions { update: true }),
            _ => Err(format!("`instructions` takes only --update, not `{}`", rest.join(" "))),
        },
        "loom" if rest.is_empty() => Ok(Command::Loom),
        "miri" if rest.is_empty() => Ok(Command::Miri),
        "loom" | "miri" => Err(format!("`{name}` takes nothing, not `{}`", rest.join(" "))),
        "help" | "--help" | "-h" => Ok(Command::Help),
        other => Err(format!("unknown command `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&args)
    }

    #[test]
    fn provision_takes_names_or_means_all() {
        assert_eq!(parsed("provision"), Ok(Command::Provision(Backend::ALL.to_vec())));
        let two = vec![Backend::Jaeger, Backend::Zipkin];
        assert_eq!(parsed("provision jaeger zipkin"), Ok(Command::Provision(two)));
        assert!(parsed("provision tempo").unwrap_err().contains("unknown backend `tempo`"));
    }

    #[test]
    fn test_is_hermetic_only_when_asked() {
        assert_eq!(parsed("test"), Ok(Command::Test { hermetic: false }));
        assert_eq!(parsed("test --hermetic"), Ok(Command::Test { hermetic: true }));
        assert!(parsed("test --hermetik").is_err());
    }

    #[test]
    fn torture_passes_its_arguments_on() {
        assert_eq!(parsed("torture"), Ok(Command::Torture(Vec::new())));
        let args = ["--bar", "1", "--rounds", "1000"].map(str::to_owned).to_vec();
        assert_eq!(parsed("torture --bar 1 --rounds 1000"), Ok(Command::Torture(args)));
    }

    #[test]
    fn instructions_are_compared_unless_bounds_are_to_be_written() {
        assert_eq!(parsed("instructions"), Ok(Command::Instructions { update: false }));
        assert_eq!(parsed("instructions --update"), Ok(Command::Instructions { update: true }));
        assert!(parsed("instructions --all").is_err());
    }

    #[test]
    fn checks_of_the_ring_take_nothing() {
        assert_eq!(parsed("loom"), Ok(Command::Loom));
        assert_eq!(parsed("miri"), Ok(Command::Miri));
        assert!(parsed("miri --release").unwrap_err().contains("`--release`"));
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(parsed("").is_err());
        assert!(parsed("build").unwrap_err().contains("`build`"));
    }
}
