//! The row of a line: the JSON of the fields that a mapping reads.
//!
//! Invariant: other fields are not parsed further than to find their end.

use super::json_cell::{BadJson, FieldMap, JsonCell};
use super::row::{Cell, Row};

/// The mapped fields of a line.
#[derive(Debug)]
pub(crate) struct JsonRow<'a> {
    line: JsonCell<'a>,
    fields: FieldMap<'a>,
}

impl<'a> JsonRow<'a> {
    /// Reads the fields `names` of a line, and those that they select by a dot; of a repeated key, the last.
    ///
    /// # Errors
    /// The line is not one JSON object.
    pub(crate) fn parse(line: &'a str, names: &[&str]) -> Result<Self, BadJson> {
        Self::parse_noting(line, names, &|_| ())
    }

    /// Like [`JsonRow::parse`], and calls `note` with every key of the line.
    ///
    /// # Errors
    /// The line is not one JSON object.
    pub(crate) fn parse_noting(line: &'a str, names: &[&str], note: &dyn Fn(&str)) -> Result<Self, BadJson> {
        let wanted = |key: &str| {
            note(key);
            names.iter().any(|name| *name == key || name.split('.').next() == Some(key))
        };
        let line = JsonCell::line(line);
        Ok(Self { line, fields: line.fields(&wanted)? })
    }

    /// Whether the line has a field, if only as null.
    ///
    /// # Errors
    /// The value on the way to it is malformed JSON.
    pub(crate) fn has(&self, name: &str) -> Result<bool, BadJson> {
        self.find(name).map(|found| found.is_some())
    }

    /// Calls `note` with the paths of the fields that are beside the missing field `name`, if a dot selects it inside
    /// another.
    pub(crate) fn note_beside(&self, name: &str, note: &dyn Fn(&str)) {
        let mut path = name;
        while let Some((outer, _)) = path.rsplit_once('.') {
            if let Ok(Some(cell)) = self.find(outer) {
                let note = |key: &str| {
                    note(&format!("{outer}.{key}"));
                    false
                };
                // Another type than an object has no names.
                let _ = cell.fields(&note);
                return;
            }
            path = outer;
        }
    }

    fn find(&self, name: &str) -> Result<Option<JsonCell<'a>>, BadJson> {
        if let Some(exact) = self.fields.get(name).copied() {
            return Ok(Some(self.line.inside(exact)));
        }
        let mut parts = name.split('.');
        let first = parts.next().and_then(|first| self.fields.get(first).copied());
        let mut found = first.map(|first| self.line.inside(first));
        for part in parts {
            let Some(outer) = found else { break };
            found = outer.child(part)?;
        }
        Ok(found)
    }
}

impl Row for JsonRow<'_> {
    fn cell(&self, name: &str) -> Result<Option<Cell<'_>>, BadJson> {
        Ok(self.find(name)?.filter(|cell| cell.json() != "null").map(Cell::Json))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(line: &str, name: &str) -> Option<String> {
        JsonRow::parse(line, &[name]).unwrap().find(name).unwrap().and_then(|cell| cell.scalar().unwrap())
    }

    #[test]
    fn scalars_are_as_written() {
        let line = r#"{"a": 12345678901234567890123, "b": 1e3, "c": -0.10, "d": true, "e": "x\n", "f": ["p", 1, "q"], "g": {"h": [5, 6.0]}, "a.b": 7, "n": null}"#;
        let found =
            ["a", "b", "c", "d", "e", "f", "g", "g.h.1", "g.x", "a.b", "a.c", "n", "z"].map(|name| scalar(line, name));
        let expected = [
            Some("12345678901234567890123"),
            Some("1e3"),
            Some("-0.10"),
            Some("true"),
            Some("x\n"),
            Some("p AND q"),
            None,
            Some("6.0"),
            None,
            Some("7"),
            None,
            None,
            None,
        ];
        assert_eq!(found, expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn the_last_of_repeated_keys_counts() {
        assert_eq!(scalar(r#"{"a": 1, "a": 2.50}"#, "a").as_deref(), Some("2.50"));
        assert_eq!(scalar(r#"{"m": {"u": 1, "u": 3}, "x": 0}"#, "m.u").as_deref(), Some("3"));
        assert_eq!(scalar(r#"{"a": 1, "a": null}"#, "a"), None);
    }

    #[test]
    fn faults_have_their_column_in_the_line() {
        let fault = |line: &str| {
            let row = JsonRow::parse(line, &["a.b", "text"]);
            row.and_then(|row| {
                row.find("text")?.map(JsonCell::scalar).transpose()?;
                row.find("a.b")?.map(JsonCell::scalar).transpose()
            })
            .unwrap_err()
            .column
        };
        assert_eq!(fault(r#"{"text": }"#), 10);
        // The closing quote after the escape of half a character.
        assert_eq!(fault(r#"{"text":"a\ud800"}"#), 17);
        assert_eq!(fault(r#"{"x":1,"a":{"b":"\ud800"}}"#), 24);
        assert_eq!(fault("[1]"), 0);
        assert_eq!(fault("{} x"), 4);
    }

    #[test]
    fn deep_nesting_of_other_fields_is_no_fault() {
        let deep = format!("{{\"x\":{}{},\"text\":\"a\"}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(scalar(&deep, "text").as_deref(), Some("a"));
    }
}
