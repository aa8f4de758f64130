//! `corpusmill-train devices`

use clap::Args;
use corpusmill_terminal::write_stdout;

use crate::device;

/// List the devices of every backend, with the names that `--device` accepts.
#[derive(Debug, Args)]
pub(crate) struct DevicesCommand {}

impl DevicesCommand {
    #[expect(clippy::unused_self, reason = "every command runs itself")]
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let listed = device::list();
        let width = listed.iter().map(|line| line.name.len()).max().unwrap_or(0);
        for device::ListedDevice { name, description } in listed {
            write_stdout(&format!("{name:width$}  {description}\n"))?;
        }
        Ok(())
    }
}
