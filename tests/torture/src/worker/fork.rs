//! A worker that forks: the child records before and after `init_worker`, while the parent goes on.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tracer_factory::{BaseTracer, SpanId, current_tracer};

use super::command::Command;
use super::figures::{Figures, Torn};
use super::load::record;
use super::path;
use crate::wait::until;

/// What the parent and its children did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Forked {
    /// Spans of the parent, which go around the forks.
    pub parent: Vec<u64>,
    /// For each child what it wrote before it ended, and how that was.
    pub children: Vec<Child>,
}

/// One child.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Child {
    /// Its wait status, 0 for a good end.
    pub status: i32,
    /// Spans that ended before `init_worker`.
    pub before: Vec<u64>,
    /// Spans that ended after it.
    pub after: Vec<u64>,
    /// Its own teardown.
    pub torn: Option<Torn>,
}

/// Forks so many times, with scopes before, in between, and one that is open across each fork.
pub(super) fn fork(tracer: &Arc<dyn BaseTracer>, command: &Command<'_>) -> Result<Forked> {
    let (children, spans) = (command.number("children")?, command.number("spans")?);
    let notes = path(command.text("notes").context("fork needs notes")?);
    let some = |from: u64| -> Vec<u64> { (0..spans).map(|n| record(&**tracer, from + n).to_int()).collect() };
    let mut forked = Forked::default();
    for number in 0..children {
        forked.parent.extend(some(0));
        let across = tracer.trace_context("across the fork");
        forked.parent.push(across.span_id().to_int());
        let note = notes.join(format!("child.{number}"));
        let pid = fork_process()?;
        if pid == 0 {
            let child = as_child(tracer, spans);
            let good = fs::write(&note, serde_json::to_vec(&child).unwrap_or_default()).is_ok();
            end_process(if good { 0 } else { 1 });
        }
        forked.parent.extend(some(1000));
        drop(across);
        let status = wait(pid)?;
        let text = fs::read(&note).unwrap_or_default();
        let child: Child = serde_json::from_slice(&text).unwrap_or_default();
        forked.children.push(Child { status, ..child });
    }
    forked.parent.extend(some(2000));
    Ok(forked)
}

fn as_child(tracer: &Arc<dyn BaseTracer>, spans: u64) -> Child {
    let some = |tracer: &dyn BaseTracer| -> Vec<u64> {
        (0..spans)
            .map(|n| record(tracer, n))
            .filter(|id| *id != SpanId::INVALID)
            .map(SpanId::to_int)
            .collect()
    };
    let before = some(&**tracer);
    if let Err(error) = tracer.init_worker(7) {
        return Child { torn: Some(failed(&error.to_string())), before, ..Child::default() };
    }
    let mut after = some(&**tracer);
    after.extend(some(&*current_tracer()));
    let torn = super::teardown(tracer);
    Child { status: 0, before, after, torn: Some(torn) }
}

fn failed(error: &str) -> Torn {
    let destination =
        super::figures::Destination { last_error: Some(error.to_owned()), ..Default::default() };
    Torn { report: Figures { destinations: vec![destination], ..Figures::default() }, ..Torn::default() }
}

#[expect(unsafe_code, reason = "the very thing that is tested")]
fn fork_process() -> Result<i32> {
    // SAFETY: the child allocates and starts threads, which POSIX leaves open after a fork of a process with several
    // threads, and glibc allows: its handlers leave the allocator and the thread library usable. Workers of
    // pre-forking servers do the same. No lock of this program's own is held here.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        bail!("fork: {}", std::io::Error::last_os_error())
    }
    Ok(pid)
}

#[expect(unsafe_code, reason = "a child must not run what its parent has to do at its end")]
fn end_process(code: i32) -> ! {
    // SAFETY: ends the process and touches nothing.
    unsafe { libc::_exit(code) }
}

/// The status of a child that is given a minute.
fn wait(pid: i32) -> Result<i32> {
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
    let pid = Pid::from_raw(pid).context("a child has a number")?;
    let ended = until(Duration::from_secs(60), || {
        Ok(waitpid(Some(pid), WaitOptions::NOHANG)?.map(|(_, status)| status.as_raw()))
    })?;
    if ended.is_none() {
        kill_process(pid, Signal::KILL)?;
        waitpid(Some(pid), WaitOptions::empty())?;
    }
    Ok(ended.unwrap_or(-1))
}
