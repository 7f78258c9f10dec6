//! What is known of one variable, and the words for what it takes.

use crate::config::bounds::Bounds;

use super::show;

/// A variable of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Var {
    /// Its exact name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What its absence means; in parentheses when that is no value it could have.
    pub default: &'static str,
    /// One sentence on what it does.
    pub help: &'static str,
    /// True when its value is shown nowhere.
    pub secret: bool,
    /// The heading it is listed under.
    pub section: &'static str,
}

impl Var {
    /// True for OpenTelemetry's variables, whose bad values are a warning and not an error.
    pub fn is_otel(&self) -> bool {
        self.name.starts_with("OTEL_")
    }

    /// What it takes, in words.
    pub fn allowed(&self) -> String {
        self.kind.allowed()
    }
}

/// What a variable takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// Yes or no as OpenTelemetry has it: anything but `true` is no.
    OtelBool,
    /// A whole number.
    Count(Bounds),
    /// A whole number or `unlimited`.
    Limit(Bounds),
    /// Bytes, with or without a unit.
    Size(Bounds),
    /// Bytes, with or without a unit, or `unlimited`.
    SizeLimit(Bounds),
    /// A time with a unit or in milliseconds; the bounds are milliseconds.
    Duration(Bounds),
    /// The same, or one of these words.
    DurationOr(Bounds, &'static [&'static str]),
    /// Milliseconds.
    Millis(Bounds),
    /// A number from 0 to 1.
    Ratio,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Some of these words, by comma.
    ListOf(&'static [&'static str]),
    /// A URL with one of these schemes.
    Url(&'static [&'static str]),
    /// An address of this machine.
    Listen,
    /// A file.
    Path,
    /// A directory, or `off`.
    PathOrOff,
    /// A directory, or `memory`.
    PathOrMemory,
    /// Any text.
    Text,
    /// A secret that goes into a header.
    Token,
    /// A file that holds the value of the variable without `_FILE`.
    SecretFile,
    /// `key=value` pairs.
    Pairs,
    /// `name=value` pairs that are secrets.
    Headers,
}

impl Kind {
    /// Bytes of the longest text or path.
    pub const LONGEST_TEXT: usize = 4096;
    /// Bytes of the longest list of pairs.
    pub const LONGEST_PAIRS: usize = 65_536;

    pub(super) const fn is_secret(&self) -> bool {
        matches!(self, Kind::Token | Kind::Headers | Kind::SecretFile)
    }

    /// What is allowed, in words.
    pub fn allowed(&self) -> String {
        match self {
            Kind::Bool => "true or false (also 1/0, yes/no, on/off)".to_owned(),
            Kind::OtelBool => "true or false".to_owned(),
            Kind::Count(b) => format!("a whole number from {} to {}", b.min, b.max),
            Kind::Limit(b) => format!("a whole number from {} to {}, or unlimited", b.min, b.max),
            Kind::Size(b) => format!(
                "a number of bytes, or with a unit such as 512KiB or 64MiB, from {} to {}",
                show::bytes(b.min),
                show::bytes(b.max)
            ),
            Kind::SizeLimit(b) => format!("{}, or unlimited", Kind::Size(*b).allowed()),
            Kind::Duration(b) => format!(
                "a time such as 500ms, 5s or 2m, or a number of milliseconds, from {} to {}",
                show::millis(b.min),
                show::millis(b.max)
            ),
            Kind::DurationOr(b, words) => format!("{}, or {}", Kind::Duration(*b).allowed(), words.join(", ")),
            Kind::Millis(b) => format!("a whole number of milliseconds from {} to {}", b.min, b.max),
            Kind::Ratio => "a number from 0 to 1".to_owned(),
            Kind::OneOf(words) => format!("one of {}", words.join(", ")),
            Kind::ListOf(words) => format!("one of {}, or several by comma", words.join(", ")),
            Kind::Url(schemes) => format!("a URL that begins with {}://", schemes.join(":// or ")),
            Kind::Listen => {
                "a port, or an address of this machine with a port, such as 127.0.0.1:4319 or [::1]:4319 (port 0: any free one)"
                    .to_owned()
            }
            Kind::Path => "a path".to_owned(),
            Kind::PathOrOff => "a path, or off".to_owned(),
            Kind::PathOrMemory => "a path, or memory".to_owned(),
            Kind::Text => format!("a text of at most {} bytes without control characters", Self::LONGEST_TEXT),
            Kind::Token => "visible ASCII characters, as a header can hold them".to_owned(),
            Kind::SecretFile => "a path".to_owned(),
            Kind::Pairs => "key=value pairs by comma, other characters percent-encoded".to_owned(),
            Kind::Headers => "name=value pairs by comma, other characters percent-encoded".to_owned(),
        }
    }
}
