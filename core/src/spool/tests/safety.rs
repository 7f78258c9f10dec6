//! Modes, owners and symbolic links.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::spool::SpoolError;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn only_the_user_can_look_in() {
    let base = tempfile::tempdir().unwrap();
    let below = base.path().join("state").join("spool");
    let mut spool = spool(options(&below));
    append(&mut spool, 0);
    spool.cursors(&[0, 1]).unwrap();
    assert_eq!((mode(&below), mode(spool.directory())), (0o700, 0o700));
    let files: Vec<PathBuf> =
        fs::read_dir(spool.directory()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_base_that_is_a_link_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let (real, link) = (base.path().join("real"), base.path().join("link"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    let refused = Spool::create(options(&link), &keys(), CONTEXT).unwrap_err();
    assert!(matches!(refused, SpoolError::Unsafe { .. }), "{refused}");
    assert!(refused.to_string().contains("TRACER_SPOOL_DIR"));
    assert_eq!(fs::read_dir(real).unwrap().count(), 0);
}

#[test]
fn a_base_that_is_a_file_is_an_error() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(Spool::create(options(&file), &keys(), CONTEXT).is_err());
    assert!(Spool::create(options(&file.join("below")), &keys(), CONTEXT).is_err());
}

#[test]
fn an_orphan_that_others_could_write_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    append(&mut spool, 0);
    let directory = spool.directory().to_owned();
    drop(spool);
    fs::set_permissions(&directory, Permissions::from_mode(0o770)).unwrap();
    assert!(matches!(Orphan::open(&directory), Err(SpoolError::Unsafe { .. })));
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    let link = base.path().join("1-00000000000000aa");
    symlink(&directory, &link).unwrap();
    assert!(matches!(Orphan::open(&link), Err(SpoolError::Unsafe { .. })));
    assert_eq!(all_of(&mut open(&directory)), [0]);
}

#[test]
fn links_and_pipes_among_the_segments_are_not_followed() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    append(&mut spool, 0);
    let directory = spool.directory().to_owned();
    drop(spool);
    let secret = base.path().join("secret");
    fs::copy(segment_files(&directory).remove(0), &secret).unwrap();
    symlink(&secret, directory.join("00000000000000aa.segment")).unwrap();
    let pipe = directory.join("00000000000000bb.segment");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    let mut orphan = open(&directory);
    assert_eq!(all_of(&mut orphan), [0]);
    assert_eq!(orphan.take_damage().segments, 2);
    assert!(secret.exists());
    assert_eq!(segment_files(&directory).len(), 1, "they are out of the way");
}

#[test]
fn a_link_in_place_of_the_lock_is_not_followed() {
    let base = tempfile::tempdir().unwrap();
    let spool = spool(options(base.path()));
    let directory = spool.directory().to_owned();
    drop(spool);
    fs::remove_file(directory.join("lock")).unwrap();
    symlink(base.path().join("elsewhere"), directory.join("lock")).unwrap();
    assert!(Orphan::open(&directory).is_err());
    assert!(!base.path().join("elsewhere").exists());
}
