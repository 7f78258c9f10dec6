//! A full disk is an error of `lane`, and never a signal on the thread that records.
#![cfg(all(target_os = "linux", not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tracer_factory_ring::{Push, RecordHeader, RingFile, recover};

/// Four MiB of disk.
struct Small(tempfile::TempDir);

impl Small {
    /// `None` where mounting is not allowed.
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(directory.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_costs_lanes_and_nothing_else() {
    let Some(disk) = Small::mount() else {
        println!("not allowed to mount a small disk; a failing reservation is tested in the crate");
        return;
    };
    let path = disk.path().join("ring");
    let other = disk.path().join("other");
    fs::write(&other, vec![1; 1 << 20]).unwrap();
    let ring = RingFile::create(&path, 1 << 20, 64 << 20).unwrap();
    let mut lanes = vec![ring.lane().unwrap().unwrap(), ring.lane().unwrap().unwrap()];
    let len = fs::metadata(&path).unwrap().len();
    let error = ring.lane().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert_eq!(fs::metadata(&path).unwrap().len(), len, "nothing is left of the attempt");

    // Not a byte is left when the lanes are written for the first time.
    let mut rest = File::create(disk.path().join("rest")).unwrap();
    while rest.write(&[1; 512]).is_ok() {}
    let mut pushed = 0;
    for (producer, _) in &mut lanes {
        while producer.push(&RecordHeader::default(), &[7; 1000]) != Push::Refused {
            pushed += 1;
        }
    }
    assert!(pushed > 1900);
    assert_eq!(ring.lane().unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(
        RingFile::create(&disk.path().join("second"), 4096, 1 << 20).unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    assert!(!disk.path().join("second").exists());

    drop(rest);
    fs::remove_file(disk.path().join("rest")).unwrap();
    fs::remove_file(other).unwrap();
    lanes.push(ring.lane().unwrap().expect("there is room again"));
    let found: u64 = recover(&path).unwrap().map(|lane| lane.unwrap().count).sum();
    assert_eq!(found, pushed);
}
