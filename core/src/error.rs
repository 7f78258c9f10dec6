//! The errors of configuration: each names the variable or the setting, what it got and what is allowed.

use std::fmt;

/// Why no tracer could be made from a configuration.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable or setting has a value it can't have.
    #[error("{variable}={got} is not valid: {allowed}")]
    Invalid {
        /// The variable, or the field of `TracerConfig`.
        variable: String,
        /// What it got; `<hidden>` for a secret.
        got: Shown,
        /// What is allowed.
        allowed: String,
    },
    /// A variable that looks like ours and isn't.
    #[error("{variable} is not a variable of tracer-factory{}", nearest_hint(.nearest))]
    Unknown {
        /// The variable.
        variable: String,
        /// The nearest that exists.
        nearest: Option<String>,
    },
    /// The backend exists and is not part of this build.
    #[error(
        "TRACER_TYPE={backend} is not compiled in: add the cargo feature `{feature}` of tracer-factory (compiled in: {available})"
    )]
    NotCompiled {
        /// The backend.
        backend: String,
        /// The feature that brings it.
        feature: String,
        /// What could be chosen instead.
        available: String,
    },
    /// A piece that the backend needs could not be set up.
    #[error("{backend}: {what}")]
    Setup {
        /// The backend.
        backend: String,
        /// What failed and what to do.
        what: String,
    },
    /// More than one of the above.
    #[error("{}", join(.0))]
    Several(Vec<ConfigError>),
}

/// As it is displayed: a `main` that returns it prints it this way.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ConfigError {
    /// A wrong value that may be shown.
    pub fn invalid(variable: impl Into<String>, got: impl fmt::Display, allowed: impl Into<String>) -> Self {
        Self::Invalid {
            variable: variable.into(),
            got: Shown::value(&got.to_string()),
            allowed: allowed.into(),
        }
    }

    /// A wrong value that may not be shown.
    pub fn invalid_secret(variable: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self::Invalid { variable: variable.into(), got: Shown::hidden(), allowed: allowed.into() }
    }

    /// One error out of any number; `Ok` for none.
    pub fn gather(mut errors: Vec<ConfigError>) -> Result<(), ConfigError> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }
}

/// A value as an error shows it: quoted, cut when long, without control characters, or hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    const LONGEST: usize = 80;

    /// A value that anyone may see.
    pub fn value(value: &str) -> Self {
        let mut text: String = value.chars().take(Self::LONGEST).flat_map(char::escape_debug).collect();
        if value.chars().nth(Self::LONGEST).is_some() {
            text.push('…');
        }
        Self(format!("\"{text}\""))
    }

    /// A secret.
    pub fn hidden() -> Self {
        Self("<hidden>".to_owned())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn nearest_hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

fn join(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Why a verb of a tracer could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TracerError {
    /// The tracer was torn down; make a new one.
    #[error("the tracer was torn down; make a new one with create_tracer or get_tracer_from_env")]
    TornDown,
    /// The operating system refused the delivery thread.
    #[error("the delivery thread could not be started: {0}")]
    Thread(String),
    /// This process is a child of the one that made the tracer, and the tracer was made from plans that only work once.
    #[error("the tracer belongs to the parent process; make a new one in the child")]
    Forked,
    /// The tracer could not begin again in a child process.
    #[error("the tracer could not begin again after a fork: {0}")]
    AfterFork(String),
}
