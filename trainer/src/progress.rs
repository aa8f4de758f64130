//! Shows the progress of a run through the program's printer: a bar, and a few lines per record.
//!
//! Invariant: this module selects what is shown; the printer determines whether and how.

use std::fmt::Write as _;

use corpusmill_terminal::{Printer, wrap};

use crate::metrics::{Record, RecordKind, grouped};
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
        self.printer.message(fit("", line));
    }

    fn warning(&mut self, line: &str) {
        self.printer.warning(fit("warning: ", line));
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
        self.printer.message(lines(record));
    }
}

/// Columns before the measures of a record.
const INDENT: usize = 13;

/// Formats a record: a line of its measures and, if there are several sources, lines of their losses.
pub fn lines(record: &Record) -> String {
    let mut out = format!("step {:>6}  ", record.step);
    wrap(&mut out, &measures(record), "  ", INDENT);
    if record.losses.len() > 1 {
        let _ = write!(out, "\n{:INDENT$}", "");
        let losses: Vec<String> = record.losses.iter().map(|(source, loss)| format!("{source} {loss:.3}")).collect();
        wrap(&mut out, &losses, "  ", INDENT);
    }
    out
}

fn measures(record: &Record) -> Vec<String> {
    let kind = match record.kind {
        RecordKind::Train => "",
        RecordKind::Validation | RecordKind::Final => "validation ",
    };
    let mut out = vec![format!("{kind}loss {:.4}", record.loss)];
    out.extend(record.bits_per_byte.map(|bits| format!("{bits:.4} bits/byte")));
    out.extend(record.learning_rate.map(|rate| format!("lr {rate:.2e}")));
    out.extend(record.gradient_norm.map(|norm| format!("grad norm {norm:.2}")));
    out.extend(record.tokens_per_second.map(|speed| format!("{} tokens/s", grouped(speed))));
    out.extend(record.model_flops_utilisation.map(|share| format!("MFU {:.1} %", share * 100.0)));
    #[expect(clippy::cast_precision_loss, reason = "shown in three digits")]
    out.extend(record.memory_bytes.map(|bytes| format!("{:.2} GB", bytes as f64 / 1e9)));
    out.extend(record.skipped.filter(|skipped| *skipped > 0).map(|skipped| format!("{skipped} steps skipped")));
    out
}

/// Breaks the lines of a text that is printed after `prefix` where they would wrap.
pub(crate) fn fit(prefix: &str, text: &str) -> String {
    let mut out = prefix.to_owned();
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let words: Vec<&str> = line.split(' ').collect();
        wrap(&mut out, &words, " ", 2);
    }
    out.split_off(prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let text = r#"{"kind": "train", "step": 120, "tokens": 512, "loss": 6.89076, "losses": {"notes": 6.89076},
            "learning_rate": 0.003, "gradient_norm": 1.0512, "skipped": 0, "tokens_per_second": 18966.4,
            "memory_bytes": 52690944}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_record_has_the_terms_of_other_trainers() {
        let expected = "step    120  loss 6.8908  lr 3.00e-3  grad norm 1.05  18,966 tokens/s  0.05 GB";
        assert_eq!(lines(&record()), expected);
        let held_out = Record {
            kind: RecordKind::Validation,
            bits_per_byte: Some(3.12324),
            losses: [("code".to_owned(), 1.5), ("notes".to_owned(), 6.0)].into(),
            learning_rate: None,
            gradient_norm: None,
            tokens_per_second: None,
            memory_bytes: None,
            ..record()
        };
        let expected = "step    120  validation loss 6.8908  3.1232 bits/byte\n             code 1.500  notes 6.000";
        assert_eq!(lines(&held_out), expected);
    }

    #[test]
    fn long_messages_are_broken_between_words() {
        let word = "x".repeat(30);
        assert_eq!(fit("", &format!("{word} {word}")), format!("{word} {word}"));
        assert_eq!(fit("", &format!("a\n{word} {word} {word}")), format!("a\n{word} {word}\n  {word}"));
        // 9 columns of a prefix, 30 and 1 and 40: exactly 80 fit.
        let text = |last: usize| format!("{word} {}", "y".repeat(last));
        assert_eq!(fit("warning: ", &text(40)), text(40));
        assert_eq!(fit("warning: ", &text(41)), format!("{word}\n  {}", "y".repeat(41)));
    }

    #[test]
    fn long_records_are_wrapped() {
        let losses = (0..30).map(|number| (format!("source-{number}"), 1.0)).collect();
        let record = Record {
            step: 1_000_000,
            losses,
            model_flops_utilisation: Some(0.4567),
            tokens_per_second: Some(1_234_567.0),
            skipped: Some(12),
            ..record()
        };
        let text = lines(&record);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80 && text.lines().skip(1).all(|line| line.starts_with("             ")), "{text}");
        assert!(text.contains("MFU 45.7 %") && text.contains("12 steps skipped"), "{text}");
        assert_eq!(text.matches("source-").count(), 30, "{text}");
        // Two lines of measures, and four sources on a line.
        assert_eq!(text.lines().count(), 2 + 8, "{text}");
    }
}
