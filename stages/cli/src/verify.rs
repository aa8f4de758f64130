//! `corpusmill verify`: checks every stored part against its receipt.

use clap::Args;
use corpusmill_pipeline::UserError;
use corpusmill_pipeline::store::Store;
use corpusmill_shards::Corpus;

use crate::args::GlobalArgs;
use crate::console::print;

/// Read every stored part and check it against its receipt.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Corpora whose shards to verify too.
    #[arg(value_name = "CORPUS")]
    corpora: Vec<std::path::PathBuf>,
    /// Discard damaged parts, so that the next run recomputes them.
    #[arg(long)]
    repair: bool,
}

impl Verify {
    pub(super) fn run(self, global: &GlobalArgs) -> anyhow::Result<()> {
        let store = global.workspace().store()?;
        let addresses = store.addresses()?;
        let console = global.console();
        console.start("verify", addresses.len() as u64, "parts");
        let mut damaged = 0;
        for (done, address) in addresses.iter().enumerate() {
            console.advance("verify", done as u64, "");
            if let Err(error) = store.verify(address) {
                damaged += 1;
                console.warning(error.to_string());
                if self.repair {
                    store.discard(address)?;
                }
            }
        }
        console.finish("verify");
        for corpus in &self.corpora {
            match Corpus::open(corpus).and_then(|opened| opened.verify()) {
                Ok(()) => print(&format!("{}: intact\n", corpus.display()))?,
                Err(error) => {
                    damaged += 1;
                    console.warning(error.to_string());
                    // Without this file, the next run assembles the corpus again from the stored parts.
                    let identity = corpus.join(super::run::IDENTITY);
                    if self.repair && identity.exists() {
                        fs_err::remove_file(identity)?;
                    }
                }
            }
        }
        print(&format!("{} parts read, {damaged} damaged\n", addresses.len()))?;
        let hint = if self.repair { "run the recipe again" } else { "run with --repair, then the recipe again" };
        anyhow::ensure!(damaged == 0, UserError::new(format!("{damaged} damaged parts")).with_hint(hint));
        Ok(())
    }
}
