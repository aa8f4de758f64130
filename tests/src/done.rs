//! A command that has ended, and what is expected of it.

use std::process::Output;

/// What a command left: its exit code and its streams.
#[derive(Debug, Clone)]
pub struct Done {
    /// The exit code; `None` when a signal ended the process.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    said: String,
}

#[expect(clippy::return_self_not_must_use, reason = "an expectation alone is a use")]
impl Done {
    pub(crate) fn new(said: String, output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            said,
        }
    }

    /// Expects this exit code.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        let Self { code, out, err, said } = &self;
        assert_eq!(*code, Some(expected), "{said}\n--- stdout\n{out}\n--- stderr\n{err}");
        self
    }

    /// Expects success.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.code(0)
    }

    /// Expects failure by the recipe, the data or the machine (1), said in a message that holds all these words and is
    /// no panic.
    #[track_caller]
    pub fn fails(self, words: &[&str]) {
        let done = self.code(1);
        assert!(done.err.contains("error: "), "no error is said\n{}", done.err);
        assert!(!done.err.contains("panicked"), "{}", done.err);
        for word in words {
            assert!(done.err.contains(word), "`{word}` is not in the message\n{}", done.err);
        }
    }

    /// Expects that standard error holds this.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.err.contains(words), "`{words}` is not in\n{}", self.err);
        self
    }

    /// The lines of standard output, each parsed as JSON.
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }

    /// How many parts a run computed, by its last words.
    pub fn computed(&self) -> usize {
        let before = self.err.split(" parts computed").next().unwrap_or_default();
        let number = before.rsplit(' ').next().unwrap_or_default();
        number.parse().unwrap_or_else(|_| panic!("no `N parts computed` in\n{}", self.err))
    }
}
