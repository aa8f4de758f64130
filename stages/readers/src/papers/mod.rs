//! Papers: LaTeX and JATS articles, converted to Markdown.
//!
//! Invariant: no input makes a converter panic, whatever its nesting.

pub mod jats;
mod jats_article;
mod jats_elements;
mod jats_formula;
mod jats_formula_writer;
mod jats_lists;
mod jats_scripts;
mod jats_table;
#[cfg(test)]
mod jats_tests;
mod jats_writer;
pub mod latex;
mod latex_blocks;
mod latex_commands;
mod latex_comments;
mod latex_conditions;
mod latex_numbers;
mod latex_paragraphs;
mod latex_parts;
mod latex_quantities;
mod latex_symbols;
#[cfg(test)]
mod latex_tests;
mod latex_text;
mod latex_unit_names;
mod latex_units;
mod scripts;
mod white_space;
