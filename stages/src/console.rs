//! What a person sees: messages and progress on stderr, data on stdout.
//!
//! Invariant: nothing but data goes to stdout; bars only where stderr is a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use corpusmill_pipeline::plan::NodeId;
use corpusmill_pipeline::runner::Observer;
use corpusmill_pipeline::{Plan, Receipt, StoreError};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Progress and summaries.
    Normal,
}

/// Writes messages to stderr.
#[derive(Debug, Clone)]
pub struct Console {
    verbosity: Verbosity,
    bars: MultiProgress,
    terminal: bool,
}

impl Console {
    /// A console on stderr.
    pub fn new(verbosity: Verbosity) -> Self {
        let terminal = std::io::stderr().is_terminal() && verbosity > Verbosity::Quiet;
        let bars = MultiProgress::new();
        if !terminal {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { verbosity, bars, terminal }
    }

    /// A line for the user; never tears a bar.
    pub fn say(&self, line: impl AsRef<str>) {
        if self.verbosity > Verbosity::Quiet {
            self.write(line.as_ref());
        }
    }

    /// A line that even `--quiet` shows.
    pub fn warn(&self, line: impl AsRef<str>) {
        self.write(&format!("warning: {}", line.as_ref()));
    }

    fn write(&self, line: &str) {
        self.bars.suspend(|| {
            // A closed stderr is no reason to stop.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        });
    }

    /// A bar for work of `length` units, or a plain line at its end.
    pub fn bar(&self, name: &str, length: u64, unit: &str) -> ProgressBar {
        if !self.terminal {
            return ProgressBar::hidden();
        }
        let template = format!("{{prefix:28!}} {{bar:24}} {{pos}}/{{len}} {unit} {{per_sec}} {{msg}} eta {{eta}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.bars.add(ProgressBar::new(length).with_style(style).with_prefix(name.to_owned()));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Watches a run of this plan.
    pub fn watch<'a>(&'a self, plan: &'a Plan) -> Watch<'a> {
        Watch { console: self, plan, state: Mutex::default() }
    }
}

/// Shows a bar for each running node.
pub struct Watch<'a> {
    console: &'a Console,
    plan: &'a Plan,
    state: Mutex<BTreeMap<usize, Shown>>,
}

struct Shown {
    bar: ProgressBar,
    done: u32,
    found: u32,
    rows: u64,
    rejected: u64,
    begun: Instant,
}

impl Watch<'_> {
    fn with(&self, node: NodeId, change: impl FnOnce(&mut Shown)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = state.entry(node.0).or_insert_with(|| {
            let node = self.plan.node(node);
            let bar = self.console.bar(&node.path, u64::from(node.partitions), "parts");
            Shown { bar, done: 0, found: 0, rows: 0, rejected: 0, begun: Instant::now() }
        });
        change(shown);
    }

    /// How many parts were found and how many computed.
    pub fn counts(&self) -> (u32, u32) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = state.values().map(|shown| shown.found).sum();
        (found, state.values().map(|shown| shown.done).sum::<u32>() - found)
    }
}

impl Observer for Watch<'_> {
    fn begun(&self, node: NodeId, _partition: u32) {
        self.with(node, |_| {});
    }

    fn done(&self, node: NodeId, _partition: u32, receipt: &Receipt, found: bool) {
        let partitions = self.plan.node(node).partitions;
        let path = &self.plan.node(node).path;
        let mut line = None;
        self.with(node, |shown| {
            shown.done += 1;
            shown.found += u32::from(found);
            shown.rows += receipt.result.rows_out;
            shown.rejected += receipt.result.rejected_rows();
            shown.bar.set_position(u64::from(shown.done));
            shown.bar.set_message(format!("{} rows, {} rejected", shown.rows, shown.rejected));
            if shown.done == partitions {
                shown.bar.finish_and_clear();
                if shown.found < shown.done {
                    let seconds = shown.begun.elapsed().as_secs_f64();
                    let reused =
                        if shown.found > 0 { format!(", {} parts reused", shown.found) } else { String::new() };
                    line = Some(format!(
                        "  {path}: {} rows, {} rejected{reused}, {seconds:.1} s",
                        shown.rows, shown.rejected
                    ));
                }
            }
        });
        if let Some(line) = line {
            self.console.say(line);
        }
    }

    fn remade(&self, node: NodeId, partition: u32, why: &StoreError) {
        self.with(node, |shown| shown.done = shown.done.saturating_sub(1));
        self.console.warn(format!("{}, partition {partition}: {why}; making it again", self.plan.node(node).path));
    }
}

/// Bytes for people: `12.3 MB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" { format!("{value:.0} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// A whole number with thousands separated: `1,234,567`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_500_000), "1.5 MB");
    }
}
