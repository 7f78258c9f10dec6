//! agent-lightning, installed from PyPI into a virtual environment of its own, at pinned versions.

use anyhow::Result;
use tracer_factory_testkit::layout::Backend;

use super::workshop::Workshop;
use super::{Recipe, tools};

/// Every version of an installation that worked. OpenTelemetry's is the one that its AgentOps exports with.
const CONSTRAINTS: &str = include_str!("../../backends/agent-lightning/constraints.txt");

pub(super) fn recipe() -> Recipe {
    Recipe {
        backend: Backend::AgentLightning,
        fingerprint: CONSTRAINTS.to_owned(),
        builds_with: &[tools::PYTHON],
        runs_with: &[],
        build,
    }
}

fn build(shop: &Workshop<'_>) -> Result<()> {
    shop.run("create the Python environment", "python3", |command| {
        command.args(["-m", "venv", "venv"]);
    })?;
    shop.write("constraints.txt", CONSTRAINTS)?;
    // The scripts in venv/bin point at this folder, which gets renamed; `venv/bin/python` does not.
    shop.run("install agent-lightning (a minute or two)", shop.path("venv/bin/python"), |command| {
        command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]).args([
            "--progress-bar",
            "off",
            "--constraint",
            "constraints.txt",
            "agentlightning",
        ]);
    })
}
