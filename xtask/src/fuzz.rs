//! `cargo xtask fuzz`: each target under libFuzzer for a while, with what it found kept below `target/fuzz`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::cargo::nightly;

const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";
/// What one input may take: of memory, in MB, and of time, in seconds.
const LIMITS: [&str; 3] = ["-rss_limit_mb=64", "-malloc_limit_mb=64", "-timeout=5"];
const LONGEST_INPUT: &str = "-max_len=8192";

/// What the command was told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    seconds: u32,
    /// None for all.
    targets: Vec<String>,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self { seconds: 60, targets: Vec::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "--seconds" {
                let seconds = args.next().and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
                options.seconds = seconds.ok_or("--seconds takes a whole number from 1 on")?;
            } else if arg.starts_with('-') {
                return Err(format!("`fuzz` takes --seconds and names of targets, not `{arg}`"));
            } else {
                options.targets.push(arg.clone());
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let place = Place::new()?;
    let targets = chosen(&place.targets()?, &options.targets)?;
    check_nightly()?;
    get_cargo_fuzz(&place)?;
    build(&place)?;

    println!("{:<16}{:>12}{:>10}{:>10}{:>10}", "target", "executions", "coverage", "features", "peak MB");
    let mut failed = Vec::new();
    for target in &targets {
        if !fuzz(&place, target, options.seconds)? {
            failed.push(target.as_str());
        }
    }
    ensure!(failed.is_empty(), "{} failed", failed.join(", "));
    Ok(())
}

/// Where everything is.
struct Place {
    /// The package of libFuzzer's programs.
    package: PathBuf,
    /// Programs, logs, and what was found.
    out: PathBuf,
}

impl Place {
    fn new() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is in no workspace")?;
        let out = root.join("target/fuzz");
        fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
        Ok(Self { package: root.join("fuzz"), out })
    }

    fn targets(&self) -> Result<Vec<String>> {
        let folder = self.package.join("fuzz_targets");
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let path = entry?.path();
            names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// A folder of one target, made if it is not there.
    fn folder(&self, kind: &str, target: &str) -> Result<PathBuf> {
        let folder = self.out.join(kind).join(target);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }
}

fn chosen(all: &[String], wanted: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        bail!("there is no target `{unknown}`; there are {}", all.join(", "));
    }
    Ok(if wanted.is_empty() { all.to_vec() } else { wanted.to_vec() })
}

fn check_nightly() -> Result<()> {
    let found = nightly().arg("--version").output();
    ensure!(
        found.is_ok_and(|found| found.status.success()),
        "fuzzing needs the nightly toolchain: `rustup toolchain install nightly`"
    );
    Ok(())
}

fn get_cargo_fuzz(place: &Place) -> Result<()> {
    if nightly().args(["fuzz", "--version"]).output().is_ok_and(|found| found.status.success()) {
        return Ok(());
    }
    let mut install = nightly();
    install
        .args(["install", "--quiet", "--locked", CARGO_FUZZ])
        .env("CARGO_TARGET_DIR", place.out.join("tools"));
    succeed(&mut install, "cargo-fuzz could not be installed")
}

/// Without a sanitizer: nothing here is `unsafe`, and memory is to be measured as it is.
fn build(place: &Place) -> Result<()> {
    let mut build = nightly();
    build.args(["fuzz", "build", "--sanitizer", "none", "--debug-assertions", "--fuzz-dir"]);
    build.arg(&place.package).arg("--target-dir").arg(&place.out);
    succeed(&mut build, "the targets could not be built")
}

fn succeed(command: &mut Command, or_else: &'static str) -> Result<()> {
    let status = command.status().context(or_else)?;
    ensure!(status.success(), "{or_else} ({status})");
    Ok(())
}

/// One target; false when it failed, and then it has been said how.
fn fuzz(place: &Place, target: &str, seconds: u32) -> Result<bool> {
    let (found, artifacts) = (place.folder("corpus", target)?, place.folder("artifacts", target)?);
    let log = place.out.join(format!("{target}.log"));
    let out = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(program(place, target)?);
    command.arg(&found).arg(place.package.join("corpus").join(target)).args(LIMITS).arg(LONGEST_INPUT);
    command
        .args([format!("-max_total_time={seconds}"), format!("-artifact_prefix={}/", artifacts.display())]);
    command.arg("-print_final_stats=1").stdout(Stdio::null()).stderr(out);
    if target == "environment" {
        command.arg(format!("-dict={}", dictionary(place)?.display()));
    }
    let status = command.status().with_context(|| format!("cannot run {target}"))?;
    let told = fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
    let Figures { executions, coverage, features, peak } = Figures::read(&told);
    println!("{target:<16}{executions:>12}{coverage:>10}{features:>10}{peak:>10}");
    if !status.success() {
        eprintln!("error: {target} failed ({status}); its log is {}", log.display());
        for line in told.lines().filter(|line| is_telling(line)) {
            eprintln!("  {line}");
        }
    }
    Ok(status.success())
}

/// The program that cargo-fuzz built, in a folder named for this machine.
fn program(place: &Place, target: &str) -> Result<PathBuf> {
    for entry in fs::read_dir(&place.out)? {
        let program = entry?.path().join("release").join(target);
        if program.is_file() {
            return Ok(program);
        }
    }
    bail!("cargo-fuzz built no {target} below {}", place.out.display())
}

/// What panicked, and where the input is.
fn is_telling(line: &str) -> bool {
    ["panicked at", "Test unit written to", "ERROR: libFuzzer", "SUMMARY"]
        .iter()
        .any(|word| line.contains(word))
}

/// The names of all variables, as they are now.
fn dictionary(place: &Place) -> Result<PathBuf> {
    let mut print = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    print.args(["run", "--quiet", "--package", "tracer-factory-fuzz-targets", "--example", "dictionary"]);
    let printed = print.stderr(Stdio::inherit()).output().context("the dictionary could not be made")?;
    ensure!(printed.status.success(), "the dictionary could not be made ({})", printed.status);
    let path = place.out.join("environment.dict");
    fs::write(&path, printed.stdout).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// What libFuzzer said last; `?` for what it did not say.
struct Figures<'a> {
    executions: &'a str,
    coverage: &'a str,
    features: &'a str,
    peak: &'a str,
}

impl<'a> Figures<'a> {
    fn read(log: &'a str) -> Self {
        let after =
            |word| log.rsplit_once(word).and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or("?");
        Self {
            executions: after("stat::number_of_executed_units:"),
            coverage: after(" cov:"),
            features: after(" ft:"),
            peak: after("stat::peak_rss_mb:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&args)
    }

    #[test]
    fn all_targets_have_a_minute_unless_told_otherwise() {
        assert_eq!(parsed(""), Ok(Options { seconds: 60, targets: Vec::new() }));
        let two = vec!["b3".to_owned(), "uber".to_owned()];
        assert_eq!(parsed("b3 --seconds 5 uber"), Ok(Options { seconds: 5, targets: two }));
        for wrong in ["--seconds", "--seconds 0", "--seconds x", "--second 5"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_target_is_told_the_others() {
        let all = ["b3".to_owned(), "uber".to_owned()];
        assert_eq!(chosen(&all, &[]).unwrap(), all);
        assert!(chosen(&all, &["b4".to_owned()]).unwrap_err().to_string().contains("b3, uber"));
    }

    #[test]
    fn the_last_figures_count() {
        let log = "#8\tNEW    cov: 3 ft: 4 corp: 1/1b\n#9\tDONE   cov: 31 ft: 44 corp: 2/2b\nstat::number_of_executed_units: 9\nstat::peak_rss_mb:              40\n";
        let figures = Figures::read(log);
        assert_eq!(
            (figures.executions, figures.coverage, figures.features, figures.peak),
            ("9", "31", "44", "40")
        );
        assert_eq!(Figures::read("").coverage, "?");
    }
}
