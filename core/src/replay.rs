//! Delivers what a process left on disk to the destinations of a configuration, whatever it was meant for.

use std::path::Path;
use std::time::Duration;

use crate::config::{SpoolDirectory, TracerConfig};
use crate::delivery::{Adoption, Plan};
use crate::error::ConfigError;
use crate::life::Life;
use crate::report::Report;

/// Delivers the spans in `directory`, or in every directory below it, within `deadline`. What a living process still
/// uses is left alone. What could be delivered is removed; the rest stays for another time. The figures are under
/// `recovered`.
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
    let mut config = config.clone();
    config.delivery.spool.directory = SpoolDirectory::Off;
    let adoption = Adoption::All(directory.to_owned());
    let (life, _) = Life::begin(&config, plans, Some(adoption))?;
    life.delivery.wait_for_recovery(deadline);
    life.recorder.close();
    life.delivery.stop(config.delivery.shutdown_timeout);
    Ok(life.delivery.report())
}
