//! The reader of recipes.
//!
//! Invariant: an error points into the file, and a recipe that is accepted means the same when it is written and read
//! again.

use std::path::Path;

use corpusmill_recipe::{Loaded, Overrides, RecipeError, load};
use corpusmill_stages::recipe::Recipe;

/// Bytes of an error message per byte of recipe: a message quotes one line, its caret, and a key.
const MAX_MESSAGE_GROWTH: usize = 16;
/// Bytes of an error message about a recipe of any size, with the lists of allowed keys.
const MESSAGE_BYTES: usize = 16 * 1024;

/// Loads the bytes as a recipe.
///
/// # Panics
/// When two runs differ, an error points outside the file, or an accepted recipe changes in a round trip.
pub fn recipe_yaml(data: &[u8]) {
    let file = super::temporary(data);
    let read = |path: &Path| -> Result<Recipe, RecipeError> {
        let loaded: Loaded<Recipe> = load(path, &Overrides::default())?;
        Ok(loaded.recipe)
    };
    let first = read(file.path());
    assert_eq!(first, read(file.path()), "loading is not deterministic");
    match first {
        Ok(recipe) => {
            let name = recipe.name.clone();
            assert!(!name.is_empty() && !name.contains('/'), "`{name}` is not a folder");
            let written = super::temporary(&serde_json::to_vec(&recipe).expect("a recipe can be written"));
            assert_eq!(read(written.path()).as_ref(), Ok(&recipe), "a recipe changes when it is written and read");
        }
        Err(error) => {
            let message = error.to_string();
            let limit = MAX_MESSAGE_GROWTH * data.len() + MESSAGE_BYTES;
            assert!(message.len() <= limit, "a message of {} bytes", message.len());
            assert!(!error.message.is_empty() && message.contains(&error.file));
            if let Some(span) = &error.span {
                let text = String::from_utf8_lossy(data);
                let line = text.lines().nth(span.line.wrapping_sub(1));
                assert_eq!(line, Some(span.text.as_str()), "an error points at line {}", span.line);
                let columns = span.text.chars().count() + 1;
                assert!((1..=columns).contains(&span.column), "an error points at column {}", span.column);
            }
        }
    }
}
