//! The ring file of a dead process: any file is read to its end, and what comes out is whole records.

use std::fs;
use std::sync::Mutex;

use tempfile::TempDir;
use tracer_factory_ring::{Records, recover};

/// Room for seven small lanes.
const MOST_WORDS: usize = 8192;

/// The file, packed as [`pack`] does: mostly it is zeros.
pub fn ring_file(input: &[u8]) {
    static FOLDER: Mutex<Option<TempDir>> = Mutex::new(None);
    let mut folder = FOLDER.lock().unwrap();
    if folder.is_none() {
        // In memory where that is possible, for the sake of speed.
        *folder = Some(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap());
    }
    let path = folder.as_ref().unwrap().path().join("ring");
    let file = unpack(input);
    fs::write(&path, &file).unwrap();
    let Ok(lanes) = recover(&path) else { return };
    let most = lanes.lanes();
    assert!(most <= file.len() as u64);
    let mut before = None;
    for lane in lanes {
        let lane = lane.unwrap();
        assert!(lane.lane < most && before < Some(lane.lane));
        before = Some(lane.lane);
        assert!(lane.records.len() <= file.len());
        let mut records = Records::new(&lane.records);
        assert_eq!(records.by_ref().count() as u64, lane.count);
        assert!(records.rest().is_empty());
        assert!(lane.count > 0 || lane.damage.is_some(), "nothing was said of it");
    }
}

/// A file as its length and its words that are not zero, in runs.
pub fn pack(file: &[u8]) -> Vec<u8> {
    let words: Vec<_> = file.chunks(8).collect();
    assert!(words.len() <= MOST_WORDS, "too large to be unpacked");
    let mut packed = (words.len() as u16).to_le_bytes().to_vec();
    let is_zero = |at: usize| words.get(at).is_none_or(|word| word.iter().all(|byte| *byte == 0));
    let mut at = 0;
    while at < words.len() {
        let run = (at..).take(255).take_while(|at| !is_zero(*at)).count();
        if run > 0 {
            packed.extend_from_slice(&(at as u16).to_le_bytes());
            packed.push(run as u8);
            words[at..at + run].iter().for_each(|word| packed.extend_from_slice(word));
        }
        at += run.max(1);
    }
    packed
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let Some((words, mut rest)) = packed.split_first_chunk::<2>() else { return packed.to_vec() };
    let mut file = vec![0; usize::from(u16::from_le_bytes(*words)) % (MOST_WORDS + 1) * 8];
    while let Some(([low, high, run], bytes)) = rest.split_first_chunk::<3>() {
        let at = usize::from(u16::from_le_bytes([*low, *high])) * 8;
        let (bytes, next) = bytes.split_at(bytes.len().min(usize::from(*run) * 8));
        let place = file.get_mut(at..).unwrap_or_default();
        place.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        rest = next;
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_file_comes_back() {
        let mut file = vec![0; 16_384];
        for at in [0, 5, 8, 4000, 16_383] {
            file[at] = 7;
        }
        file[8000..12_000].fill(1);
        let packed = pack(&file);
        assert_eq!(unpack(&packed), file);
        assert!(packed.len() < 4100, "{}", packed.len());
    }
}
