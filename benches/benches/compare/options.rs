//! What the command line asks for.

use tracer_factory_benches::Shape;

/// The command line.
#[derive(Debug)]
pub(crate) struct Options {
    /// Only the `ratio` lines.
    pub(crate) summary: bool,
    /// Rounds that count.
    pub(crate) rounds: usize,
    /// One case instead of the comparison.
    pub(crate) alone: Option<Alone>,
}

/// One case alone.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) case: String,
    pub(crate) shape: Shape,
    pub(crate) depth: usize,
    pub(crate) spans: usize,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        // Cargo says `--bench` under `cargo bench`; without it this is a test that everything runs.
        let mut options = Self { summary: false, rounds: 2, alone: None };
        let mut alone = Alone { case: String::new(), shape: Shape::Rich, depth: 1, spans: 200_000 };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--bench" => options.rounds = options.rounds.max(60),
                "--summary" => options.summary = true,
                "--rounds" => options.rounds = number(&argument, &value()?)?,
                "--case" => alone.case = value()?,
                "--shape" => alone.shape = shape(&value()?)?,
                "--depth" => alone.depth = number(&argument, &value()?)?,
                "--spans" => alone.spans = number(&argument, &value()?)?,
                other => {
                    return Err(format!(
                        "{other} is unknown; known are --summary, --rounds, --case, --shape, --depth and --spans"
                    ));
                }
            }
        }
        options.alone = Some(alone).filter(|alone| !alone.case.is_empty());
        Ok(options)
    }
}

fn number(option: &str, text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("{option} takes a number above 0, not {text}"))
}

fn shape(text: &str) -> Result<Shape, String> {
    let known = Shape::ALL.into_iter().find(|shape| shape.name() == text);
    known.ok_or_else(|| format!("--shape takes bare or rich, not {text}"))
}
