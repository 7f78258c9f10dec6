//! Delivers what a process left on disk to the destinations of a configuration, whatever it was meant for.

use std::path::Path;
use std::time::Duration;

use crate::config::{SpoolDirectory, TracerConfig};
use crate::delivery::{Adoption, Plan};
use crate::error::ConfigError;
use crate::life::Life;
use crate::report::Report;

/// Delivers the spans in `directory`, or in every directory below it, within `deadline`. What a living process still
/// uses is left alone. What could be delivered is removed; the rest stays for another time, which goes on where this one
/// stopped. The figures are under `recovered`.
///
/// A refusal that concerns whatever is sent, such as that of a wrong key or path, ends it: everything that is left stays,
/// as pending, and `last_error` says why. What is refused for what is in it is appended to [`Report::refused_in`] first.
///
/// # Errors
/// Names the setting that is wrong, or the piece that could not be set up.
pub fn replay(
    config: &TracerConfig,
    plans: Vec<Plan>,
    directory: &Path,
    deadline: Duration,
) -> Result<Report, ConfigError> {
    config.validate()?;
    if plans.is_empty() {
        let what = "this configuration has no destination to deliver to".to_owned();
        return Err(ConfigError::Setup { backend: "replay".to_owned(), what });
    }
    let mut config = config.clone();
    config.delivery.spool.directory = SpoolDirectory::Off;
    let adoption = Adoption::All(directory.to_owned());
    let (life, _) = Life::begin(&config, plans, Some(adoption))?;
    life.delivery.wait_for_recovery(deadline);
    life.recorder.close();
    life.delivery.stop(config.delivery.shutdown_timeout);
    Ok(life.delivery.report())
}
