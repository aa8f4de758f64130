//! Overrides from the command line: `--set path.to.key=value`.
//!
//! Invariant: an override is set in the JSON form of the settings, which is then parsed again, so that names, types and
//! ranges are checked as in a file.

use serde::{Serialize, de::DeserializeOwned};

use crate::error::RecipeError;
use crate::source::NamedSource;

/// Settings with one key replaced (`path.to.key=value`, the value in YAML); an error about the form shows `example`.
///
/// # Errors
/// When the path does not exist or the value is invalid.
pub fn apply_override<T: Serialize + DeserializeOwned>(
    settings: &T,
    set: &str,
    example: &str,
) -> Result<T, RecipeError> {
    let file = format!("--set {set}");
    let wrong = |message: String| RecipeError::whole(&file, message);
    let (path, value) = set.split_once('=').ok_or_else(|| {
        wrong("a setting has the form path.to.key=value".into()).with_hint(format!("such as --set {example}"))
    })?;
    let text = NamedSource { file: file.clone(), text: value.to_owned() };
    let value: serde_json::Value =
        if value.is_empty() { serde_json::Value::String(String::new()) } else { text.parse()? };
    let mut json = serde_json::to_value(settings).map_err(|error| wrong(error.to_string()))?;
    let mut at = &mut json;
    for key in path.split('.') {
        at = descend(at, key).map_err(wrong)?;
    }
    *at = value;
    // Parse it as YAML again: JSON is YAML, and the errors name what is allowed.
    let text = serde_json::to_string(&json).map_err(|error| wrong(error.to_string()))?;
    NamedSource { file: file.clone(), text }.parse().map_err(|error: RecipeError| error.with_span(None))
}

fn descend<'a>(at: &'a mut serde_json::Value, key: &str) -> Result<&'a mut serde_json::Value, String> {
    match at {
        serde_json::Value::Array(items) => {
            let length = items.len();
            // A list item is addressed by the name of a step, or by index from 0.
            let by_name = items.iter().position(|item| item.get(key).is_some());
            if let Some(index) = by_name {
                return Ok(&mut items[index][key]);
            }
            let index: usize = key.parse().map_err(|_| format!("`{key}` is not in this list of {length}"))?;
            items.get_mut(index).ok_or_else(|| format!("there is no item {index} in this list of {length}"))
        }
        serde_json::Value::Object(map) => Ok(map.entry(key).or_insert(serde_json::Value::Null)),
        serde_json::Value::Null => {
            *at = serde_json::json!({});
            descend(at, key)
        }
        _ => Err(format!("`{key}` cannot be set inside a single value")),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Toy {
        vocab_size: u32,
        inner: Option<Box<Toy>>,
    }

    #[test]
    fn keys_are_replaced_at_any_depth_and_wrong_ones_are_named() {
        let toy = Toy { vocab_size: 3, inner: None };
        assert_eq!(apply_override(&toy, "vocab-size=4", "").unwrap().vocab_size, 4);
        assert_eq!(apply_override(&toy, "inner.vocab-size=5", "").unwrap().inner.unwrap().vocab_size, 5);
        let message = apply_override(&toy, "vocab-sise=5", "").unwrap_err().to_string();
        assert!(message.contains("unknown key `vocab-sise`") && message.contains("--set vocab-sise=5"), "{message}");
        let message = apply_override(&toy, "vocab-size", "vocab-size=4").unwrap_err().to_string();
        assert!(message.contains("such as --set vocab-size=4"), "{message}");
    }
}
