//! Measures a recipe in a process of its own, so that running out of memory, or a crash of the driver, ends that process
//! only.
//!
//! The parent starts this program again with `child`, reads one line of JSON from its stdout, and goes to the next rung of
//! the [`super::ladder`] when there is none. Invariant: a child that is still running at the deadline is killed.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use super::session::{Session, progress};
use super::{Child, bench, ladder, profile, setup};

/// What a child measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Measurement {
    /// Speed and memory.
    Bench,
    /// Time by part and by kernel.
    Profile,
}

impl Measurement {
    fn name(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Profile => "profile",
        }
    }
}

/// The child's side: measures, and prints the result as one line of JSON.
///
/// # Errors
/// When the device cannot do it.
pub(crate) fn run(session: &Session, child: &Child) -> anyhow::Result<()> {
    let recipe = setup::load(session, &child.recipe, &child.set)?;
    let line = match child.what {
        Measurement::Bench => serde_json::to_string(&bench::measure(session, &recipe)?)?,
        Measurement::Profile => serde_json::to_string(&profile::measure(session, &recipe)?)?,
    };
    writeln!(std::io::stdout(), "{line}").context("cannot write the result to stdout")
}

/// What the parent got: the first rung that could be measured, and why those before it could not.
#[derive(Debug)]
pub(crate) struct Climb<T> {
    pub(crate) measured: Option<T>,
    /// A line for each rung that failed.
    pub(crate) failures: Vec<String>,
}

/// Measures a recipe on the first rung of the ladder that the device can do, before `deadline`.
///
/// # Errors
/// When the recipe is invalid or the program cannot start itself.
pub(crate) fn climb<T: DeserializeOwned>(
    session: &Session,
    what: Measurement,
    path: &Path,
    deadline: Instant,
) -> anyhow::Result<Climb<T>> {
    let changes = if session.dry { setup::dry_changes() } else { Vec::new() };
    let recipe = setup::load(session, path, &changes)?;
    let mut failures = Vec::new();
    for rung in ladder::rungs(&recipe) {
        let left = deadline.saturating_duration_since(Instant::now());
        let settings = if rung.is_empty() { "as in the recipe".to_owned() } else { rung.join(" ") };
        if left < Duration::from_secs(1) {
            failures.push(format!("{}, {settings}: no time left; give more --seconds", recipe.name));
            break;
        }
        progress(&format!("{} {}: {settings}", what.name(), recipe.name));
        let changes = changes.iter().chain(&rung);
        match attempt(session, what, path, changes, left)? {
            Ok(line) => {
                let measured = serde_json::from_str(&line).with_context(|| format!("the child printed `{line}`"))?;
                return Ok(Climb { measured: Some(measured), failures });
            }
            Err(reason) => {
                progress(&format!("  failed: {reason}"));
                failures.push(format!("{}, {settings}: {reason}", recipe.name));
            }
        }
    }
    Ok(Climb { measured: None, failures })
}

/// Starts a child and waits for its line, or the reason why there is none.
fn attempt<'a>(
    session: &Session,
    what: Measurement,
    path: &Path,
    changes: impl Iterator<Item = &'a String>,
    left: Duration,
) -> anyhow::Result<Result<String, String>> {
    let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let program = std::env::current_exe().context("cannot find this program to start it again")?;
    let mut command = Command::new(&program);
    command.args(["child", "--what", what.name(), "--device", &session.choice.to_string()]);
    // The child stops by itself a little before it is killed.
    command.args(["--seconds", &format!("{:.1}", left.as_secs_f64() * 0.9)]).arg(path);
    command.args(session.dry.then_some("--dry"));
    changes.for_each(|change| {
        command.arg("--set").arg(change);
    });
    command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(err.try_clone()?);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break Some(status),
            None if started.elapsed() > left => {
                child.kill()?;
                child.wait()?;
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let text = |file: &mut std::fs::File| -> anyhow::Result<String> {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (out, err) = (text(&mut out)?, text(&mut err)?);
    Ok(match status {
        None => Err(format!("stopped after {:.0} s; give more --seconds", left.as_secs_f64())),
        Some(status) if status.success() => {
            out.lines().last().map(str::to_owned).ok_or("it printed nothing".to_owned())
        }
        Some(status) => Err(format!("{status}: {}", reason(&err))),
    })
}

/// The line of a failed program's stderr that says why: what followed the first panic, else its own error, else the last.
/// Drivers write errors of their own, which come first and end nothing.
fn reason(stderr: &str) -> String {
    let mut lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines.clone().rfind(|line| line.starts_with("error: "));
    let mut panic = lines.clone().skip_while(|line| !line.contains("panicked at"));
    let found = panic.nth(1).or(error).or_else(|| lines.next_back()).unwrap_or("no message");
    found.chars().take(300).collect()
}
