//! Converts a JSON array of objects to JSON Lines, with one line per element.
//!
//! This runs between a decoder and the JSON Lines reader, so that both forms have the same limit per row and the same
//! origins (`file#3` is the third element). A file that ends in `.json` contains an array, JSON Lines, or one value
//! that is a single document; [`is_dataset`] distinguishes them.
//!
//! Invariant: memory is constant; every byte of an element is unchanged, except line ends between its tokens.

use std::io::{self, BufRead, Read};

use serde_json::{Map, Value};

use super::columns::ColumnMapping;

/// Bytes of a `.json` file that are inspected.
pub(crate) const SNIFF_BYTES: usize = 64 * 1024;

/// Checks whether a `.json` file begins like a dataset: an array of objects, or one object per line.
pub(crate) fn is_dataset(beginning: &[u8], columns: &ColumnMapping) -> bool {
    if starts_with_array(beginning) {
        return true;
    }
    let text = strip_bom(beginning);
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    if beginning.len() >= SNIFF_BYTES && !beginning.contains(&b'\n') {
        // A line this long is not a configuration file.
        return text.trim_ascii_start().starts_with(b"{");
    }
    let object = |line: &[u8]| serde_json::from_slice::<Map<String, Value>>(line).ok();
    let Some(first) = lines.next().and_then(object) else { return false };
    // A single line may also be a minified configuration file: then it has no text column.
    lines.next().is_some_and(|line| line.starts_with(b"{"))
        || columns.bodies().into_iter().any(|name| first.contains_key(name))
}

/// Checks whether bytes begin an array of objects.
pub(crate) fn starts_with_array(beginning: &[u8]) -> bool {
    let rest = strip_bom(beginning).trim_ascii_start().strip_prefix(b"[");
    rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"))
}

fn strip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Position relative to the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ArrayPosition {
    Before,
    Within,
    After,
}

/// The elements of an array, each followed by a line feed.
pub(crate) struct ArrayLines<R> {
    inner: R,
    at: ArrayPosition,
    depth: u64,
    in_string: bool,
    escaped: bool,
    /// An error that comes after bytes that were read.
    fault: Option<io::Error>,
}

impl<R: BufRead> ArrayLines<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, at: ArrayPosition::Before, depth: 0, in_string: false, escaped: false, fault: None }
    }

    /// Processes one byte and returns the byte to output, if any.
    fn step(&mut self, byte: u8) -> io::Result<Option<u8>> {
        match self.at {
            ArrayPosition::Before => {
                self.at = if byte == b'[' { ArrayPosition::Within } else { ArrayPosition::Before };
                return Ok(None);
            }
            ArrayPosition::After if byte.is_ascii_whitespace() => return Ok(None),
            ArrayPosition::After => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes after the end of the array"));
            }
            ArrayPosition::Within => {}
        }
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            // An unescaped line end makes the element malformed; it must not split it in two.
            return Ok(Some(if byte == b'\n' { b'\r' } else { byte }));
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => self.depth -= 1,
            b']' => {
                self.at = ArrayPosition::After;
                return Ok(Some(b'\n'));
            }
            b',' if self.depth == 0 => return Ok(Some(b'\n')),
            b'\n' | b'\r' => return Ok(Some(b' ')),
            _ => {}
        }
        Ok(Some(byte))
    }
}

impl<R: BufRead> Read for ArrayLines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled == 0 && !out.is_empty() {
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            let buffer = self.inner.fill_buf()?;
            if buffer.is_empty() {
                return match self.at {
                    ArrayPosition::After => Ok(0),
                    _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the array does not end")),
                };
            }
            let bytes = buffer[..buffer.len().min(out.len())].to_vec();
            self.inner.consume(bytes.len());
            for byte in bytes {
                match self.step(byte) {
                    Ok(None) => {}
                    Ok(Some(byte)) => {
                        out[filled] = byte;
                        filled += 1;
                    }
                    Err(fault) => {
                        self.fault = Some(fault);
                        break;
                    }
                }
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> (String, bool) {
        let mut out = Vec::new();
        let ended = ArrayLines::new(text.as_bytes()).read_to_end(&mut out).is_ok();
        (String::from_utf8(out).unwrap(), ended)
    }

    #[test]
    fn elements_become_lines() {
        let (text, ended) = lines("\u{feff} [ {\"a\": [1,\n2]},\n{\"b\":\"],\\\"}\\n\"} ]\n");
        let values: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(ended);
        assert_eq!(values, [serde_json::json!({"a": [1, 2]}), serde_json::json!({"b": "],\"}\n"})]);
        assert_eq!(lines("[{\"a\":1}] x"), ("{\"a\":1}\n".to_owned(), false));
        assert!(!lines("[{}, {}").1 && !lines("[{}] x").1 && lines("[]").1);
    }

    #[test]
    fn data_set_detection() {
        let is = |text: &str| is_dataset(text.as_bytes(), &ColumnMapping::default());
        assert!(is("[\n  {\"text\": \"a\"}") && is("{\"id\":1}\n{\"id\":2}\n") && is("\u{feff}{\"text\":\"a\"}"));
        assert!(
            !is("{\n  \"text\": \"a\"\n}")
                && !is("[1, 2]")
                && !is("{\"name\":\"package\"}")
                && !is("\"text\"")
                && !is("")
        );
    }

    proptest! {
        #[test]
        fn array_yields_its_elements(words in prop::collection::vec("[a-z\"\\\\\n,{}\\[\\]é]{0,8}", 0..8), pretty: bool) {
            let elements: Vec<Value> = words.iter().map(|word| serde_json::json!({"text": word, "list": [word, {}]})).collect();
            let array = Value::Array(elements.clone());
            let text = if pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) }.unwrap();
            let (text, ended) = lines(&text);
            let found: Vec<Value> =
                text.lines().filter(|line| !line.trim().is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect();
            prop_assert!(ended);
            prop_assert_eq!(found, elements);
        }
    }
}
