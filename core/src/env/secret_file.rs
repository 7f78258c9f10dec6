//! Secrets in files: `OTLP_HEADERS_FILE` names one that holds the value of `OTLP_HEADERS`.

use std::fs::File;
use std::io::Read;
#[cfg(feature = "http")]
use std::path::Path;
use std::path::PathBuf;

#[cfg(feature = "http")]
use secrecy::SecretString;

use super::map::EnvMap;
#[cfg(feature = "http")]
use super::parse;
use super::var::{Kind, Var};
use super::vars::VARS;
use crate::error::Shown;

/// What a `_FILE` variable says.
pub(super) struct FromFile {
    /// The variable that names the file.
    pub(super) var: &'static Var,
    /// The variable whose value the file holds.
    pub(super) stands_for: &'static Var,
    /// The file.
    pub(super) path: PathBuf,
    /// The value, or what is wrong with the file.
    pub(super) value: Result<String, String>,
}

/// The headers that a file holds now, or what is wrong with it.
#[cfg(feature = "http")]
pub(crate) fn headers_in(path: &Path) -> Result<Vec<(String, SecretString)>, String> {
    parse::headers(&Kind::Headers, &read(&path.to_string_lossy())?)
        .map_err(|allowed| format!("{} must hold {allowed}", path.display()))
}

/// The token that a file holds now, or what is wrong with it.
#[cfg(feature = "http")]
pub(crate) fn token_in(path: &Path) -> Result<SecretString, String> {
    let token = parse::token(&Kind::Token, &read(&path.to_string_lossy())?);
    token.ok().flatten().ok_or_else(|| format!("{} must hold {}", path.display(), Kind::Token.allowed()))
}

/// Every secret that is in a file.
pub(super) fn secrets_in_files(map: &EnvMap) -> impl Iterator<Item = FromFile> {
    VARS.iter().filter(|var| matches!(var.kind, Kind::SecretFile)).filter_map(|var| {
        // What is not UTF-8 has been complained of by then.
        let path = map.get(var.name)?.to_str()?.trim();
        let stands_for = VARS.iter().find(|known| var.name.strip_suffix("_FILE") == Some(known.name))?;
        let is_set = |name| map.get(name).is_some_and(|value| !value.to_string_lossy().trim().is_empty());
        let value = match path {
            "" => return None,
            _ if is_set(stands_for.name) => {
                Err(format!("{} is set as well; unset one of them", stands_for.name))
            }
            path => read(path),
        };
        Some(FromFile { var, stands_for, path: PathBuf::from(path), value })
    })
}

fn read(path: &str) -> Result<String, String> {
    // What begins like no path may be the secret itself, set under the wrong name.
    let is_path = path.starts_with(['/', '.']) || path.get(1..3) == Some(":\\");
    let shown = if is_path { Shown::value(path) } else { Shown::hidden() };
    // One byte more tells a file that is too long.
    let most = Kind::LONGEST_PAIRS as u64 + 1;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(|error| format!("{shown} can't be read: {error}"))?;
    if bytes.len() as u64 == most {
        return Err(format!("{shown} is longer than {} bytes", Kind::LONGEST_PAIRS));
    }
    match String::from_utf8(bytes).map(|text| text.trim().to_owned()) {
        Ok(text) if text.is_empty() => Err(format!("{shown} is empty")),
        Ok(text) => Ok(text),
        Err(_) => Err(format!("{shown} is not UTF-8 text")),
    }
}
