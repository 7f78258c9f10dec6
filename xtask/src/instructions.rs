//! `cargo xtask instructions`: counts the instructions of the hot path and holds them against the committed bounds.
//!
//! Counts don't depend on the machine's load, so a change of a few of them is seen where nanoseconds would drown it.

mod bounds;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context as _, Result, bail};
use tracer_factory_callgrind::count;

use bounds::{Bound, Bounds};

/// Counted for each kind of span; those with a guest at the depth that says most.
const WANTED: [(&str, &[u32]); 6] = [
    ("native", &[1, 10]),
    ("recorder", &[1, 10]),
    ("sampled_out", &[1, 10]),
    ("noop", &[1]),
    ("native_guest_installed", &[1]),
    ("guest", &[1]),
];
const SHAPES: [&str; 2] = ["bare", "rich"];
/// Spans of a counted run: ten bursts.
const SPANS: u32 = 4800;
/// The function within which instructions count.
const COUNTED: &str = "tracer_factory_hot_path::case::produce*";
/// Processes at a time.
const AT_ONCE: usize = 2;
const FILE: &str = "benches/instructions.txt";

/// Counts; compares, or writes the counts as the new bounds.
pub(crate) fn run(update: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in a workspace")?;
    let file = root.join(FILE);
    let toolchain = toolchain()?;
    let program = build(root)?;
    let counted = count_all(&program)?;
    if update {
        let bounds = Bounds { toolchain, bounds: counted };
        std::fs::write(&file, bounds.to_text()).with_context(|| format!("cannot write {FILE}"))?;
        println!("{} bounds written to {FILE}", bounds.bounds.len());
        return Ok(());
    }
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {FILE}"))?;
    let bounds = Bounds::parse(&text).with_context(|| format!("cannot make sense of {FILE}"))?;
    if bounds.toolchain != toolchain {
        println!(
            "note: counted with rustc {toolchain}, the bounds with {}: differences may be the compiler's",
            bounds.toolchain
        );
    }
    let comparison = bounds.compare(&counted);
    print!("{comparison}");
    if comparison.faults() == 0 {
        return Ok(());
    }
    bail!(
        "{} of {} counts are out of bounds. If that is meant{}, run `cargo xtask instructions --update` and commit {FILE}",
        comparison.faults(),
        counted.len(),
        if bounds.toolchain == toolchain { "" } else { " or the compiler's doing" }
    )
}

/// The compiler that Cargo uses here, such as `1.95.0`.
fn toolchain() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().context("cannot run rustc")?;
    let text = String::from_utf8(output.stdout).context("rustc's version is not text")?;
    let version = text.split_whitespace().nth(1).context("rustc says no version")?;
    Ok(version.to_owned())
}

fn build(root: &Path) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--profile", "instructions"]);
    // Flags of somebody's shell would be measured along.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let status = command.args(["--package", "tracer-factory-hot-path", "--bin", "hot-path"]).status();
    if !status.context("cannot run cargo")?.success() {
        bail!("the program to count could not be built");
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(root.join(target).join("instructions/hot-path"))
}

/// Every wanted count, in their order.
fn count_all(program: &Path) -> Result<Vec<Bound>> {
    let mut wanted = Vec::new();
    for (case, depths) in WANTED {
        for shape in SHAPES {
            wanted.extend(depths.iter().map(|depth| (case, shape, *depth)));
        }
    }
    let next = Mutex::new(wanted.iter().enumerate());
    let counted = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let taken = next.lock().expect("nobody panics with the lock").next();
                let Some((place, (case, shape, depth))) = taken else { return Ok(()) };
                let (depth_text, spans) = (depth.to_string(), SPANS.to_string());
                let arguments = ["--case", case, "--shape", shape, "--depth", &depth_text, "--spans", &spans];
                let instructions = count(program, &arguments.map(str::to_owned), Some(COUNTED))?;
                let bound = Bound {
                    case: (*case).to_owned(),
                    shape: (*shape).to_owned(),
                    depth: *depth,
                    instructions: instructions as f64 / f64::from(SPANS),
                };
                counted.lock().expect("nobody panics with the lock").push((place, bound));
            }
        };
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("counting does not panic"))
    })?;
    let mut counted = counted.into_inner().expect("nobody panics with the lock");
    counted.sort_by_key(|(place, _)| *place);
    Ok(counted.into_iter().map(|(_, bound)| bound).collect())
}
