//! Progress output of a run on stderr: a progress bar on a terminal, plain lines elsewhere.
//!
//! Invariant: a message never breaks the bar, and a stream that is not a terminal gets no control characters.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::metrics::{Record, RecordKind};
use crate::pretrain::Observer;

/// Prints the progress of a run.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    quiet: bool,
}

impl Progress {
    /// Creates the output on stderr; with `quiet`, nothing is printed.
    pub fn new(quiet: bool) -> Self {
        let bar = ProgressBar::new(0);
        let template = "{bar:30} {pos}/{len} steps {per_sec} {msg} eta {eta}";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        if quiet || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, quiet }
    }
}

impl Observer for Progress {
    fn message(&mut self, line: &str) {
        if !self.quiet {
            self.bar.suspend(|| {
                // A closed stderr does not stop the run.
                let _ = writeln!(std::io::stderr().lock(), "{line}");
            });
        }
    }

    fn step(&mut self, step: u64, steps: u64, loss: Option<f64>) {
        self.bar.set_length(steps);
        self.bar.set_position(step);
        if let Some(loss) = loss {
            self.bar.set_message(format!("loss {loss:.3}"));
        }
        if step == steps {
            self.bar.finish_and_clear();
        }
    }

    fn record(&mut self, record: &Record) {
        self.message(&line(record));
    }
}

/// Formats a record as one line.
pub fn line(record: &Record) -> String {
    let kind = match record.kind {
        RecordKind::Train => "train",
        RecordKind::Validation | RecordKind::Final => "validation",
    };
    let mut out = format!("step {:>6}  {kind:10}  loss {:.4}", record.step, record.loss);
    let mut add = |text: String| out.push_str(&text);
    if let Some(bits) = record.bits_per_byte {
        add(format!("  {bits:.4} bits/byte"));
    }
    for (source, loss) in &record.losses {
        add(format!("  {source} {loss:.3}"));
    }
    if let Some(rate) = record.learning_rate {
        add(format!("  rate {rate:.2e}"));
    }
    if let Some(norm) = record.gradient_norm {
        add(format!("  gradient {norm:.2}"));
    }
    if let Some(speed) = record.tokens_per_second {
        add(format!("  {speed:.0} tokens/s"));
    }
    if let Some(share) = record.model_flops_utilisation {
        add(format!("  MFU {:.1} %", share * 100.0));
    }
    #[expect(clippy::cast_precision_loss, reason = "shown in three digits")]
    if let Some(bytes) = record.memory_bytes {
        add(format!("  {:.2} GB", bytes as f64 / 1e9));
    }
    if let Some(skipped) = record.skipped.filter(|skipped| *skipped > 0) {
        add(format!("  {skipped} steps skipped"));
    }
    out
}
