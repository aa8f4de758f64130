//! Checks that a dataset has the columns that a recipe names.
//!
//! Parquet states its columns, so that each one that the recipe names must exist. In JSON Lines a row may leave a key out,
//! and a column is missing only if no row of the file has it. Without the body, every row would be rejected; a field of
//! the metadata may be missing, unless the file has a column of nearly the same name. A file without rows lacks nothing.
//!
//! Invariant: a column that some row has, if only as null, is no error.

use std::cell::RefCell;

use super::columns::ColumnMapping;
use super::json_cell::BadJson;
use super::json_row::JsonRow;
use crate::ReaderError;
use crate::closest::closest;

/// How many columns an error lists. An object whose keys are values, such as ids, has any number of them.
const MAX_LISTED: usize = 64;

/// Length in bytes up to which a key is listed.
const MAX_NAME_BYTES: usize = 100;

/// What a dataset must have beside the columns that the recipe names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// Nothing: the file may be another kind of data, whose rows are rejected one by one.
    Optional,
    /// Some column that holds the body of a document, as its name says that it is a dataset.
    Required,
}

/// The columns that no row of a file has had so far.
#[derive(Debug)]
pub(crate) struct ColumnCheck {
    /// Columns that the recipe names.
    absent: Vec<String>,
    body: Body,
    /// Columns that hold the body, of which one is enough.
    bodies: Vec<String>,
    has_body: bool,
    has_rows: bool,
    seen: RefCell<ColumnNames>,
}

impl ColumnCheck {
    pub(crate) fn new(mapping: &ColumnMapping, body: Body) -> Self {
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Self {
            absent: owned(mapping.required()),
            body,
            bodies: owned(mapping.bodies()),
            has_body: false,
            has_rows: false,
            seen: RefCell::default(),
        }
    }

    /// Whether no column is missing any more.
    pub(crate) fn is_complete(&self) -> bool {
        self.absent.is_empty() && (self.has_body || self.body == Body::Optional)
    }

    /// Reads a row, and takes the columns that it has from those that are missing.
    ///
    /// # Errors
    /// The line is not one JSON object.
    pub(crate) fn row<'a>(&mut self, line: &'a str, names: &[&str]) -> Result<JsonRow<'a>, BadJson> {
        let row = JsonRow::parse_noting(line, names, &|key| self.seen.borrow_mut().add(key))?;
        self.has_rows = true;
        // What is malformed inside a column is a fault of the row; the column is there.
        let has = |name: &String| row.has(name).unwrap_or(true);
        self.has_body = self.has_body || self.bodies.iter().any(has);
        self.absent.retain(|name| !has(name));
        for name in &self.absent {
            row.note_beside(name, &|key| self.seen.borrow_mut().add(key));
        }
        Ok(row)
    }

    /// Forgets the columns whose absence is no fault, after enough rows to know the names of the file.
    pub(crate) fn forget_optional(&mut self) {
        let (seen, bodies) = (self.seen.borrow(), &self.bodies);
        let is_misspelt = |name: &str| closest(name, seen.names.iter().map(String::as_str)).is_some();
        self.absent.retain(|name| bodies.contains(name) || is_misspelt(name));
    }

    /// Returns the error of a file that has been read to its end, or until [`Self::is_complete`].
    pub(crate) fn error(&self, file: &str) -> Option<ReaderError> {
        if !self.has_rows || self.is_complete() {
            return None;
        }
        let column = self.absent.first().or(self.bodies.first())?;
        Some(no_column(file, column, &self.seen.borrow(), self.has_body))
    }
}

/// The names of columns, in the order in which they were seen, without duplicates.
#[derive(Debug, Default)]
pub(crate) struct ColumnNames {
    names: Vec<String>,
    /// Whether there are names that are not listed.
    more: bool,
}

impl ColumnNames {
    pub(crate) fn add(&mut self, name: &str) {
        if self.names.iter().any(|seen| seen == name) {
            return;
        }
        if self.names.len() == MAX_LISTED || name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
            self.more = true;
            return;
        }
        self.names.push(name.to_owned());
    }
}

/// The error for a column that a file lacks.
pub(crate) fn no_column(file: &str, column: &str, existing: &ColumnNames, has_body: bool) -> ReaderError {
    let near = closest(column, existing.names.iter().map(String::as_str));
    let near = near.map(|near| format!("; did you mean `{near}`?"));
    let advice = match (&near, has_body) {
        (_, true) => "",
        (None, false) => "; set the text column with `columns: { text: NAME }`",
        (Some(_), false) => " Set the text column with `columns: { text: NAME }`",
    };
    let mut columns: Vec<String> = existing.names.iter().map(|name| format!("`{name}`")).collect();
    match (columns.is_empty(), existing.more) {
        (true, false) => columns.push("none".to_owned()),
        (true, true) => columns.push("others".to_owned()),
        (false, true) => columns.push("and others".to_owned()),
        (false, false) => {}
    }
    ReaderError::NoColumn {
        file: file.to_owned(),
        column: column.to_owned(),
        columns: columns.join(", "),
        hint: near.unwrap_or_default() + advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of a file with these rows.
    fn error(mapping: &ColumnMapping, body: Body, rows: &[&str]) -> Option<String> {
        let mut check = ColumnCheck::new(mapping, body);
        let names = mapping.names();
        for row in rows {
            let _ = check.row(row, &names);
        }
        check.forget_optional();
        check.error("f").map(|error| error.to_string())
    }

    fn mapping(text: &str, title: &str) -> ColumnMapping {
        ColumnMapping { text: text.to_owned(), title: title.to_owned(), ..ColumnMapping::default() }
    }

    #[test]
    fn a_column_that_no_row_has_is_an_error() {
        assert_eq!(
            error(&mapping("text", "titel"), Body::Required, &[r#"{"text":"a","n":1}"#, r#"{"title":"t","text":"b"}"#]),
            Some("`f` has no column `titel`; it has `text`, `n`, `title`; did you mean `title`?".to_owned())
        );
        assert_eq!(
            error(&mapping("bdoy", "title"), Body::Optional, &[r#"{"body":"a"}"#]),
            Some(
                "`f` has no column `bdoy`; it has `body`; did you mean `body`? Set the text column with `columns: { text: NAME }`"
                    .to_owned()
            )
        );
        let default = ColumnMapping::default();
        assert_eq!(
            error(&default, Body::Required, &[r#"{"content":"a"}"#]),
            Some(
                "`f` has no column `text`; it has `content`; set the text column with `columns: { text: NAME }`"
                    .to_owned()
            )
        );
        assert_eq!(error(&default, Body::Optional, &[r#"{"content":"a"}"#]), None);
        assert!(error(&default, Body::Required, &["{}"]).is_some_and(|error| error.contains("it has none;")));
    }

    #[test]
    fn a_column_that_one_row_has_is_no_error() {
        let mapping = mapping("body", "head");
        for rows in [&[r#"{"body":"a"}"#, r#"{"head":"b"}"#][..], &[r#"{"body":null,"head":null}"#], &["{", "[1]"], &[]]
        {
            assert_eq!(error(&mapping, Body::Required, rows), None, "{rows:?}");
        }
        // A field of the metadata that a file lacks, with no similar name in it.
        assert_eq!(error(&self::mapping("text", "headline"), Body::Required, &[r#"{"text":"a","n":1}"#]), None);
        let default = ColumnMapping::default();
        for row in [r#"{"conversations":[]}"#, r#"{"html_b64":""}"#, r#"{"text":5}"#] {
            assert_eq!(error(&default, Body::Required, &[row]), None, "{row}");
        }
    }

    #[test]
    fn nested_columns_are_named_by_their_path() {
        let row = r#"{"text":"a","meta":{"source":{"url":"u"},"n":1}}"#;
        assert_eq!(error(&mapping("text", "meta.source.url"), Body::Required, &[row]), None);
        assert_eq!(
            error(&mapping("text", "meta.source.ulr"), Body::Required, &[row]).as_deref(),
            Some(
                "`f` has no column `meta.source.ulr`; it has `text`, `meta`, `meta.source.url`; did you mean `meta.source.url`?"
            )
        );
    }

    #[test]
    fn the_list_of_columns_is_bounded() {
        let rows: Vec<String> = (0..100).map(|n| format!("{{\"key {n}\":1,\"{}\":1}}", "k".repeat(200))).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let error = error(&ColumnMapping::default(), Body::Required, &rows).unwrap();
        assert!(error.contains("`key 0`, `key 1`") && error.contains("`key 63`, and others;"), "{error}");
        assert!(!error.contains("kkk") && !error.contains("key 64"), "{error}");
    }
}
