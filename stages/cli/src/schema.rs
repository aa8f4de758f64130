//! `corpusmill schema`: prints what is generated from the code: the JSON Schema of recipes, the columns of the tables, the rules, and
//! the command-line reference.
//!
//! Invariant: `--check` fails exactly if `--write` would change the file.

use corpusmill_pipeline::UserError;
use std::path::PathBuf;

use clap::Args;
use corpusmill_terminal::cli_reference;

use super::{columns, rules};
use crate::console::print;

/// Print the JSON Schema of recipes, or check the one in `schemas/`.
#[derive(Debug, Args)]
pub(super) struct SchemaCommand {
    /// Fail if this file differs from what would be printed.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Write to this file.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    write: Option<PathBuf>,
    /// Print the columns of all tables instead, with their types and meanings, as Markdown.
    #[arg(long)]
    tables: bool,
    /// Print all rules instead, with what they measure or edit, their settings, defaults and sources, as Markdown.
    #[arg(long, conflicts_with = "tables")]
    rules: bool,
    /// Print the command-line reference instead, as Markdown.
    #[arg(long, conflicts_with_all = ["tables", "rules"])]
    cli_reference: bool,
}

impl SchemaCommand {
    /// Prints, writes or checks; `command` is the whole command line.
    pub(super) fn run(self, command: clap::Command) -> anyhow::Result<()> {
        let (flag, text) = match (self.tables, self.rules, self.cli_reference) {
            (true, ..) => (" --tables", columns::markdown()?),
            (_, true, _) => (" --rules", rules::markdown()),
            (.., true) => (" --cli-reference", cli_reference(command, WRITE_CLI_REFERENCE)),
            _ => ("", corpusmill_stages::recipe::json_schema()?),
        };
        if let Some(path) = self.check {
            let current = fs_err::read_to_string(&path)? == text;
            let path = path.display();
            let hint = format!("corpusmill schema{flag} --write {path}");
            anyhow::ensure!(current, UserError::new(format!("{path} is out of date")).with_hint(hint));
            return print(&format!("{path} is up to date\n"));
        }
        if let Some(path) = self.write {
            return Ok(fs_err::write(path, text)?);
        }
        print(&text)
    }
}

/// The command that writes the page of the book.
const WRITE_CLI_REFERENCE: &str = "corpusmill schema --cli-reference --write docs/src/reference/cli.md";
