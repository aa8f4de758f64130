//! `corpusmill-train schema` and `check`: the JSON Schema of training recipes, and a check of recipes.

use std::path::PathBuf;

use clap::Args;
use corpusmill_terminal::{cli_reference, write_stdout};

use crate::recipe::{Recipe, json_schema};

/// Print the JSON Schema of training recipes, or check the one in `schemas/`.
#[derive(Debug, Args)]
pub(crate) struct SchemaCommand {
    /// Fail if this file differs from the output.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Write to this file.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    write: Option<PathBuf>,
    /// Print the command-line reference instead, as Markdown.
    #[arg(long)]
    cli_reference: bool,
}

/// The command that writes the page of the book.
const WRITE_CLI_REFERENCE: &str = "corpusmill-train schema --cli-reference --write docs/src/reference/cli-train.md";

impl SchemaCommand {
    /// Prints, writes or checks; `command` is the whole command line.
    pub(crate) fn run(self, command: clap::Command) -> anyhow::Result<()> {
        let (flag, text) = if self.cli_reference {
            (" --cli-reference", cli_reference(command, WRITE_CLI_REFERENCE))
        } else {
            ("", json_schema()?)
        };
        if let Some(path) = self.check {
            let current = fs_err::read_to_string(&path)? == text;
            let path = path.display();
            anyhow::ensure!(current, "{path} is out of date\nhint: corpusmill-train schema{flag} --write {path}");
            return Ok(write_stdout(&format!("{path} is current\n"))?);
        }
        match self.write {
            Some(path) => Ok(fs_err::write(path, text)?),
            None => Ok(write_stdout(&text)?),
        }
    }
}

/// Check training recipes without running them.
#[derive(Debug, Args)]
pub(crate) struct CheckCommand {
    /// Recipe files, or names of recipes in `recipes/train/`.
    #[arg(required = true, value_name = "RECIPE")]
    recipes: Vec<PathBuf>,
    /// Change a setting: `path.to.key=value`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl CheckCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        for recipe in &self.recipes {
            Recipe::load(recipe, &self.set)?;
            write_stdout(&format!("{}: good\n", recipe.display()))?;
        }
        Ok(())
    }
}
