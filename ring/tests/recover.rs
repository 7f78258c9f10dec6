//! Recovery believes nothing: any bytes, any length, any flipped bit.
#![cfg(all(target_os = "linux", not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use tracer_factory_ring::{Damage, RecordHeader, Records, RecoverError, RecoveredLane, RingFile, recover};

/// A file of three lanes: one wrapped around, one full, one never used.
fn sample() -> &'static [u8] {
    static SAMPLE: OnceLock<Vec<u8>> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let ring = RingFile::create(&directory.path().join("ring"), 4096, 1 << 20).unwrap();
        let mut lanes: Vec<_> = (0..3).map(|_| ring.lane().unwrap().unwrap()).collect();
        for (at, (producer, consumer)) in lanes.iter_mut().enumerate().take(2) {
            for n in 0..150u64 {
                let span = vec![n as u8; n as usize % 60];
                let header = RecordHeader { start_unix_nanos: n, ..RecordHeader::default() };
                producer.push(&header, &span);
                if at == 0 && n < 120 {
                    consumer.drain_into(&mut Vec::new(), usize::MAX);
                }
            }
        }
        fs::read(ring.path()).unwrap()
    })
}

fn recovered(bytes: &[u8]) -> Result<Vec<RecoveredLane>, RecoverError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ring");
    fs::write(&path, bytes).unwrap();
    let lanes: Vec<_> = recover(&path)?.collect::<Result<_, _>>()?;
    for lane in &lanes {
        assert!(lane.records.len() <= bytes.len());
        let mut records = Records::new(&lane.records);
        assert_eq!(records.by_ref().count() as u64, lane.count);
        assert!(records.rest().is_empty());
    }
    Ok(lanes)
}

/// Header bytes, then where lanes begin.
fn lane_at(lane: usize) -> usize {
    let page = rustix::param::page_size();
    page + lane * (4096usize + 256).next_multiple_of(page)
}

fn with_word(at: usize, value: u64) -> Vec<u8> {
    let mut bytes = sample().to_vec();
    bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    bytes
}

#[test]
fn what_is_whole_is_found() {
    let lanes = recovered(sample()).unwrap();
    assert_eq!(lanes.iter().map(|lane| (lane.lane, lane.damage)).collect::<Vec<_>>(), [(0, None), (1, None)]);
    let numbers = |lane: &RecoveredLane| {
        Records::new(&lane.records).map(|(h, _)| h.start_unix_nanos).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&lanes[0]), (120..150).collect::<Vec<_>>());
    assert_eq!(numbers(&lanes[1])[..50], (0..50).collect::<Vec<_>>());
}

#[test]
fn what_is_no_ring_file_says_so() {
    let text = |bytes: &[u8]| recovered(bytes).unwrap_err();
    assert!(matches!(text(b""), RecoverError::Unfinished { .. }));
    assert!(matches!(text(&[0; 4096]), RecoverError::Unfinished { .. }));
    assert!(matches!(text(&[0; 100_000]), RecoverError::NotARing { .. }), "there may have been lanes");
    assert!(matches!(text(b"#!/bin/sh\n"), RecoverError::NotARing { .. }));
    assert!(matches!(text(&with_word(8, 2)), RecoverError::Version { version: 2, .. }));
    for (at, value) in [(16, 0), (16, 4095), (16, 1 << 40), (24, 0), (24, 511), (24, 1 << 40), (24, u64::MAX)]
    {
        assert!(matches!(text(&with_word(at, value)), RecoverError::Header { .. }), "{at} {value}");
    }
    let nowhere = recover(Path::new("/nonexistent/ring")).unwrap_err();
    assert!(nowhere.to_string().contains("/nonexistent/ring"), "{nowhere}");
    assert!(matches!(recover(Path::new("/")).unwrap_err(), RecoverError::NotARing { .. }));
}

#[test]
fn a_link_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("ring"), directory.path().join("link"));
    fs::write(&path, sample()).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(recover(&link).unwrap_err(), RecoverError::Io { .. }));
}

#[test]
fn impossible_positions_cost_their_lane_only() {
    let whole = recovered(sample()).unwrap();
    let head = whole[1].records.len() as u64 / 8;
    for (at, value) in [(128, head + 1), (128, u64::MAX), (0, 513), (0, u64::MAX)] {
        let lanes = recovered(&with_word(lane_at(1) + at, value)).unwrap();
        assert_eq!(lanes[0], whole[0]);
        assert!(matches!(lanes[1].damage, Some(Damage::Positions { .. })), "{at} {value}");
        assert_eq!(lanes[1].count, 0);
    }
}

#[test]
fn a_record_over_the_end_costs_what_follows_it() {
    let whole = recovered(sample()).unwrap();
    let tenth = Records::new(&whole[1].records)
        .take(10)
        .map(|(_, span)| 48 + span.len().next_multiple_of(8))
        .sum::<usize>();
    for len in [u64::from(u32::MAX), 5000] {
        let lanes = recovered(&with_word(lane_at(1) + 256 + tenth, len)).unwrap();
        let lost = (whole[1].records.len() - tenth) as u64 / 8;
        assert_eq!((lanes[1].count, lanes[1].damage), (10, Some(Damage::Records { words: lost })));
        assert_eq!(lanes[1].records, whole[1].records[..tenth]);
    }
}

#[test]
fn a_file_that_was_cut_gives_what_it_has() {
    let whole = recovered(sample()).unwrap();
    for len in (0..sample().len()).step_by(97) {
        match recovered(&sample()[..len]) {
            Err(RecoverError::Unfinished { .. }) => assert!(len < 8, "{len}"),
            Err(RecoverError::Version { .. } | RecoverError::Header { .. }) => assert!(len < 32, "{len}"),
            Err(other) => panic!("{other}"),
            Ok(lanes) => {
                for lane in lanes {
                    let full = &whole[lane.lane as usize];
                    if !matches!(lane.damage, Some(Damage::Positions { .. })) {
                        assert!(full.records.starts_with(&lane.records), "{len}");
                        assert_eq!(lane.damage.is_some(), lane.count < full.count, "{len}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..20_000)) {
        prop_assert!(recovered(&bytes).is_err());
    }

    #[test]
    fn random_bytes_behind_a_header(bytes in prop::collection::vec(any::<u8>(), 0..20_000), heads in prop::collection::vec(0u64..600, 2)) {
        let mut file = sample()[..lane_at(0)].to_vec();
        file.extend(bytes);
        // Positions that may be, so that the records are looked at.
        for (at, value) in [0, 128].into_iter().zip(heads) {
            if let Some(word) = file.get_mut(lane_at(0) + at..lane_at(0) + at + 8) {
                word.copy_from_slice(&value.to_ne_bytes());
            }
        }
        recovered(&file)?;
    }

    #[test]
    fn flipped_bits_and_a_cut(flips in prop::collection::vec(any::<prop::sample::Index>(), 1..20), cut in any::<prop::sample::Index>()) {
        let mut bytes = sample().to_vec();
        for flip in flips {
            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        bytes.truncate(cut.index(bytes.len() * 2));
        let _ = recovered(&bytes);
    }

    #[test]
    fn one_flipped_bit_of_a_span_costs_nothing_else(at in any::<prop::sample::Index>(), bit in 0..8u32) {
        let whole = recovered(sample()).unwrap();
        // A span of the full lane, which lies in the file as it is recovered.
        let spans: Vec<usize> = Records::new(&whole[1].records).scan(0, |offset, (_, span)| {
            let range = *offset + 48..*offset + 48 + span.len();
            *offset += 48 + span.len().next_multiple_of(8);
            Some(range)
        }).flatten().collect();
        let mut bytes = sample().to_vec();
        bytes[lane_at(1) + 256 + spans[at.index(spans.len())]] ^= 1 << bit;
        let lanes = recovered(&bytes).unwrap();
        prop_assert_eq!(lanes[1].count, whole[1].count);
        let changed = Records::new(&lanes[1].records).zip(Records::new(&whole[1].records)).filter(|(a, b)| a != b).count();
        prop_assert_eq!(changed, 1);
    }
}
