//! Values as people write them: the inverse of the parsers, for `explain` and for error texts.

use std::time::Duration;

use crate::config::{Fsync, ServerData, SpoolDirectory};

const UNLIMITED: &str = "unlimited";

pub(super) fn bytes(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes != 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

pub(super) fn millis(millis: u64) -> String {
    match millis {
        0 => "0ms".to_owned(),
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        _ => format!("{millis}ms"),
    }
}

pub(super) fn size(size: &usize) -> String {
    if *size == usize::MAX { UNLIMITED.to_owned() } else { bytes(*size as u64) }
}

pub(super) fn duration(time: &Duration) -> String {
    let whole = time.as_millis();
    match u64::try_from(whole) {
        Ok(whole) if Duration::from_millis(whole) == *time => millis(whole),
        _ => format!("{time:?}"),
    }
}

/// Empty for the default, whose words the table has.
pub(super) fn spool_directory(directory: &SpoolDirectory) -> String {
    match directory {
        SpoolDirectory::PerUser => String::new(),
        SpoolDirectory::At(path) => path.display().to_string(),
        SpoolDirectory::Off => "off".to_owned(),
    }
}

/// Empty for the default, whose words the table has.
pub(super) fn server_data(data: &ServerData) -> String {
    match data {
        ServerData::Default => String::new(),
        ServerData::Memory => "memory".to_owned(),
        ServerData::At(path) => path.display().to_string(),
    }
}

pub(super) fn fsync(fsync: &Fsync) -> String {
    match fsync {
        Fsync::Never => "never".to_owned(),
        Fsync::Every(time) => duration(time),
        Fsync::Always => "always".to_owned(),
    }
}

pub(super) fn limit(limit: &u32) -> String {
    if *limit == u32::MAX { UNLIMITED.to_owned() } else { limit.to_string() }
}

pub(super) fn plain<T: ToString>(value: &T) -> String {
    value.to_string()
}

/// Empty when absent: the table's words for the default take its place.
pub(super) fn optional(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(",")
}

/// The word for a value of a table of words.
pub(super) fn word<T: PartialEq>(words: &'static [(&'static str, T)]) -> impl Fn(&T) -> String {
    |value| words.iter().find(|(_, known)| known == value).map_or("", |(word, _)| *word).to_owned()
}
