//! Shows the progress of a run through the program's printer: a bar, and a line per record.
//!
//! Invariant: this module selects what is shown; the printer determines whether and how.

use corpusmill_terminal::Printer;

use crate::metrics::{Record, RecordKind};
use crate::pretrain::Observer;

/// The name of the progress bar.
const BAR: &str = "training";
/// The name of the progress bar of a validation.
const VALIDATION_BAR: &str = "validation";

/// Prints the progress of a run; the bar is removed when this is dropped.
#[derive(Debug)]
pub struct Progress {
    printer: Printer,
    /// The last finite loss, shown after the bar.
    loss: String,
}

impl Progress {
    /// Shows the run on `printer`.
    pub fn new(printer: Printer) -> Self {
        Self { printer, loss: String::new() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.printer.finish(BAR);
        self.printer.finish(VALIDATION_BAR);
    }
}

impl Observer for Progress {
    fn message(&mut self, line: &str) {
        self.printer.message(line);
    }

    fn warning(&mut self, line: &str) {
        self.printer.warning(line);
    }

    fn step(&mut self, step: u64, steps: u64, loss: Option<f64>) {
        if let Some(loss) = loss {
            self.loss = format!("loss {loss:.3}");
        }
        self.printer.start(BAR, steps, "steps");
        self.printer.advance(BAR, step, &self.loss);
        if step == steps {
            self.printer.finish(BAR);
        }
    }

    fn validation(&mut self, done: u64, sequences: u64) {
        self.printer.start(VALIDATION_BAR, sequences, "sequences");
        self.printer.advance(VALIDATION_BAR, done, "");
        if done == sequences {
            self.printer.finish(VALIDATION_BAR);
        }
    }

    fn record(&mut self, record: &Record) {
        self.printer.message(line(record));
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
