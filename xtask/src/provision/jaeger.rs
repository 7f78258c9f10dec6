//! Jaeger v2, built from its published Go module. `go install` refuses it because of a `replace` in
//! its go.mod, so a module of our own has it as a tool, with that line and Jaeger's own versions.

use anyhow::Result;
use tracer_factory_testkit::layout::Backend;

use super::workshop::Workshop;
use super::{Recipe, go, tools};

const GO_MOD: &str = include_str!("../../backends/jaeger/go.mod");
const GO_SUM: &str = include_str!("../../backends/jaeger/go.sum");
const BUILD: &[&str] = &[
    "build",
    "-trimpath",
    "-ldflags=-s -w",
    "-o",
    "../jaeger",
    "github.com/jaegertracing/jaeger/cmd/jaeger",
];

pub(super) fn recipe() -> Recipe {
    Recipe {
        backend: Backend::Jaeger,
        fingerprint: format!("go {}\n{GO_MOD}", BUILD.join(" ")),
        builds_with: &[tools::GO],
        runs_with: &[],
        build,
    }
}

fn build(shop: &Workshop<'_>) -> Result<()> {
    shop.write("module/go.mod", GO_MOD)?;
    shop.write("module/go.sum", GO_SUM)?;
    shop.run("compile Jaeger (minutes, the first time)", "go", |command| {
        go::configure(command);
        command.current_dir(shop.path("module")).args(BUILD);
    })?;
    shop.remove_dir("module")
}
