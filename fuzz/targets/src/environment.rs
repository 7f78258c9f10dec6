//! The environment: any variables in; a valid configuration, or errors that show no secret and fit a terminal.

use std::ffi::OsString;

use tracer_factory_core::env::{EnvMap, Kind, VARS, resolve};
use tracer_factory_core::error::ConfigError;

use crate::entries;

/// Stands for a secret wherever one may be written.
const CANARY: &str = "canary";

/// All variables at once.
pub fn environment(input: &[u8]) {
    let variables = entries(input, b'=').map(|(name, value)| (os_string(name), os_string(value)));
    let map: EnvMap = variables.collect();
    let shown = match resolve(&map) {
        Ok(resolved) => {
            assert_eq!(resolved.config.validate(), Ok(()));
            for warning in &resolved.warnings {
                assert_fits_a_line(&warning.to_string());
            }
            format!("{resolved:?}")
        }
        Err(error) => {
            each(&error, &mut |error| assert_fits_a_line(&error.to_string()));
            format!("{error}\n{error:?}")
        }
    };
    let may_be_shown =
        map.iter().any(|(name, value)| name.contains(CANARY) || is_public(name, &value.to_string_lossy()));
    assert!(may_be_shown || !shown.contains(CANARY), "{shown}");
}

/// Whether a canary in this variable is none.
fn is_public(name: &str, value: &str) -> bool {
    match VARS.iter().find(|var| var.name == name) {
        Some(var) if var.secret => false,
        // Only as a password, right before the host.
        Some(var) if matches!(var.kind, Kind::Url(_)) => {
            value.matches(CANARY).count() != value.matches(":canary@").count()
        }
        _ => value.contains(CANARY),
    }
}

fn assert_fits_a_line(text: &str) {
    assert!(text.len() < 1500, "{} bytes", text.len());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

fn each(error: &ConfigError, look: &mut dyn FnMut(&ConfigError)) {
    match error {
        ConfigError::Several(errors) => errors.iter().for_each(|error| each(error, look)),
        one => look(one),
    }
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// libFuzzer's dictionary: the names of all variables and the words they take.
pub fn dictionary() -> String {
    let mut words: Vec<String> = VARS.iter().map(|var| format!("\\x00{}=", var.name)).collect();
    for var in VARS {
        if let Kind::OneOf(list) | Kind::ListOf(list) = var.kind {
            words.extend(list.iter().map(|word| (*word).to_owned()));
        }
        if let Kind::Url(schemes) = var.kind {
            words.extend(schemes.iter().map(|scheme| format!("{scheme}://me:{CANARY}@h:1/")));
        }
    }
    words.sort_unstable();
    words.dedup();
    words.iter().map(|word| format!("\"{word}\"\n")).collect()
}
