//! A process is killed while it records: whatever it had said to be recorded is found by the next one.
#![cfg(all(target_os = "linux", not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::collections::HashMap;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tracer_factory_ring::{Producer, Push, RecordHeader, Records, RingFile, recover};

const ROUNDS: usize = 50;
const THREADS: u64 = 2;
const FILE: &str = "RING_KILL_TEST_FILE";

fn span(thread: u64, n: u64) -> Vec<u8> {
    vec![(n ^ thread) as u8; (n % 200) as usize]
}

fn say(line: &str) {
    // One write each, so that a line is there whole or not at all.
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// Not a test: what the killed process does. Records on two threads, and releases on a third; says what is recorded
/// after it is, and what is released before.
#[test]
#[ignore = "started by the test that kills it"]
fn the_process_that_is_killed() {
    let Some(path) = env::var_os(FILE) else { return };
    let ring = RingFile::create(Path::new(&path), 16 << 10, 1 << 20).unwrap();
    let mut lanes: Vec<_> = (0..THREADS).map(|_| ring.lane().unwrap().unwrap()).collect();
    std::thread::scope(|scope| {
        let mut consumers = Vec::new();
        for (thread, (producer, consumer)) in lanes.drain(..).enumerate() {
            consumers.push((thread as u64, consumer, 0));
            scope.spawn(move || record(thread as u64, producer));
        }
        let mut out = Vec::new();
        loop {
            for (thread, consumer, released) in &mut consumers {
                out.clear();
                let before = consumer.position();
                let read = consumer.read_into(&mut out, 2000);
                // What was read now is kept until the next time.
                if before > 0 && read > 0 {
                    say(&format!("\nreleased {thread} {released}\n"));
                    consumer.release(before);
                }
                *released += read;
            }
        }
    });
}

fn record(thread: u64, mut producer: Producer) {
    for n in 0.. {
        let header = RecordHeader { tracer: thread as u16, start_unix_nanos: n, ..RecordHeader::default() };
        let span = span(thread, n);
        while producer.push(&header, &span) == Push::Refused {
            std::thread::yield_now();
        }
        say(&format!("\npushed {thread} {n}\n"));
    }
}

/// What one thread said: how many records it pushed, and how many of them may be gone.
#[derive(Default)]
struct Said {
    pushed: u64,
    released: u64,
}

fn read_line(line: &[u8], said: &mut HashMap<u64, Said>) {
    let Some(line) = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()) else { return };
    let words: Vec<_> = line.split(' ').collect();
    let [what, thread, n] = words[..] else { return };
    let (Ok(thread), Ok(n)) = (thread.parse(), n.parse::<u64>()) else { return };
    let said: &mut Said = said.entry(thread).or_default();
    match what {
        "pushed" => said.pushed = n + 1,
        "released" => said.released = n,
        _ => {}
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_was_recorded_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let (mut pushed, mut found, mut kept_back) = (0, 0, 0);
    for round in 0..ROUNDS {
        let path = directory.path().join(format!("ring-{round}"));
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "the_process_that_is_killed", "--nocapture"]);
        let child = command.env(FILE, &path).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut child = Killed(child);
        let mut output = BufReader::new(child.0.stdout.take().unwrap());

        // A random number of lines, and a random moment after the last of them.
        let random = RandomState::new().hash_one(round);
        let (mut said, mut line) = (HashMap::new(), Vec::new());
        for _ in 0..random % 4000 {
            line.clear();
            assert!(output.read_until(b'\n', &mut line).unwrap() > 0, "it ended by itself");
            read_line(&line, &mut said);
        }
        for _ in 0..(random >> 32) % 20_000 {
            std::hint::spin_loop();
        }
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        // What it had said until then is still in the pipe.
        loop {
            line.clear();
            if output.read_until(b'\n', &mut line).unwrap() == 0 {
                break;
            }
            read_line(&line, &mut said);
        }

        let mut lanes = match recover(&path) {
            Ok(file) => file
                .map(|lane| lane.map(|lane| (lane.lane, lane)))
                .collect::<Result<HashMap<_, _>, _>>()
                .unwrap(),
            // Killed before it had made the file.
            Err(error) => {
                assert!(said.is_empty(), "{error}");
                continue;
            }
        };
        for (thread, said) in said {
            let lane = lanes.remove(&thread);
            let records = lane.as_ref().map(|lane| lane.records.as_slice()).unwrap_or_default();
            assert_eq!(lane.as_ref().and_then(|lane| lane.damage), None);
            let numbers: Vec<u64> =
                Records::new(records).map(|(header, _)| header.start_unix_nanos).collect();
            let first = numbers.first().copied().unwrap_or(said.pushed);
            assert!(
                first <= said.released,
                "round {round}: from {first} on, but only {} were released",
                said.released
            );
            assert!(
                numbers.iter().copied().eq(first..first + numbers.len() as u64),
                "round {round}: {numbers:?}"
            );
            let end = first + numbers.len() as u64;
            assert!(end >= said.pushed, "round {round}: {end} found of {}", said.pushed);
            for (header, bytes) in Records::new(records) {
                assert_eq!(u64::from(header.tracer), thread);
                assert_eq!(bytes, span(thread, header.start_unix_nanos));
            }
            pushed += said.pushed;
            found += numbers.len();
            kept_back += usize::from(said.released > 0);
        }
    }
    assert!(
        found > 0 && pushed > found as u64 && kept_back > 0,
        "{pushed} {found} {kept_back}: nothing was shown"
    );
    println!("{ROUNDS} kills: {pushed} records said to be recorded, {found} of them not released and found");
}
