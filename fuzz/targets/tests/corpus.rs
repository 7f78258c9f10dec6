//! The corpus through all targets, whole and cut in many places: what fuzzing once found stays found, without libFuzzer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use tracer_factory_fuzz_targets::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn nothing_in_the_corpus_fails_its_target() {
    for (name, target) in TARGETS {
        let files = files(&corpus().join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let input = fs::read(&file).unwrap();
            // Everywhere in a short one.
            for cut in (0..=input.len()).rev().step_by(1 + input.len() / 200) {
                // Shown when the target fails.
                println!("{} cut to {cut} bytes", file.display());
                target(&input[..cut]);
            }
        }
    }
}

#[test]
fn the_corpus_is_small_and_somebodys() {
    let folders = files(&corpus());
    let names: Vec<_> = folders.iter().map(|folder| folder.file_name().unwrap().to_str().unwrap()).collect();
    let targets: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, targets);
    let files: Vec<_> = folders.iter().flat_map(|folder| files(folder)).collect();
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(files.len() <= 200 && bytes <= 200_000, "{} files, {bytes} bytes", files.len());
}

#[test]
fn every_target_has_a_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
    let programs: Vec<_> = files(&folder).iter().map(|path| path.file_stem().unwrap().to_owned()).collect();
    let targets: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(programs, targets);
    let manifest = fs::read_to_string(folder.join("../Cargo.toml")).unwrap();
    for name in targets {
        let program = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
        assert!(program.contains(&format!("tracer_factory_fuzz_targets::{name}(input)")), "{name}");
        assert!(manifest.contains(&format!("\"fuzz_targets/{name}.rs\"")), "{name}");
    }
}
