//! What the environment says that is passed over.

use std::fmt;

/// A variable that was passed over, and why. It stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    variable: String,
    text: String,
}

impl Warning {
    /// `text` says what is wrong and names the variable.
    pub(super) fn new(variable: impl Into<String>, text: String) -> Self {
        Self { variable: variable.into(), text }
    }

    /// The variable.
    pub fn variable(&self) -> &str {
        &self.variable
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
