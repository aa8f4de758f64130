//! The printer: the one place that decides what goes to stderr, with or without colour and bars.
//!
//! Invariant: a message never tears a bar; a stream that is not a terminal gets no control characters.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// How much is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// Progress and summaries, too.
    #[default]
    Normal,
    /// Log messages for debugging, too.
    Verbose,
}

/// When messages have colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The flags of both programs that decide what is printed.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct PrinterArgs {
    /// Print only warnings and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Also print log messages; `RUST_LOG` sets finer filters
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Hide progress bars
    #[arg(long, global = true, env = "CORPUSMILL_NO_PROGRESS", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_progress: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value = "auto")]
    pub color: ColorChoice,
    /// The printer, once it is made.
    #[arg(skip)]
    printer: Arc<OnceLock<Printer>>,
}

impl PrinterArgs {
    /// How much is printed.
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }

    /// Whether messages on stderr have colour.
    pub fn has_color(&self) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                std::io::stderr().is_terminal() && !forbidden && !dumb
            }
        }
    }

    /// The printer that these flags configure. It is made once: a message of one caller does not tear the bar of another.
    pub fn printer(&self) -> Printer {
        let make = || {
            let bars = self.verbosity() > Verbosity::Quiet && !self.no_progress && std::io::stderr().is_terminal();
            Printer::new(self.verbosity(), self.has_color(), bars)
        };
        self.printer.get_or_init(make).clone()
    }
}

/// Writes messages and progress bars to stderr; clones share their bars.
#[derive(Debug, Clone)]
pub struct Printer {
    verbosity: Verbosity,
    color: bool,
    /// `None` where bars are hidden.
    bars: Option<MultiProgress>,
    running: Arc<Mutex<BTreeMap<String, ProgressBar>>>,
}

impl Default for Printer {
    fn default() -> Self {
        PrinterArgs::default().printer()
    }
}

impl Printer {
    /// A printer on stderr.
    pub fn new(verbosity: Verbosity, color: bool, bars: bool) -> Self {
        Self { verbosity, color, bars: bars.then(MultiProgress::new), running: Arc::default() }
    }

    /// Prints a message, unless `--quiet` is given.
    pub fn message(&self, text: impl AsRef<str>) {
        if self.verbosity > Verbosity::Quiet {
            self.write(text.as_ref());
        }
    }

    /// Prints a warning.
    pub fn warning(&self, text: impl AsRef<str>) {
        self.labelled("warning", AnsiColor::Yellow, text.as_ref());
    }

    /// Prints an error.
    pub fn error(&self, text: impl AsRef<str>) {
        self.labelled("error", AnsiColor::Red, text.as_ref());
    }

    fn labelled(&self, label: &str, color: AnsiColor, text: &str) {
        let style = Style::new().fg_color(Some(color.into())).bold();
        let hint = Style::new().fg_color(Some(AnsiColor::Cyan.into())).bold();
        let mut out = self.styled(style, label);
        out.push_str(": ");
        for (number, line) in text.lines().enumerate() {
            if number > 0 {
                out.push('\n');
            }
            match line.strip_prefix("hint: ") {
                Some(rest) => {
                    out.push_str(&self.styled(hint, "hint"));
                    out.push_str(": ");
                    out.push_str(rest);
                }
                None => out.push_str(line),
            }
        }
        self.write(&out);
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// How much is printed.
    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Whether messages have colour.
    pub fn has_color(&self) -> bool {
        self.color
    }

    fn write(&self, line: &str) {
        // A closed stderr is no reason to stop.
        let _ = self.suspend(|| writeln!(std::io::stderr().lock(), "{line}"));
    }

    /// Hides the bars while `write` writes to stderr.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// Shows a bar for work of `total` units, or changes its total.
    pub fn start(&self, name: &str, total: u64, unit: &str) {
        let Some(bars) = &self.bars else { return };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = running.get(name) {
            bar.set_length(total);
            return;
        }
        // A line fits into 80 columns: what is left of them holds the message, cut if need be.
        let template = format!("{{prefix:20!}} {{bar:12}} {{pos}}/{{len}} {unit} {{rate}} eta {{eta}} {{wide_msg}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = out.write_str(&rate(state.per_sec()));
        });
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden()).with_style(style);
        let bar = bars.add(bar.with_prefix(name.to_owned()));
        bar.enable_steady_tick(Duration::from_millis(200));
        running.insert(name.to_owned(), bar);
    }

    /// Moves the bar of this name to `done` units and shows `detail` behind it.
    pub fn advance(&self, name: &str, done: u64, detail: &str) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = running.get(name) {
            let is_resumed = bar.position() == 0 && done > 1;
            bar.set_position(done);
            if is_resumed {
                // What an earlier run did says nothing about the speed of this one.
                bar.reset_eta();
            }
            bar.set_message(detail.to_owned());
        }
    }

    /// Removes the bar of this name.
    pub fn finish(&self, name: &str) {
        let bar = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }

    /// Removes every bar, so that the last message of a command that ends early stands alone.
    pub(crate) fn finish_all(&self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for bar in running.into_values() {
            bar.finish_and_clear();
        }
    }
}

/// A rate in units per second, with about three digits.
fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.1}/s") } else { format!("{per_second:.0}/s") }
}

/// The columns of the terminal that stdout is, if it is one.
pub fn stdout_width() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

/// Writes text to stdout and flushes it.
///
/// # Errors
/// When stdout cannot be written; the error names it and has the kind of the original one.
pub fn write_stdout(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| std::io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
}
