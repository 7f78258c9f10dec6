//! What a bar measured, and whether that is enough.

use std::fmt;

/// Figures, and what was missed.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    figures: Vec<String>,
    misses: Vec<String>,
    without: Vec<String>,
    /// Whether a part could not be run that had to be.
    incomplete: bool,
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

    /// A part that was not run, and why; `allowed` when the caller has said that it goes without.
    pub fn without(&mut self, what: String, allowed: bool) {
        self.without.push(what);
        self.incomplete |= !allowed;
    }

    /// Adds another part's findings.
    pub fn join(&mut self, other: Finding) {
        self.figures.extend(other.figures);
        self.misses.extend(other.misses);
        self.without.extend(other.without);
        self.incomplete |= other.incomplete;
    }

    /// Whether nothing was missed, and nothing was left out that had to be run.
    pub fn holds(&self) -> bool {
        self.misses.is_empty() && !self.incomplete
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A bar that fails in every round says so often enough with these.
        const SHOWN: usize = 8;
        let verdict = match (self.misses.is_empty(), self.incomplete, self.figures.is_empty()) {
            (false, _, _) => "MISSED",
            (true, true, _) => "INCOMPLETE",
            (true, false, true) => "left out",
            (true, false, false) => "ok",
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
    fn what_is_left_out_is_a_miss_unless_it_is_allowed() {
        let mut finding = Finding::default();
        finding.figure("lost 0");
        finding.without("a full disk: nobody may mount one".to_owned(), true);
        assert!(finding.holds());
        assert!(finding.to_string().starts_with("ok  lost 0; without a full disk: nobody"), "{finding}");
        let mut other = Finding::default();
        other.without("another clock: there is none".to_owned(), false);
        finding.join(other);
        assert!(!finding.holds() && finding.to_string().starts_with("INCOMPLETE  lost 0; "), "{finding}");
    }

    #[test]
    fn a_miss_is_told() {
        let mut finding = Finding::default();
        assert!(finding.to_string().starts_with("left out"), "nothing was done, and that is no success");
        finding.must(true, || "nothing".to_owned());
        assert!(finding.holds());
        finding.must(false, || "lost 3".to_owned());
        assert!(!finding.holds() && finding.to_string().contains("missed: lost 3"));
    }
}
