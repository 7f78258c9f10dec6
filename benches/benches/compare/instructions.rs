//! Instructions a span: of the recording thread, and of all threads with what they do behind it.

use std::path::Path;
use std::sync::Mutex;

use tracer_factory_benches::{FASTRACE_LOCAL, FASTRACE_ROOT, OTEL, cases};
use tracer_factory_callgrind::count;
use tracer_factory_hot_path::{BURST, COUNTED, Failure, NATIVE, Shape};

use crate::rounds::DEPTHS;

/// Spans of a counted run.
const SPANS: usize = 10 * BURST;
/// Spans of the longer of the two runs whose difference is free of starting and ending. Long, because calibrating the
/// clock takes millions of instructions, and not the same number each time.
const LONGER: usize = 100 * SPANS;
/// Whose background is counted.
const WITH_BACKGROUND: [&str; 4] = [NATIVE, OTEL, FASTRACE_ROOT, FASTRACE_LOCAL];
/// Processes at a time. Counts don't change with their number.
const AT_ONCE: usize = 2;

/// Instructions of one case with one kind of span.
#[derive(Debug)]
pub(crate) struct Instructions {
    pub(crate) case: &'static str,
    pub(crate) shape: Shape,
    pub(crate) depth: usize,
    /// Of all threads, where that was counted; else of the recording one.
    pub(crate) all_threads: bool,
    /// A span.
    pub(crate) count: f64,
}

/// Counts every case.
pub(crate) fn measure(program: &Path) -> Result<Vec<Instructions>, Failure> {
    let mut wanted = Vec::new();
    for entry in cases() {
        for shape in Shape::ALL {
            for depth in DEPTHS {
                wanted.push((entry.name, shape, depth, false));
            }
            if WITH_BACKGROUND.contains(&entry.name) {
                wanted.push((entry.name, shape, 1, true));
            }
        }
    }
    wanted.reverse();
    let wanted = Mutex::new(wanted);
    let next = || wanted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
    let work = || {
        let mut counted = Vec::new();
        while let Some((case, shape, depth, all_threads)) = next() {
            let count = one(program, case, shape, depth, all_threads)?;
            counted.push(Instructions { case, shape, depth, all_threads, count });
        }
        Ok::<_, Failure>(counted)
    };
    let counted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    let mut all = Vec::new();
    for counted in counted {
        all.extend(counted.map_err(|_| "a counting thread panicked")??);
    }
    Ok(all)
}

fn one(program: &Path, case: &str, shape: Shape, depth: usize, all_threads: bool) -> Result<f64, Failure> {
    let run = |spans: usize, within| {
        let arguments = [
            "--case",
            case,
            "--shape",
            shape.name(),
            "--depth",
            &depth.to_string(),
            "--spans",
            &spans.to_string(),
        ];
        count(program, &arguments.map(str::to_owned), within)
    };
    Ok(if all_threads {
        (run(LONGER, None)? as f64 - run(SPANS, None)? as f64) / (LONGER - SPANS) as f64
    } else {
        run(SPANS, Some(COUNTED))? as f64 / SPANS as f64
    })
}
