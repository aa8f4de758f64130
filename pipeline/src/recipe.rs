//! Reading YAML settings with errors that point: file, line, column, a caret, what was given, what is allowed, and
//! `did you mean`.
//!
//! Invariant: no message shows the name of a Rust type.

mod outline;

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location};

use self::outline::Entry;

/// The longest recipe that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// A recipe that cannot be used, rendered for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.render())]
pub struct RecipeError {
    /// The file's name as given.
    pub file: String,
    /// Line and column, from 1, and that line's text, where the place is known.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Characters to underline.
    pub width: usize,
    /// The line.
    pub text: String,
}

impl RecipeError {
    /// An error about the file as a whole.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: None, message: message.into(), hint: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn render(&self) -> String {
        let mut out = self.message.clone();
        match &self.place {
            None => {
                let _ = write!(out, "\n --> {}", self.file);
            }
            Some(place) => {
                let gutter = place.line.to_string().len();
                let blank = " ".repeat(gutter);
                let indent: String =
                    place.text.chars().take(place.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                let _ = write!(
                    out,
                    "\n{blank}--> {}:{}:{}\n{blank} |\n{} | {}\n{blank} | {indent}{}",
                    self.file,
                    place.line,
                    place.column,
                    place.line,
                    place.text,
                    "^".repeat(place.width.max(1))
                );
            }
        }
        if let Some(hint) = &self.hint {
            let _ = write!(out, "\nhint: {hint}");
        }
        out
    }
}

/// The text of a settings file, to which errors point.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name shown.
    pub file: String,
    /// The YAML.
    pub text: String,
}

impl Source {
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
    /// With the place, what was given and what is allowed.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, RecipeError> {
        if self.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Err(RecipeError::whole(&self.file, "the recipe is empty")
                .with_hint("a recipe has at least `name` and `sources`; see recipes/tiny.yaml"));
        }
        serde_saphyr::from_str_with_options(&self.text, options()).map_err(|error| self.explain(&error))
    }

    /// A tab in the indentation of the line at fault or one beside it. Elsewhere tabs may be meant: in the text of an
    /// example.
    fn tab_indentation(&self, place: &Place) -> Option<RecipeError> {
        let (number, line) = self.text.lines().enumerate().skip(place.line.saturating_sub(2)).take(3).find(|(_, line)| {
            let indent = &line[..line.len() - line.trim_start().len()];
            indent.contains('\t') && !line.trim().is_empty()
        })?;
        let column = line.chars().take_while(|c| *c == ' ').count() + 1;
        let place = Place { line: number + 1, column, width: 1, text: line.to_owned() };
        Some(RecipeError {
            file: self.file.clone(),
            place: Some(place),
            message: "a tab in the indentation: YAML allows only spaces there".to_owned(),
            hint: Some("replace each tab by two spaces".to_owned()),
        })
    }

    /// The place of a location that the parser reports.
    pub fn place(&self, line: usize, column: usize) -> Option<Place> {
        let text = self.text.lines().nth(line.checked_sub(1)?)?.to_owned();
        let column = column.clamp(1, text.chars().count() + 1);
        let rest: Vec<char> = text.chars().skip(column - 1).collect();
        let quoted = rest.first().filter(|c| **c == '"' || **c == '\'').copied();
        let width = match quoted {
            Some(quote) => rest.iter().skip(1).position(|c| *c == quote).map_or(1, |n| n + 2),
            None => rest.iter().position(|c| matches!(c, ':' | ',' | '}' | ']' | '#')).unwrap_or(rest.len()),
        };
        let trimmed: String = rest.iter().take(width).collect();
        Some(Place { line, column, width: trimmed.trim_end().chars().count().max(1), text })
    }

    /// An error at the key or value to which `path` leads, or as near to it as the file goes: how checks that come
    /// after parsing point into the text. A part of the path is a key, the number of a list's item from 0, or a key of
    /// one of its items.
    pub fn at(&self, path: &[&str], message: impl Into<String>) -> RecipeError {
        let place = self.outline().and_then(|outline| self.point(outline.value.follow(path).1?));
        RecipeError { file: self.file.clone(), place, message: message.into(), hint: None }
    }

    /// An error at the key or value below `path` that the message itself names, in backticks, in quotes or plainly; at
    /// `path` if there is none.
    pub fn near(&self, path: &[&str], message: impl Into<String>) -> RecipeError {
        let error = self.at(path, message);
        let named = self.outline().and_then(|outline| {
            let (_, _, below) = outline.value.follow(path);
            self.point(words_of(&error.message).find_map(|word| below.search(word))?)
        });
        RecipeError { place: named.or(error.place), ..error }
    }

    fn outline(&self) -> Option<Entry> {
        serde_saphyr::from_str_with_options::<Entry>(&self.text, options()).ok()
    }

    fn point(&self, location: Location) -> Option<Place> {
        let known = location != Location::UNKNOWN;
        known.then(|| self.place(usize::try_from(location.line()).ok()?, usize::try_from(location.column()).ok()?))?
    }

    fn explain(&self, error: &Error) -> RecipeError {
        let error = error.without_snippet();
        let place = error.location().and_then(|location| self.point(location));
        if let Some(error) = place.as_ref().and_then(|place| self.tab_indentation(place)) {
            return error;
        }
        let (message, hint) = describe(error, place.as_ref());
        RecipeError { file: self.file.clone(), place, message, hint }
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
    }
}

/// The words of a message that may name a key or value, the most likely first.
fn words_of(message: &str) -> impl Iterator<Item = &str> {
    let marked = |mark: char| message.split(mark).skip(1).step_by(2);
    let quoted = marked('`').chain(marked('"')).flat_map(|word| [word, word.rsplit('.').next().unwrap_or(word)]);
    let plain = message.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
    quoted.chain(plain.filter(|word| word.chars().any(char::is_alphabetic)))
}

fn given(place: Option<&Place>) -> String {
    place.map_or_else(String::new, |place| place.text.chars().skip(place.column - 1).take(place.width).collect())
}

fn describe(error: &Error, place: Option<&Place>) -> (String, Option<String>) {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => unknown("name", variant, expected),
        Error::SerdeMissingField { field, .. } => {
            (format!("the key `{field}` is missing"), Some(format!("add `{field}: …` here")))
        }
        Error::DuplicateMappingKey { key, .. } => (
            format!("the key `{}` stands twice", key.clone().unwrap_or_else(|| given(place))),
            Some("keep one of them".to_owned()),
        ),
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            (format!("{} was given, but {} is expected", plain(unexpected), plain(expected)), None)
        }
        Error::InvalidScalar { ty, .. } => {
            (format!("`{}` was given, but {} is expected", given(place), plain_type(ty)), None)
        }
        Error::InvalidBooleanStrict { .. } => {
            (format!("`{}` was given, but true or false is expected", given(place)), None)
        }
        Error::NullIntoString { .. } => (
            "nothing was given, but a text is expected".to_owned(),
            Some("write a value, or \"\" for an empty text".to_owned()),
        ),
        Error::UnexpectedMappingEnd { .. } | Error::UnexpectedSequenceEnd { .. } => {
            ("something is missing before this place".to_owned(), None)
        }
        Error::Unexpected { expected, .. } => {
            (format!("`{}` was given, but {} is expected", given(place), plain(expected)), None)
        }
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => {
            (format!("`{}` was given, but one name with its settings is expected", given(place)), None)
        }
        Error::Message { msg, .. } => (plain(msg), None),
        other => (plain(&first_line(&other.to_string())), None),
    }
}

fn unknown(what: &str, found: &str, expected: &[&'static str]) -> (String, Option<String>) {
    let near = did_you_mean(found, expected.iter().copied());
    let allowed = expected.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? allowed here: {allowed}"),
        None => format!("allowed here: {allowed}"),
    };
    (format!("unknown {what} `{found}`"), Some(hint))
}

/// The nearest of some names, if one is near.
pub fn did_you_mean<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(found, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count().max(found.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut = line.find(" at line ").unwrap_or(line.len());
    line[..cut].trim_start_matches("error: ").to_owned()
}

fn plain_type(ty: &str) -> &str {
    match ty {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, zero or more,",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "bool" => "true or false",
        "char" => "one character",
        _ => "another kind of value",
    }
}

/// Words for a reader in place of serde's.
fn plain(text: &str) -> String {
    let mut out = text.to_owned();
    for (from, to) in [
        ("struct ", "a group of settings: "),
        ("invalid type: ", ""),
        ("invalid value: ", ""),
        ("enum ", "one of the names of "),
        ("sequence", "list"),
        ("a map", "a mapping of keys to values"),
        ("map", "mapping"),
        ("mappingping", "mapping"),
        ("unit value", "nothing"),
        ("unit", "nothing"),
        ("floating point", "number"),
        ("u64", "a whole number, zero or more"),
        ("u32", "a whole number, zero or more"),
        ("f64", "a number"),
    ] {
        out = out.replace(from, to);
    }
    out
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
        Source { file: "toy.yaml".into(), text: text.into() }.parse::<Toy>().unwrap_err().to_string()
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
    fn tabs_and_emptiness_are_explained() {
        assert!(error("\tvocab-size: 1\n").contains("a tab in the indentation"));
        assert!(error("# nothing\n").contains("the recipe is empty"));
    }
}
