//! A package from PyPI in a virtual environment of its own, at pinned versions.

use anyhow::Result;

use super::workshop::Workshop;

/// Installs `package` into `venv`, with no version that `constraints` does not name. `name` is for people.
pub(super) fn install(shop: &Workshop<'_>, name: &str, package: &str, constraints: &str) -> Result<()> {
    shop.run("create the Python environment", "python3", |command| {
        command.args(["-m", "venv", "venv"]);
    })?;
    shop.write("constraints.txt", constraints)?;
    // The scripts in venv/bin point at this folder, which gets renamed; `venv/bin/python` does not.
    shop.run(&format!("install {name} (a minute or two)"), shop.path("venv/bin/python"), |command| {
        command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]).args([
            "--progress-bar",
            "off",
            "--constraint",
            "constraints.txt",
            package,
        ]);
    })
}
