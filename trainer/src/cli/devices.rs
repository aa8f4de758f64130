//! `corpusmill-train devices`

use clap::Args;

use super::print;
use crate::device;

/// Lists every back end: its devices, with the names that `--device` takes, or why there is none.
#[derive(Debug, Args)]
pub(crate) struct Devices {}

impl Devices {
    #[expect(clippy::unused_self, reason = "every command runs itself")]
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let listed = device::list();
        let width = listed.iter().map(|line| line.name.len()).max().unwrap_or(0);
        for device::Listed { name, what } in listed {
            print(&format!("{name:width$}  {what}\n"))?;
        }
        Ok(())
    }
}
