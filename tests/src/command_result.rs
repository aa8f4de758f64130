//! The result of a command, with expectations on it.

use std::process::Output;

/// The exit code and output streams of a command.
#[derive(Debug, Clone)]
pub struct CommandResult {
    /// The exit code; `None` if a signal ended the process.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    command_line: String,
}

#[expect(clippy::return_self_not_must_use, reason = "the expectation is the use")]
impl CommandResult {
    pub(crate) fn new(command_line: String, output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            command_line,
        }
    }

    /// Expects this exit code.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        let Self { code, out, err, command_line } = &self;
        assert_eq!(*code, Some(expected), "{command_line}\n--- stdout\n{out}\n--- stderr\n{err}");
        self
    }

    /// Expects success.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.code(0)
    }

    /// Expects exit code 1 (invalid recipe, data or environment) and an error message that contains all these words and
    /// is not a panic.
    #[track_caller]
    pub fn fails_with(self, words: &[&str]) {
        let result = self.code(1);
        assert!(result.err.contains("error: "), "no error message in\n{}", result.err);
        assert!(!result.err.contains("panicked"), "{}", result.err);
        for word in words {
            assert!(result.err.contains(word), "`{word}` is missing in the message\n{}", result.err);
        }
    }

    /// Expects that standard error contains these words.
    #[track_caller]
    pub fn stderr_contains(self, words: &str) -> Self {
        assert!(self.err.contains(words), "`{words}` is missing in\n{}", self.err);
        self
    }

    /// The lines of standard output, each parsed as JSON.
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }

    /// The number of parts that a run computed, from its summary line.
    pub fn computed(&self) -> usize {
        let end = self.err.find(" tasks computed").or_else(|| self.err.find(" task computed"));
        let number = end.and_then(|end| self.err[..end].rsplit(' ').next()?.replace(',', "").parse().ok());
        number.unwrap_or_else(|| panic!("no `N tasks computed` in\n{}", self.err))
    }
}
