//! What a part of a bar needs of the machine besides Rust.

use std::fmt;
use std::str::FromStr;

/// Whoever has not got it misses the bar, unless he says by this name that he goes without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The right to mount a small disk.
    Mount,
    /// `strace`, and the right to use it.
    Strace,
    /// libfaketime.
    Faketime,
}

impl Need {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mount, Self::Strace, Self::Faketime];

    /// Several by comma; none in an empty text.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::parse).collect()
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mount => "mount",
            Self::Strace => "strace",
            Self::Faketime => "faketime",
        })
    }
}

impl FromStr for Need {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|need| need.to_string() == text);
        known.ok_or_else(|| format!("nothing is called `{text}`; there are mount, strace and faketime"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_have_names() {
        assert_eq!(Need::parse_list("mount, strace,faketime"), Ok(Need::ALL.to_vec()));
        assert_eq!(Need::parse_list(""), Ok(Vec::new()));
        assert!(Need::parse_list("mount,disk").unwrap_err().contains("`disk`"));
    }
}
