//! What appending and reading back cost. Run by hand, in release:
//! `cargo test --release -p tracer-factory-core --lib spool::tests::figures -- --ignored --nocapture`

use rustix::time::{ClockId, clock_gettime};

use super::*;

const SPANS: u32 = 512;
const SPAN_BYTES: usize = 220;
const BATCHES: u64 = 1_000;

fn processor_nanoseconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn per_span(work: impl FnOnce()) -> f64 {
    let start = processor_nanoseconds();
    work();
    (processor_nanoseconds() - start) / (BATCHES as f64 * f64::from(SPANS))
}

#[test]
#[ignore = "prints figures"]
fn processor_time_per_span() {
    let records: Vec<u8> = (0..SPANS as usize * SPAN_BYTES).map(|at| at as u8).collect();
    for round in 0..5 {
        let base = tempfile::tempdir().unwrap();
        let mut spool = spool(SpoolOptions { max_bytes: 1 << 30, ..options(base.path()) });
        let append = per_span(|| {
            for sequence in 0..BATCHES {
                spool.append(sequence, SPANS, &records).unwrap();
            }
        });
        let read = per_span(|| {
            for sequence in 0..BATCHES {
                assert_eq!(spool.read(sequence).unwrap().stored.unwrap().sequence, sequence);
            }
        });
        let directory = spool.directory().to_owned();
        drop(spool);
        let start = processor_nanoseconds();
        let mut orphan = open(&directory);
        let adopt = (processor_nanoseconds() - start) / (BATCHES as f64 * f64::from(SPANS));
        let deliver = per_span(|| {
            for sequence in 0..BATCHES {
                let stored = orphan.read(sequence).unwrap().stored.unwrap();
                orphan.set_cursor(0, stored.sequence + 1).unwrap();
                orphan.set_cursor(1, stored.sequence + 1).unwrap();
            }
        });
        println!(
            "round {round}: append {append:.1} ns, read {read:.1} ns, adopt {adopt:.2} ns, \
             read and two cursors written {deliver:.1} ns, each a span"
        );
    }
}
