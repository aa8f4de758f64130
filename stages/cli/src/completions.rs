//! `corpusmill completions`: shell completions and the man page.

use clap::Args;
use clap_complete::Shell;

/// Print a completion script for a shell, or the man page.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Shell to generate the script for.
    #[arg(required_unless_present = "man")]
    shell: Option<Shell>,
    /// Print the man page instead.
    #[arg(long)]
    man: bool,
}

impl Completions {
    pub(super) fn run(self, mut command: clap::Command) -> anyhow::Result<()> {
        let mut out = Vec::new();
        if self.man {
            clap_mangen::Man::new(command).render(&mut out)?;
        } else if let Some(shell) = self.shell {
            clap_complete::generate(shell, &mut command, "corpusmill", &mut out);
        }
        crate::console::print(&String::from_utf8_lossy(&out))
    }
}
