//! Settles one setting after the other: the first variable that is set wins, the others are remembered.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use super::map::EnvMap;
use super::parse::Parsed;
use super::secret_file::{FromFile, secrets_in_files};
use super::unknown;
use super::var::{Kind, Var};
use super::vars::{VARS, Values};
use super::warning::Warning;
use crate::config::shown_endpoint;
use crate::error::{ConfigError, Shown};

/// Where a setting's value is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Nobody set it.
    Default,
    /// This variable.
    Var(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Default => "default",
            Source::Var(name) => name,
        })
    }
}

/// A variable that was set and did not count.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overrode {
    /// The variable.
    pub variable: &'static str,
    /// Its value, or `<hidden>`.
    pub value: String,
}

/// One setting, as `explain` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The field of `TracerConfig`, or `resource.` and an attribute's key.
    pub name: Cow<'static, str>,
    /// Its value, `<hidden>` for a secret, in parentheses when there is none.
    pub value: String,
    /// Where it is from.
    pub source: Source,
    /// Which variables it overrode, the strongest first.
    pub overrode: Vec<Overrode>,
}

/// A good value and the variable it is from.
pub(super) struct Found<T> {
    pub(super) var: &'static Var,
    pub(super) value: T,
}

impl<T> Found<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        Found { var: self.var, value: change(self.value) }
    }
}

/// The values of our variables, and what has become of them so far.
pub(super) struct Resolver {
    values: Values,
    /// By the variable that each stands for; secrets, so this has no `Debug`.
    from_files: Vec<InFile>,
    pub(super) settings: Vec<Setting>,
    pub(super) warnings: Vec<Warning>,
    pub(super) errors: Vec<ConfigError>,
}

/// A secret out of a file.
struct InFile {
    stands_for: &'static Var,
    /// The variable that names the file.
    var: &'static Var,
    path: PathBuf,
    text: String,
}

const HIDDEN: &str = "<hidden>";

impl Resolver {
    /// Takes the variables of the table out of the map, and notes those that look like ours and aren't.
    pub(super) fn new(map: &EnvMap) -> Self {
        let mut this = Self {
            values: Values::default(),
            from_files: Vec::new(),
            settings: Vec::new(),
            warnings: Vec::new(),
            errors: Vec::new(),
        };
        let mut ours = Vec::new();
        for var in VARS {
            let Some(value) = map.get(var.name) else { continue };
            match value.to_str().map(str::trim) {
                Some("") => {}
                Some(text) => ours.push((var.name.to_owned(), text.to_owned())),
                None => this.refuse(var, &value.to_string_lossy(), "UTF-8 text"),
            }
        }
        match envy::from_iter(ours) {
            Ok(values) => this.values = values,
            // Its message would hold the value. Texts always fit the table, so there is none.
            Err(_) => this.errors.push(ConfigError::Setup {
                backend: "environment".to_owned(),
                what: "the variables can't be read as text".to_owned(),
            }),
        }
        for FromFile { var, stands_for, path, value } in secrets_in_files(map) {
            match value {
                Ok(text) => this.from_files.push(InFile { stands_for, var, path, text }),
                Err(why) => this.refuse(var, "", &why),
            }
        }
        unknown::look_for_unknown(map, &mut this.errors, &mut this.warnings);
        this
    }

    /// The value of a variable, if it is set and good. A bad one is an error, or a warning for OpenTelemetry's.
    pub(super) fn read<T>(
        &mut self,
        var: &'static Var,
        parse: impl FnOnce(&Kind, &str) -> Parsed<T>,
    ) -> Option<Found<T>> {
        let in_file = || self.from_files.iter().find(|file| file.stands_for.name == var.name);
        let (source, text) = match self.values.get(var.name) {
            Some(text) => (var, text),
            None => in_file().map(|file| (file.var, file.text.as_str()))?,
        };
        match parse(&var.kind, text) {
            Ok(value) => Some(Found { var: source, value }),
            Err(allowed) => {
                let text = text.to_owned();
                self.refuse(source, &text, &allowed);
                None
            }
        }
    }

    /// The file that a setting's value was read from.
    pub(super) fn file_of(&self, source: Source) -> Option<PathBuf> {
        let Source::Var(name) = source else { return None };
        self.from_files.iter().find(|file| file.var.name == name).map(|file| file.path.clone())
    }

    pub(super) fn is_set(&self, var: &Var) -> bool {
        self.values.get(var.name).is_some()
    }

    fn refuse(&mut self, var: &Var, got: &str, allowed: &str) {
        let shown = match var.kind {
            _ if var.secret => Shown::hidden(),
            Kind::Url(_) => Shown::value(&shown_endpoint(got)),
            _ => Shown::value(got),
        };
        if var.is_otel() {
            self.warn(var, format!("{}={shown} is ignored: {allowed}", var.name));
        } else {
            self.complain(ConfigError::Invalid {
                variable: var.name.to_owned(),
                got: shown,
                allowed: allowed.to_owned(),
            });
        }
    }

    /// Once, however many settings read the same variable.
    pub(super) fn complain(&mut self, error: ConfigError) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    pub(super) fn warn(&mut self, var: &Var, text: String) {
        // A variable that several settings fall back on is read several times.
        let warning = Warning::new(var.name, text);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Decides a setting: the first of `found` becomes the value of `target`. `primary` has the words
    /// for a value that is absent.
    pub(super) fn settle<T>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        target: &mut T,
        show: impl Fn(&T) -> String,
        primary: &Var,
        found: impl IntoIterator<Item = Option<Found<T>>>,
    ) -> Source {
        let shown = |var: &Var, value: &T| {
            let text = if var.secret { HIDDEN.to_owned() } else { show(value) };
            if matches!(var.kind, Kind::Url(_)) { shown_endpoint(&text) } else { text }
        };
        let mut found = found.into_iter().flatten();
        let (value, source) = match found.next() {
            Some(Found { var, value }) => {
                let text = shown(var, &value);
                *target = value;
                (text, Source::Var(var.name))
            }
            None => (show(target), Source::Default),
        };
        let value = if value.is_empty() { primary.default.to_owned() } else { value };
        let overrode =
            found.map(|loser| Overrode { variable: loser.var.name, value: shown(loser.var, &loser.value) });
        let overrode = overrode.collect();
        self.settings.push(Setting { name: name.into(), value, source, overrode });
        source
    }

    /// A setting whose variables all take the same, the strongest first.
    pub(super) fn set<T>(
        &mut self,
        name: &'static str,
        target: &mut T,
        parse: fn(&Kind, &str) -> Parsed<T>,
        show: impl Fn(&T) -> String,
        vars: &[&'static Var],
    ) -> Source {
        let found: Vec<_> = vars.iter().map(|var| self.read(var, parse)).collect();
        match vars.first() {
            Some(primary) => self.settle(name, target, show, primary, found),
            None => Source::Default,
        }
    }
}
