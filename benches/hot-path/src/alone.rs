//! One case and nothing else, for tools that count and profile.

use crate::case::{Entry, Failure, Load, Shape, produce, warm_up};

/// Spans of a burst: below the 512 at which the SDK's processor wakes its thread, so that nobody exports meanwhile.
pub const BURST: usize = 480;
/// Bursts before the first that counts.
const WARM_UP: usize = 10;

/// The command line of a single case.
#[derive(Debug)]
pub struct Alone {
    case: String,
    load: Load,
    bursts: usize,
}

impl Alone {
    /// How its options are spelled.
    pub const USAGE: &str = "--case NAME [--shape bare|rich] [--depth N] [--spans N]";

    /// Takes the options apart.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut case, mut shape, mut depth, mut spans) = (String::new(), Shape::Rich, 1, 200_000);
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{option} needs a value"));
            match option.as_str() {
                "--case" => case = value()?,
                "--shape" => {
                    shape = Shape::from_name(&value()?).ok_or("--shape takes bare or rich")?;
                }
                "--depth" => depth = number(&option, &value()?)?,
                "--spans" => spans = number(&option, &value()?)?,
                other => return Err(format!("{other} is unknown; known are {}", Self::USAGE)),
            }
        }
        if case.is_empty() {
            return Err(format!("no case was named: {}", Self::USAGE));
        }
        let load = Load::of_spans(shape, depth, BURST);
        Ok(Self { case, load, bursts: spans.div_ceil(BURST) })
    }

    /// Warms the case up and records.
    pub fn run(&self, entries: &[Entry]) -> Result<(), Failure> {
        let Some(entry) = entries.iter().find(|entry| entry.name == self.case) else {
            let known: Vec<_> = entries.iter().map(|entry| entry.name).collect();
            return Err(format!("there is no case {}; there are {}", self.case, known.join(", ")).into());
        };
        let case = (entry.make)()?;
        for _ in 0..WARM_UP {
            warm_up(&*case, self.load);
        }
        for _ in 0..self.bursts {
            produce(&*case, self.load);
            case.settle();
        }
        Ok(())
    }
}

/// A number above zero.
pub fn number(option: &str, text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("{option} takes a number above 0, not {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Alone, String> {
        Alone::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_taken_apart() {
        let alone = parsed("--case native --shape bare --depth 10 --spans 4800").unwrap();
        assert_eq!((alone.case.as_str(), alone.bursts), ("native", 10));
        assert_eq!(alone.load, Load { shape: Shape::Bare, depth: 10, traces: 48 });
    }

    #[test]
    fn what_is_wrong_is_said() {
        for line in ["", "--case", "--case native --depth 0", "--case native --shape round", "--loud"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn every_case_of_ours_delivers_what_it_says() {
        for name in ["native", "recorder", "sampled_out", "noop"] {
            let entry = crate::CASES.iter().find(|entry| entry.name == name).unwrap();
            let case = (entry.make)().unwrap();
            let load = Load::of_spans(Shape::Rich, 10, 100);
            produce(&*case, load);
            case.settle();
            assert_eq!(case.arrived(), case.arrivals(load), "{name}");
        }
    }
}
