//! One lane filled and emptied, for counting instructions: `fill` and `empty` are what callgrind toggles on.
//!
//! `valgrind --tool=callgrind --toggle-collect='*fill*' target/release/deps/lane-… 10 150`: rounds, bytes of a span; then
//! the path of a file to be made for the lane, or it is on the heap.
#![allow(missing_docs, clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use tracer_factory_ring::{Consumer, Producer, Push, RecordHeader, RingFile, lane};

const RECORDS: u64 = 2000;

#[inline(never)]
fn fill(producer: &mut Producer, span: &[u8]) {
    for n in 0..RECORDS {
        let header = RecordHeader { len: span.len() as u32, start_unix_nanos: n, ..RecordHeader::default() };
        let pushed = producer.push(black_box(&header), black_box(span));
        assert!(matches!(pushed, Push::Taken | Push::TakenWake));
    }
}

#[inline(never)]
fn empty(consumer: &mut Consumer, out: &mut Vec<u8>) {
    out.clear();
    assert_eq!(consumer.drain_into(out, usize::MAX), RECORDS);
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let mut number = |default| arguments.next().and_then(|argument| argument.parse().ok()).unwrap_or(default);
    let (rounds, len) = (number(1000), number(150));
    let span: Vec<u8> = (0..len).map(|n| n as u8).collect();
    let file = arguments.next().map(|path| RingFile::create(path.as_ref(), 1 << 20, 4 << 20));
    let mapped = file.and_then(|made| made.expect("a new file").lane().expect("room on the disk"));
    let (mut producer, mut consumer) = mapped.unwrap_or_else(|| lane(1 << 20));
    let mut out = Vec::with_capacity(2 << 20);
    let (mut filling, mut emptying) = (u128::MAX, u128::MAX);
    for _ in 0..rounds {
        let start = Instant::now();
        fill(&mut producer, &span);
        let full = Instant::now();
        empty(&mut consumer, &mut out);
        filling = filling.min((full - start).as_nanos());
        emptying = emptying.min(full.elapsed().as_nanos());
    }
    let of_one = |nanos: u128| nanos as f64 / RECORDS as f64;
    println!("{len} bytes: {:.1} ns a push, {:.1} ns a record taken out", of_one(filling), of_one(emptying));
}
