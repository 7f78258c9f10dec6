//! The OpenTelemetry Collector with the components of our manifest, put together by its own builder.

use anyhow::Result;
use tracer_factory_testkit::layout::Backend;

use super::workshop::Workshop;
use super::{Recipe, go, tools};

const MANIFEST: &str = include_str!("../../backends/collector/manifest.yaml");
/// Of the components' release: its template requires the rest of the Collector at that version.
const BUILDER: &str = "go.opentelemetry.io/collector/cmd/builder@v0.160.0";

pub(super) fn recipe() -> Recipe {
    Recipe {
        backend: Backend::Collector,
        fingerprint: format!("go run {BUILDER}\n{MANIFEST}"),
        builds_with: &[tools::GO],
        runs_with: &[],
        build,
    }
}

fn build(shop: &Workshop<'_>) -> Result<()> {
    shop.write("manifest.yaml", MANIFEST)?;
    shop.run("compile the Collector (minutes, the first time)", "go", |command| {
        go::configure(command);
        command.args(["run", BUILDER, "--verbose", "--config", "manifest.yaml"]);
    })?;
    shop.rename("module/otelcol", "otelcol")?;
    shop.remove_dir("module")
}
