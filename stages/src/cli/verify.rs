//! `corpusmill verify`: every stored byte against its receipt.

use clap::Args;
use corpusmill_pipeline::shard::Corpus;
use corpusmill_pipeline::store::Store;

use super::{Global, print};

/// Read every stored part and compare it with its receipt.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Also verify the shards of these corpora.
    #[arg(value_name = "CORPUS")]
    corpora: Vec<std::path::PathBuf>,
    /// Set damaged parts aside, so that the next run makes them again.
    #[arg(long)]
    repair: bool,
}

impl Verify {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<()> {
        let store = global.workspace().store()?;
        let addresses = store.addresses()?;
        let console = global.console();
        let bar = console.bar("verify", addresses.len() as u64, "parts");
        let mut damaged = 0;
        for address in &addresses {
            bar.inc(1);
            if let Err(error) = store.verify(address) {
                damaged += 1;
                console.warn(error.to_string());
                if self.repair {
                    store.discard(address)?;
                }
            }
        }
        bar.finish_and_clear();
        for corpus in &self.corpora {
            match Corpus::open(corpus).and_then(|opened| opened.verify()) {
                Ok(()) => print(&format!("{}: whole\n", corpus.display()))?,
                Err(error) => {
                    damaged += 1;
                    console.warn(error.to_string());
                    // Without it the next run assembles the corpus anew, from the parts in the store.
                    let identity = corpus.join(super::run::IDENTITY);
                    if self.repair && identity.exists() {
                        fs_err::remove_file(identity)?;
                    }
                }
            }
        }
        print(&format!("{} parts read, {damaged} damaged\n", addresses.len()))?;
        let hint = if self.repair { "run the recipe again" } else { "run with --repair, then the recipe again" };
        anyhow::ensure!(damaged == 0, "{damaged} damaged parts\nhint: {hint}");
        Ok(())
    }
}
