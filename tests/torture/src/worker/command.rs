//! A line of a worker's standard input: a word, and `name=value` pairs.

use anyhow::{Context as _, Result};

pub(super) struct Command<'a> {
    pub(super) word: &'a str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Command<'a> {
    pub(super) fn parse(line: &'a str) -> Result<Self> {
        let mut words = line.split_whitespace();
        let word = words.next().context("an empty command")?;
        let pairs = words.map(|pair| pair.split_once('=').with_context(|| format!("`{pair}` is no pair")));
        Ok(Self { word, pairs: pairs.collect::<Result<_>>()? })
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    pub(super) fn number(&self, name: &str) -> Result<u64> {
        let value = self.text(name).with_context(|| format!("{} needs {name}", self.word))?;
        value.parse().with_context(|| format!("{name}={value}"))
    }
}
