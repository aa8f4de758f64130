//! The text of a recipe: parses it, and finds the position of a key or value for an error.
//!
//! Invariant: a recipe that does not parse gives an error with a position in its text, if the parser knows one.

use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location, NonFiniteFloatPolicy};

use crate::diagnostics::{Diagnostic, describe};
use crate::error::{RecipeError, SourceSpan};
use crate::spans::{self, SpannedNode};

/// Maximum size of a recipe, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The text of a settings file, for errors that point into it.
#[derive(Debug, Clone)]
pub struct NamedSource {
    /// The name shown in errors.
    pub file: String,
    /// The YAML.
    pub text: String,
}

impl NamedSource {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is empty, or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let file = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            let message = format!("cannot read the recipe: {}", error.kind());
            RecipeError::whole(&file, message)
        };
        let mut bytes = Vec::new();
        let handle = fs_err::File::open(path).map_err(unreadable)?;
        handle.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(RecipeError::whole(&file, "the recipe is longer than 4 MiB")
                .with_hint("put long lists into files and name those in the recipe"));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| RecipeError::whole(&file, "the recipe is not UTF-8 text").with_hint("save it as UTF-8"))?;
        Ok(Self { file, text })
    }

    /// Reads the YAML into settings.
    ///
    /// # Errors
    /// An error with the position, what was given and what is allowed.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, RecipeError> {
        if self.is_blank() {
            return Err(RecipeError::whole(&self.file, "the recipe is empty"));
        }
        let value = serde_saphyr::from_str_with_options(&self.text, options()).map_err(|error| self.explain(&error))?;
        match self.non_finite_number() {
            None => Ok(value),
            Some(error) => Err(error),
        }
    }

    /// The error about a number that is not finite: every comparison with it has one answer, so that a threshold would
    /// have no effect in silence.
    fn non_finite_number(&self) -> Option<RecipeError> {
        let lower = self.text.to_ascii_lowercase();
        if !NON_FINITE.iter().any(|word| lower.contains(word)) {
            return None;
        }
        let tree = self.tree()?;
        let (found, location) = spans::find(&tree, &|text| NON_FINITE.contains(&text.to_ascii_lowercase().as_str()))?;
        let error = RecipeError::whole(&self.file, format!("`{found}` is not a finite number"));
        Some(error.with_span(self.span_at(location)).with_hint("write a number, or `null` where a rule is to be off"))
    }

    /// Whether the text has only empty lines and comments.
    pub fn is_blank(&self) -> bool {
        self.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    }

    /// An error if a tab indents the reported line or a neighbour. Tabs elsewhere may be intended, as in the text of an
    /// example.
    fn tab_indentation(&self, span: &SourceSpan) -> Option<RecipeError> {
        let (number, line) =
            self.text.lines().enumerate().skip(span.line.saturating_sub(2)).take(3).find(|(_, line)| {
                let indent = &line[..line.len() - line.trim_start().len()];
                indent.contains('\t') && !line.trim().is_empty()
            })?;
        let column = line.chars().take_while(|c| *c == ' ').count() + 1;
        let span = SourceSpan { line: number + 1, column, width: 1, text: line.to_owned() };
        let error = RecipeError::whole(&self.file, "a tab in the indentation: YAML allows only spaces there");
        Some(error.with_span(Some(span)).with_hint("replace each tab by two spaces"))
    }

    /// The position of a line and column that the parser reports.
    pub fn span(&self, line: usize, column: usize) -> Option<SourceSpan> {
        let text = self.text.lines().nth(line.checked_sub(1)?)?.to_owned();
        let column = column.clamp(1, text.chars().count() + 1);
        let rest: Vec<char> = text.chars().skip(column - 1).collect();
        let quoted = rest.first().filter(|c| **c == '"' || **c == '\'').copied();
        let width = match quoted {
            Some(quote) => rest.iter().skip(1).position(|c| *c == quote).map_or(1, |n| n + 2),
            None => rest.iter().position(|c| matches!(c, ':' | ',' | '}' | ']' | '#')).unwrap_or(rest.len()),
        };
        let trimmed: String = rest.iter().take(width).collect();
        Some(SourceSpan { line, column, width: trimmed.trim_end().chars().count().max(1), text })
    }

    /// An error at the key or value at `path`, or at the last component of `path` that exists. Checks after parsing use
    /// it to point into the text. A component is a key, the index of a list item from 0, or a key of one of the items.
    pub fn error_at(&self, path: &[&str], message: impl Into<String>) -> RecipeError {
        let span = self.tree().and_then(|tree| self.span_at(spans::follow(&tree, path).0?));
        RecipeError::whole(&self.file, message).with_span(span)
    }

    /// An error at the key or value below `path` that the message names, in backticks, in quotes or as a plain word; at
    /// `path` if there is none.
    pub fn error_near(&self, path: &[&str], message: impl Into<String>) -> RecipeError {
        let error = self.error_at(path, message);
        let named = self.tree().and_then(|tree| {
            let below = spans::follow(&tree, path).1;
            self.span_at(words_of(&error.message).into_iter().find_map(|word| spans::search(below, word))?)
        });
        if named.is_some() { error.with_span(named) } else { error }
    }

    fn tree(&self) -> Option<SpannedNode> {
        serde_saphyr::from_str_with_options::<SpannedNode>(&self.text, options()).ok()
    }

    fn span_at(&self, location: Location) -> Option<SourceSpan> {
        let known = location != Location::UNKNOWN;
        known.then(|| self.span(usize::try_from(location.line()).ok()?, usize::try_from(location.column()).ok()?))?
    }

    fn explain(&self, error: &Error) -> RecipeError {
        let error = error.without_snippet();
        let span = error.location().and_then(|location| self.span_at(location));
        if let Some(error) = span.as_ref().and_then(|span| self.tab_indentation(span)) {
            return error;
        }
        let Diagnostic { span, message, hints, unknown } = describe(error, span, &self.text);
        let error = RecipeError::whole(&self.file, message).with_span(span);
        RecipeError { hints, unknown: unknown.map(Box::new), ..error }
    }
}

/// YAML's numbers that are not finite, in lower case.
const NON_FINITE: [&str; 4] = [".nan", ".inf", "+.inf", "-.inf"];

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        // A later check says what is wrong with `.nan` and where; the parser does not.
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
    }
}

/// The words of a message that may name a key or value, the most likely first: quoted words, last to first, since
/// messages name the key before the value; then every word.
fn words_of(message: &str) -> Vec<&str> {
    let marked = |mark: char| message.split(mark).skip(1).step_by(2);
    let mut words: Vec<&str> = marked('"').chain(marked('`')).collect();
    words.reverse();
    let mut words: Vec<&str> =
        words.into_iter().flat_map(|word| [word, word.rsplit('.').next().unwrap_or(word)]).collect();
    let plain = message.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
    words.extend(plain.filter(|word| word.chars().any(char::is_alphabetic)));
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Toy {
        #[expect(dead_code, reason = "only parsing is tested")]
        vocab_size: u32,
    }

    fn error(text: &str) -> String {
        NamedSource { file: "toy.yaml".into(), text: text.into() }.parse::<Toy>().unwrap_err().to_string()
    }

    #[test]
    fn a_misspelt_key_gets_a_caret_and_a_suggestion() {
        let message = error("vocab-sise: 3\n");
        assert!(message.contains("unknown key `vocab-sise`"), "{message}");
        assert!(message.contains("toy.yaml:1:1"), "{message}");
        assert!(message.contains("^^^^^^^^^^"), "{message}");
        assert!(message.contains("did you mean `vocab-size`"), "{message}");
    }

    #[test]
    fn a_wrong_type_says_what_was_given() {
        let message = error("vocab-size: many\n");
        assert!(message.contains("`many` was given, but a whole number, zero or more, is expected"), "{message}");
    }

    #[test]
    fn checks_point_at_keys_and_values_and_never_at_comments() {
        let text = "# seeds\na:\n  - x: { seeds: [p, q] } # q\n  - y: 1\nseeds: 2\n";
        let source = NamedSource { file: "toy.yaml".into(), text: text.into() };
        let span = |error: RecipeError| error.span.map(|span| (span.line, span.column));
        assert_eq!(span(source.error_at(&["seeds"], "")), Some((5, 1)));
        assert_eq!(span(source.error_at(&["a", "x", "seeds"], "")), Some((3, 10)));
        assert_eq!(span(source.error_at(&["a", "1", "y"], "")), Some((4, 5)));
        // The last component that exists.
        assert_eq!(span(source.error_at(&["a", "1", "z"], "")), Some((4, 5)));
        assert_eq!(span(source.error_at(&["z"], "")), None);
        assert_eq!(span(source.error_near(&["a"], "`seeds`: `q` is wrong")), Some((3, 21)));
        assert_eq!(span(source.error_near(&["a"], "seeds are wrong")), Some((3, 10)));
        assert_eq!(span(source.error_near(&["a", "0"], "something is wrong")), Some((3, 5)));
    }

    #[test]
    fn tabs_and_emptiness_are_explained() {
        assert!(error("vocab-size:\n\t- 1\n").contains("a tab in the indentation"));
        assert!(error("# nothing\n").contains("the recipe is empty"));
    }
}
