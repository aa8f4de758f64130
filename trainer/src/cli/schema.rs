//! `corpusmill-train schema` and `check`: the JSON Schema of training recipes, and a check of recipes.

use std::path::PathBuf;

use clap::Args;

use crate::recipe::{Recipe, json_schema};

/// Print the JSON Schema of training recipes, or check the one in `schemas/`.
#[derive(Debug, Args)]
pub(crate) struct SchemaCommand {
    /// Fail if this file is not the current schema.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Write the schema to this file.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    write: Option<PathBuf>,
}

impl SchemaCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let schema = json_schema()?;
        if let Some(path) = self.check {
            let current = fs_err::read_to_string(&path)? == schema;
            let path = path.display();
            anyhow::ensure!(current, "{path} is out of date\nhint: corpusmill-train schema --write {path}");
            return super::print(&format!("{path} is current\n"));
        }
        match self.write {
            Some(path) => Ok(fs_err::write(path, schema)?),
            None => super::print(&schema),
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
            super::print(&format!("{}: good\n", recipe.display()))?;
        }
        Ok(())
    }
}
