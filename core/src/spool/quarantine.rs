//! Segments that can't be read go beside the spools, for whoever wants to look at them; the oldest leave first.

use std::io;
use std::path::Path;

use super::directory::Directory;
use super::error::SpoolError;

/// The directory's name, below the base.
pub(super) const QUARANTINE: &str = "quarantine";

const MOST_FILES: usize = 16;
const MOST_BYTES: u64 = 64 << 20;

/// Moves a file out of the way, or removes it when it can't be kept.
pub(super) fn put_away(directory: &Directory, name: &str) -> io::Result<()> {
    match keep(directory, name) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => directory.remove(name),
    }
}

fn keep(directory: &Directory, name: &str) -> Result<bool, SpoolError> {
    let path = directory.path();
    let (Some(base), Some(own)) = (path.parent(), path.file_name().and_then(|own| own.to_str())) else {
        return Ok(false);
    };
    let size = directory.length_of(name).unwrap_or_default();
    if size > MOST_BYTES {
        return Ok(false);
    }
    let quarantine = open(base)?;
    make_room(&quarantine, size)?;
    let moved = directory.move_to(name, &quarantine, &format!("{own}-{name}"));
    moved.map_err(|error| directory.error_at("move", name, error))?;
    Ok(true)
}

fn open(base: &Path) -> Result<Directory, SpoolError> {
    let base = Directory::base(base)?;
    match base.make(QUARANTINE) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(base.error_at("create", QUARANTINE, error));
        }
        _ => {}
    }
    Directory::private(&base.path().join(QUARANTINE))
}

fn make_room(quarantine: &Directory, size: u64) -> Result<(), SpoolError> {
    let names = quarantine.names().map_err(|error| quarantine.error("list", error))?;
    let mut kept: Vec<(i64, String, u64)> = names
        .into_iter()
        .map(|name| {
            let length = quarantine.length_of(&name).unwrap_or_default();
            (quarantine.changed(&name), name, length)
        })
        .collect();
    kept.sort_unstable();
    let mut total: u64 = kept.iter().map(|(_, _, length)| length).sum();
    let mut files = kept.len();
    for (_, name, length) in kept {
        if files < MOST_FILES && total + size <= MOST_BYTES {
            break;
        }
        quarantine.remove(&name).map_err(|error| quarantine.error_at("remove", &name, error))?;
        total -= length;
        files -= 1;
    }
    Ok(())
}
