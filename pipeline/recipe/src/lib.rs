//! Recipes: YAML settings for programs, with errors that point at the key or value at fault.
//!
//! [`load`] reads a recipe file into a type of the program, applies the changes of the command line (`--set
//! path.to.key=value`) and checks the result. The program describes its settings with `serde`, and the rules that types
//! cannot express with [`Checked`].
//!
//! ```
//! use corpusmill_recipe::{Checked, NamedSource, RecipeError};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, Clone, Serialize, Deserialize)]
//! #[serde(deny_unknown_fields, rename_all = "kebab-case")]
//! struct Recipe {
//!     name: String,
//!     shards: u32,
//! }
//!
//! impl Checked for Recipe {
//!     const EMPTY_HINT: &'static str = "a recipe has `name` and `shards`";
//!     const OVERRIDE_EXAMPLE: &'static str = "shards=4";
//!
//!     fn check(&self, source: &NamedSource) -> Result<(), RecipeError> {
//!         if self.shards > 0 {
//!             return Ok(());
//!         }
//!         Err(source.error_at(&["shards"], "`shards` is 0").with_hint("give at least 1"))
//!     }
//!
//!     fn name_mut(&mut self) -> &mut String {
//!         &mut self.name
//!     }
//! }
//!
//! let text = "{ name: 茶叶, shard: 4 }".to_owned();
//! let source = NamedSource { file: "tea.yaml".to_owned(), text };
//! let error = source.parse::<Recipe>().unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "\
//! unknown key `shard`
//!  --> tea.yaml:1:13
//!   |
//! 1 | { name: 茶叶, shard: 4 }
//!   |               ^^^^^
//! hint: did you mean `shards`?
//! hint: allowed here: `name`, `shards`"
//! );
//!
//! let source = NamedSource { file: "tea.yaml".to_owned(), text: "name: 茶叶\nshards: 0\n".to_owned() };
//! let recipe: Recipe = source.parse()?;
//! let error = recipe.check(&source).unwrap_err();
//! assert!(error.to_string().starts_with("`shards` is 0\n --> tea.yaml:2:1\n"));
//! # Ok::<(), RecipeError>(())
//! ```
//!
//! - [`find`] resolves the name of a recipe to its file, and suggests a near name if there is none.
//! - [`apply_override`] changes one setting of any serialisable type.
//! - [`NamedSource::error_at`] and [`NamedSource::error_near`] give errors with a position, for checks after parsing.
//!
//! Invariant: no message contains the name of a Rust type.

mod diagnostics;
mod error;
mod find;
mod load;
mod name;
mod nearest;
mod overrides;
mod source;
mod spans;

pub use crate::error::{RecipeError, SourceSpan, UnknownName};
pub use crate::find::find;
pub use crate::load::{Checked, Loaded, Overrides, load};
pub use crate::name::{NAME_RULES, is_valid_name};
pub use crate::nearest::did_you_mean;
pub use crate::overrides::apply_override;
pub use crate::source::NamedSource;
