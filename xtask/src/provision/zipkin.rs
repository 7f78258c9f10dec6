//! Zipkin's server, one executable jar from Maven Central.

use anyhow::Result;
use tracer_factory_testkit::layout::Backend;

use super::workshop::Workshop;
use super::{Recipe, tools};

const ARTIFACT: &str = "io.zipkin:zipkin-server:3.6.1:jar:exec";
const FILE: &str = "zipkin-server-3.6.1-exec.jar";
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

pub(super) fn recipe() -> Recipe {
    Recipe {
        backend: Backend::Zipkin,
        fingerprint: format!("{COPY} {ARTIFACT}\n"),
        builds_with: &[tools::MAVEN, tools::JAVA],
        runs_with: &[tools::JAVA],
        build,
    }
}

fn build(shop: &Workshop<'_>) -> Result<()> {
    shop.run("download Zipkin (130 MB)", "mvn", |command| {
        command
            .args(["--batch-mode", "--no-transfer-progress", "--strict-checksums", COPY])
            .args([format!("-Dartifact={ARTIFACT}"), "-DoutputDirectory=.".to_owned()]);
    })?;
    shop.rename(FILE, Backend::Zipkin.program())
}
