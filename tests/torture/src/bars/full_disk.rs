//! Bar 5: the disk is full, or fails, while the receiver is down. Nothing ends, every count is exact, and spans go to
//! disk again soon after it works again.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tracer_factory_testkit::faults::{CountingSink, Fault, FaultProxy};

use crate::harness::{
    Bench, Finding, Injection, Need, Protocol, Setup, SmallDisk, Worker, directory_bytes, strace_missing,
};
use crate::wait;

const RATE: u64 = 5_000;
/// After the disk works again.
const RESUME: Duration = Duration::from_secs(5);
/// A worker that has still not put anything on disk by then never will.
const LIMIT: Duration = Duration::from_secs(30);
/// How long the disk stays broken.
const BROKEN: Duration = Duration::from_secs(2);
/// How files with waiting spans end.
const SEGMENTS: &str = ".segment";

struct Scene {
    sink: CountingSink,
    proxy: FaultProxy,
    worker: Worker,
}

impl Scene {
    fn new(bench: &Bench, spool: &Path) -> Result<Self> {
        let sink = CountingSink::start()?;
        let proxy = FaultProxy::start(sink.address())?;
        proxy.set(Fault::Refuse)?;
        let setup =
            Setup::otlp(proxy.address(), Protocol::Http).spool(spool).var("TRACER_SCHEDULE_DELAY", "50ms");
        let mut worker = Worker::start(bench, &setup)?;
        worker.load(RATE, None, 1)?;
        Ok(Self { sink, proxy, worker })
    }

    /// The receiver is back, and everything is accounted for. How many were dropped.
    fn end(mut self, bench: &Bench, finding: &mut Finding, name: &str) -> Result<u64> {
        let done = self.worker.stop_load()?;
        self.proxy.set(Fault::Pass)?;
        let torn = self.worker.teardown()?.report;
        self.worker.end().with_context(|| format!("{name}: the process did not survive"))?;
        let (one, arrived) = (torn.only(), self.sink.distinct());
        bench.law.check(finding, &torn);
        bench.law.delivered(finding, one.delivered, self.sink.spans());
        finding.must(torn.accepted == done.spans, || format!("{name}: {} of {}", torn.accepted, done.spans));
        let dropped: u64 = one.dropped.values().sum();
        finding.must(arrived + dropped == done.spans, || {
            format!("{name}: {arrived} of {} arrived: {torn:?}", done.spans)
        });
        finding.figure(format!(
            "{arrived} of {} delivered in the end, {dropped} dropped and counted",
            done.spans
        ));
        Ok(dropped)
    }
}

/// Waits until files of waiting spans have grown, and says how long that took.
fn grown(spool: &Path, since: Instant) -> Result<Option<Duration>> {
    let before = directory_bytes(spool, SEGMENTS);
    wait::until(LIMIT, || Ok((directory_bytes(spool, SEGMENTS) > before).then(|| since.elapsed())))
}

fn judge_resumption(finding: &mut Finding, name: &str, resumed: Option<Duration>) {
    let text = resumed.map_or("never".to_owned(), |took| format!("after {:.2} s", took.as_secs_f64()));
    finding.must(resumed.is_some_and(|took| took <= RESUME), || format!("{name}: on disk again {text}"));
    finding.figure(format!("{name}: on disk again {text}"));
}

pub(super) fn full(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let small = match SmallDisk::mount(4 << 20) {
        Ok(disk) => disk,
        Err(error) => {
            bench.without(&mut finding, Need::Mount, "a full disk", format!("{error:#}"));
            return Ok(finding);
        }
    };
    // So small that it is full from the start.
    let scene = Scene::new(bench, small.path())?;
    // The time for which it is broken.
    std::thread::sleep(BROKEN);
    small.resize(128 << 20)?;
    let resumed = grown(small.path(), Instant::now())?;
    judge_resumption(&mut finding, "4 MiB that become more", resumed);
    let dropped = scene.end(bench, &mut finding, "4 MiB")?;
    finding.must(dropped == 0, || format!("memory had room for all, and {dropped} were dropped"));

    // Somebody else fills it while it is in use.
    let large = SmallDisk::mount(128 << 20)?;
    let scene = Scene::new(bench, large.path())?;
    finding.must(grown(large.path(), Instant::now())?.is_some(), || "nothing goes to disk at all".to_owned());
    let filler = large.fill()?;
    // The time for which it is broken.
    std::thread::sleep(BROKEN);
    std::fs::remove_file(filler)?;
    let resumed = grown(large.path(), Instant::now())?;
    judge_resumption(&mut finding, "filled and freed", resumed);
    // What was on the disk may have to make room: somebody else needs it.
    scene.end(bench, &mut finding, "filled and freed")?;
    Ok(finding)
}

pub(super) fn failing(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    if let Some(why) = strace_missing() {
        bench.without(&mut finding, Need::Strace, "a failing disk", why);
        return Ok(finding);
    }
    let spool = tempfile::tempdir()?;
    let scene = Scene::new(bench, spool.path())?;
    finding.must(grown(spool.path(), Instant::now())?.is_some(), || "nothing goes to disk at all".to_owned());
    let files = everything(spool.path())?;
    let log = scene.worker.files().join("calls");
    const CALLS: &str =
        "openat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,fallocate,ftruncate,renameat";
    let injection = Injection::start(scene.worker.pid(), CALLS, "EIO", &files, &log)?;
    // The time for which it is broken.
    std::thread::sleep(BROKEN);
    injection.end()?;
    let resumed = grown(spool.path(), Instant::now())?;
    let failed = std::fs::read_to_string(&log).unwrap_or_default().matches("(INJECTED)").count();
    finding.must(failed > 0, || "no call failed: nothing was tested".to_owned());
    judge_resumption(&mut finding, &format!("{failed} calls that failed with EIO"), resumed);
    let dropped = scene.end(bench, &mut finding, "EIO")?;
    finding.must(dropped == 0, || format!("memory had room for all, and {dropped} were dropped"));
    Ok(finding)
}

/// A directory and what is in it: new files are opened by way of the directory.
fn everything(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![directory.to_owned()];
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(everything(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}
