//! Arize Phoenix, installed from PyPI into a virtual environment of its own, at pinned versions.

use anyhow::Result;
use tracer_factory_testkit::layout::Backend;

use super::workshop::Workshop;
use super::{Recipe, python, tools};

/// Every version of an installation that worked; what another platform does not need, it ignores.
const CONSTRAINTS: &str = include_str!("../../backends/phoenix/constraints.txt");

pub(super) fn recipe() -> Recipe {
    Recipe {
        backend: Backend::Phoenix,
        fingerprint: CONSTRAINTS.to_owned(),
        builds_with: &[tools::PYTHON],
        runs_with: &[],
        build,
    }
}

fn build(shop: &Workshop<'_>) -> Result<()> {
    python::install(shop, "Phoenix", "arize-phoenix", CONSTRAINTS)
}
