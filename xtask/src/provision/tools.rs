//! Toolchains that provisioning borrows from the machine, and the error that says which is missing.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use tracer_factory_testkit::layout::Backend;

/// A program on the `PATH`, and a quick call that succeeds where it is fit for use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tool {
    name: &'static str,
    probe: &'static [&'static str],
    /// What to install, for people.
    wanted: &'static str,
}

pub(super) const GO: Tool = Tool { name: "go", probe: &["version"], wanted: "Go 1.25 or later" };
pub(super) const JAVA: Tool = Tool { name: "java", probe: &["-version"], wanted: "Java 17 or later" };
pub(super) const MAVEN: Tool = Tool { name: "mvn", probe: &["-version"], wanted: "Maven 3.6 or later" };
pub(super) const PYTHON: Tool = Tool {
    name: "python3",
    // Some distributions package `venv` apart from Python.
    probe: &["-c", "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"],
    wanted: "Python 3.11 or later with venv",
};

/// An error that names every tool of `uses` that is missing, and what needs it.
pub(super) fn check(uses: &[(&Tool, Backend)]) -> Result<()> {
    let mut message = String::new();
    for (position, (tool, _)) in uses.iter().enumerate() {
        if uses[..position].iter().any(|(seen, _)| seen == tool) || works(tool) {
            continue;
        }
        let users: Vec<_> =
            uses.iter().filter(|(used, _)| used == tool).map(|(_, user)| user.name()).collect();
        let Tool { name, wanted, .. } = tool;
        write!(message, "\n  {name}: {wanted} is needed for {}", users.join(", "))?;
    }
    if !message.is_empty() {
        bail!(
            "tools that the real servers need are missing or too old:{message}\n\
             Install them, or run only the tests that need no server: cargo xtask test --hermetic"
        );
    }
    Ok(())
}

fn works(tool: &Tool) -> bool {
    Command::new(tool.name)
        .args(tool.probe)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: Tool = Tool { name: "sh", probe: &["-c", "exit 0"], wanted: "a shell" };
    const BROKEN: Tool = Tool { name: "sh", probe: &["-c", "exit 1"], wanted: "a newer shell" };
    const ABSENT: Tool = Tool { name: "no-such-program", probe: &[], wanted: "a program" };

    #[test]
    fn nothing_missing_is_no_error() {
        check(&[(&SHELL, Backend::Jaeger)]).unwrap();
        check(&[]).unwrap();
    }

    #[test]
    fn each_missing_tool_is_named_once_with_all_that_need_it() {
        let uses = [(&ABSENT, Backend::Jaeger), (&BROKEN, Backend::Zipkin), (&ABSENT, Backend::Collector)];
        let message = check(&uses).unwrap_err().to_string();
        assert!(message.contains("no-such-program: a program is needed for jaeger, collector"), "{message}");
        assert!(message.contains("sh: a newer shell is needed for zipkin"), "{message}");
        assert_eq!(message.matches("no-such-program").count(), 1, "{message}");
        assert!(message.contains("--hermetic"), "{message}");
    }
}
