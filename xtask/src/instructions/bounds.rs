//! The committed bounds: a text with a line for each count, and what counting came to beside them.

use std::fmt;

use anyhow::{Context as _, Result, bail};

/// How far above its bound a count may be: what unrelated changes move by other inlining.
const TOLERANCE: f64 = 1.03;
/// Counts so far below their bound that the bound guards nothing are said, so that somebody lowers it.
const SLACK: f64 = 0.97;

const HEADER: &str = "\
# Instructions a span of the recording thread, as `cargo xtask instructions` counts them; it fails at 3 % more.
# `cargo xtask instructions --update` writes this file.
";

/// One count.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub(super) case: String,
    pub(super) shape: String,
    pub(super) depth: u32,
    pub(super) instructions: f64,
}

impl Bound {
    fn is_of(&self, other: &Self) -> bool {
        (&self.case, &self.shape, self.depth) == (&other.case, &other.shape, other.depth)
    }
}

/// The file.
#[derive(Debug, PartialEq)]
pub(super) struct Bounds {
    /// The compiler they were counted with.
    pub(super) toolchain: String,
    pub(super) bounds: Vec<Bound>,
}

impl Bounds {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut toolchain = None;
        let mut bounds = Vec::new();
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        for line in lines {
            match *line.split_whitespace().collect::<Vec<_>>() {
                ["rustc", version] => toolchain = Some(version.to_owned()),
                [case, shape, depth, instructions] => bounds.push(Bound {
                    case: case.to_owned(),
                    shape: shape.to_owned(),
                    depth: depth.parse().with_context(|| format!("no depth in `{line}`"))?,
                    instructions: instructions.parse().with_context(|| format!("no count in `{line}`"))?,
                }),
                _ => bail!("`{line}` is neither `rustc VERSION` nor `CASE SHAPE DEPTH INSTRUCTIONS`"),
            }
        }
        Ok(Self { toolchain: toolchain.context("no line `rustc VERSION`")?, bounds })
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{HEADER}rustc {}\n", self.toolchain);
        for Bound { case, shape, depth, instructions } in &self.bounds {
            text += &format!("{case} {shape} {depth} {instructions:.0}\n");
        }
        text
    }

    /// Every count beside its bound, and bounds that nothing was counted for.
    pub(super) fn compare(&self, counted: &[Bound]) -> Comparison {
        let mut lines: Vec<_> = counted
            .iter()
            .map(|count| {
                let bound = self.bounds.iter().find(|bound| bound.is_of(count));
                (count.clone(), Verdict::of(count.instructions, bound.map(|bound| bound.instructions)))
            })
            .collect();
        for bound in self.bounds.iter().filter(|bound| !counted.iter().any(|count| count.is_of(bound))) {
            lines.push((bound.clone(), Verdict::NotCounted));
        }
        Comparison(lines)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Within(f64),
    /// So far below that the bound should follow.
    Below(f64),
    Above(f64),
    NoBound,
    NotCounted,
}

impl Verdict {
    fn of(count: f64, bound: Option<f64>) -> Self {
        match bound {
            None => Self::NoBound,
            Some(bound) if count > bound * TOLERANCE => Self::Above(bound),
            Some(bound) if count < bound * SLACK => Self::Below(bound),
            Some(bound) => Self::Within(bound),
        }
    }
}

/// All counts and what is to be said of them.
#[derive(Debug)]
pub(super) struct Comparison(Vec<(Bound, Verdict)>);

impl Comparison {
    /// Counts that are too high, and lines that belong to nothing.
    pub(super) fn faults(&self) -> usize {
        let fault = |verdict| matches!(verdict, Verdict::Above(_) | Verdict::NoBound | Verdict::NotCounted);
        self.0.iter().filter(|(_, verdict)| fault(*verdict)).count()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (Bound { case, shape, depth, instructions }, verdict) in &self.0 {
            let against =
                |bound: f64| format!("bound {bound:.0}, {:+.1} %", 100.0 * (instructions / bound - 1.0));
            let words = match verdict {
                Verdict::Within(bound) => against(*bound),
                Verdict::Below(bound) => format!("{}: the bound can be lowered", against(*bound)),
                Verdict::Above(bound) => format!("{}: TOO MANY", against(*bound)),
                Verdict::NoBound => "HAS NO BOUND".to_owned(),
                Verdict::NotCounted => "is in the file and WAS NOT COUNTED".to_owned(),
            };
            writeln!(f, "{case:<24} {shape:<5} {depth:>3} {instructions:>8.0}   {words}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(case: &str, instructions: f64) -> Bound {
        Bound { case: case.to_owned(), shape: "rich".to_owned(), depth: 1, instructions }
    }

    fn bounds() -> Bounds {
        Bounds { toolchain: "1.95.0".to_owned(), bounds: vec![bound("native", 1000.0), bound("noop", 60.0)] }
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        assert_eq!(Bounds::parse(&bounds().to_text()).unwrap(), bounds());
    }

    #[test]
    fn a_bad_file_is_refused() {
        for text in ["", "native rich 1 1000", "rustc 1.95.0\nnative rich one 5", "rustc 1.95.0\nnative rich"]
        {
            assert!(Bounds::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn three_percent_more_pass_and_the_next_instruction_does_not() {
        let faults = |native| bounds().compare(&[bound("native", native), bound("noop", 60.0)]).faults();
        assert_eq!(faults(1030.0), 0);
        assert_eq!(faults(1031.0), 1);
        assert_eq!(faults(500.0), 0);
    }

    #[test]
    fn counts_without_bounds_and_bounds_without_counts_are_faults() {
        let comparison = bounds().compare(&[bound("native", 1000.0), bound("guest", 1.0)]);
        assert_eq!(comparison.faults(), 2);
        let text = comparison.to_string();
        assert!(text.contains("guest") && text.contains("HAS NO BOUND"), "{text}");
        assert!(text.contains("noop") && text.contains("WAS NOT COUNTED"), "{text}");
    }
}
