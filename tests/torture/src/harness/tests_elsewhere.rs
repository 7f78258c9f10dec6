//! Bars that are ordinary tests beside the code: runs them, and makes sure that there are some.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::Finding;

/// Runs `cargo test` with these arguments. Fewer than `least` tests are a miss: one was renamed.
pub fn run_tests(what: &str, args: &[&str], least: usize) -> Result<Finding> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).arg("test").args(args).output().context("cargo can't be run")?;
    let out = String::from_utf8_lossy(&output.stdout);
    let passed: usize = out.lines().filter_map(passed).sum();
    let mut finding = Finding::default();
    finding.figure(format!("{what}: {passed} tests (cargo test {})", args.join(" ")));
    finding.must(output.status.success(), || {
        let err = String::from_utf8_lossy(&output.stderr);
        let failed = out
            .lines()
            .chain(err.lines())
            .filter(|line| line.contains("FAILED") || line.starts_with("error"));
        format!("{what}: {}", failed.take(5).collect::<Vec<_>>().join("; "))
    });
    finding.must(passed >= least, || format!("{what}: only {passed} of at least {least} tests are there"));
    Ok(finding)
}

/// `test result: ok. 12 passed; 0 failed; …`
fn passed(line: &str) -> Option<usize> {
    let rest = line.strip_prefix("test result: ")?;
    let (_, counts) = rest.split_once(". ")?;
    counts.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_number_of_tests_is_read() {
        assert_eq!(super::passed("test result: ok. 12 passed; 0 failed; 1 ignored"), Some(12));
        assert_eq!(super::passed("running 3 tests"), None);
    }
}
