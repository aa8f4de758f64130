//! `corpusmill schema`: the JSON Schema of recipes.

use std::path::PathBuf;

use clap::Args;

use super::print;

/// Print the JSON Schema of recipes, or check the one in `schemas/`.
#[derive(Debug, Args)]
pub(super) struct SchemaCommand {
    /// Fail when this file is not the current schema.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Write the schema to this file.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    write: Option<PathBuf>,
}

impl SchemaCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let schema = crate::recipe::json_schema()?;
        if let Some(path) = self.check {
            let current = fs_err::read_to_string(&path)? == schema;
            let path = path.display();
            anyhow::ensure!(current, "{path} is stale\nhint: corpusmill schema --write {path}");
            return print(&format!("{path} is current\n"));
        }
        if let Some(path) = self.write {
            return Ok(fs_err::write(path, schema)?);
        }
        print(&schema)
    }
}
