//! Papers: LaTeX and JATS articles, converted to Markdown.
//!
//! Invariant: no input makes a converter panic, whatever its nesting.

pub mod jats;
mod jats_elements;
#[cfg(test)]
mod jats_tests;
pub mod latex;
mod latex_commands;
mod latex_comments;
mod latex_parts;
#[cfg(test)]
mod latex_tests;
mod latex_text;
