//! What a bar measured, and whether that is enough.

use std::fmt;

/// Figures, and what was missed.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    figures: Vec<String>,
    misses: Vec<String>,
    without: Vec<String>,
}

impl Finding {
    /// Something that was measured.
    pub fn figure(&mut self, figure: impl Into<String>) {
        self.figures.push(figure.into());
    }

    /// What the bar demands; `what` is told when it is not so.
    pub fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.misses.push(what());
        }
    }

    /// A part that can't be run here, and why.
    pub fn without(&mut self, what: impl Into<String>) {
        self.without.push(what.into());
    }

    /// Adds another part's findings.
    pub fn join(&mut self, other: Finding) {
        self.figures.extend(other.figures);
        self.misses.extend(other.misses);
        self.without.extend(other.without);
    }

    /// Whether nothing was missed.
    pub fn holds(&self) -> bool {
        self.misses.is_empty()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A bar that fails in every round says so often enough with these.
        const SHOWN: usize = 8;
        let verdict = match (self.misses.is_empty(), self.figures.is_empty()) {
            (false, _) => "MISSED",
            (true, true) => "skipped",
            (true, false) => "ok",
        };
        write!(f, "{verdict}  {}", self.figures.join(", "))?;
        for without in &self.without {
            write!(f, "; without {without}")?;
        }
        for miss in self.misses.iter().take(SHOWN) {
            write!(f, "\n        missed: {miss}")?;
        }
        if self.misses.len() > SHOWN {
            write!(f, "\n        and {} more", self.misses.len() - SHOWN)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miss_is_told_and_a_skip_is_no_success() {
        let mut finding = Finding::default();
        finding.without("a disk (nobody may mount one)");
        assert!(finding.holds() && finding.to_string().starts_with("skipped"));
        finding.figure("lost 0");
        assert!(finding.to_string().starts_with("ok  lost 0; without a disk"), "{finding}");
        finding.must(true, || "nothing".to_owned());
        assert!(finding.holds());
        finding.must(false, || "lost 3".to_owned());
        assert!(!finding.holds() && finding.to_string().contains("missed: lost 3"));
    }
}
