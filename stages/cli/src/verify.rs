//! `corpusmill verify`: checks every stored part against its receipt, and every file of corpora.

use std::path::{Path, PathBuf};

use clap::Args;
use corpusmill_page::plural;
use corpusmill_pipeline::UserError;
use corpusmill_pipeline::sealed::SealedError;
use corpusmill_pipeline::store::Store;
use corpusmill_shards::Corpus;

use crate::args::GlobalArgs;
use crate::console::print;
use crate::corpus_files::{Check, CorpusFiles, FILE_LIST};
use crate::run::DEFAULT_OUTPUT;

/// Read every stored part and check it against its receipt.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Corpora whose files to check, too: folders, or names in `corpus`.
    #[arg(value_name = "CORPUS")]
    corpora: Vec<PathBuf>,
    /// Discard damaged parts, so that the next run recomputes them.
    #[arg(long)]
    repair: bool,
}

impl Verify {
    pub(super) fn run(self, global: &GlobalArgs) -> anyhow::Result<()> {
        let corpora = self.corpora.iter().map(|name| corpus_folder(name)).collect::<anyhow::Result<Vec<_>>>()?;
        let store = global.workspace().store()?;
        let addresses = store.addresses()?;
        let console = global.console();
        console.start("verify", addresses.len() as u64, "parts");
        let (mut damaged, mut damaged_corpora) = (0, 0);
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
        for corpus in &corpora {
            let differences = differences(corpus)?;
            if differences.is_empty() {
                print(&format!("{}: intact\n", corpus.display()))?;
                continue;
            }
            damaged_corpora += 1;
            for difference in differences {
                console.warning(difference);
            }
            // Without the list, the next run assembles the corpus again from the stored parts.
            let list = corpus.join(FILE_LIST);
            if self.repair && list.exists() {
                fs_err::remove_file(list)?;
            }
        }
        print(&format!("{} read, {damaged} damaged\n", plural(addresses.len() as u64, "part")))?;
        let hint = if self.repair { "run the recipe again" } else { "run with --repair, then the recipe again" };
        let what: Vec<String> = [(damaged, "damaged part"), (damaged_corpora, "damaged corpus folder")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| plural(count, noun))
            .collect();
        anyhow::ensure!(what.is_empty(), UserError::new(what.join(", ")).with_hint(hint));
        Ok(())
    }
}

/// The folder of a corpus: a path, or a name in the default folder.
fn corpus_folder(path_or_name: &Path) -> anyhow::Result<PathBuf> {
    let named = Path::new(DEFAULT_OUTPUT).join(path_or_name);
    if path_or_name.is_dir() {
        return Ok(path_or_name.to_owned());
    }
    if named.is_dir() {
        return Ok(named);
    }
    let error = UserError::new(format!("there is no corpus `{}`", path_or_name.display()));
    let hint = format!("give the folder of a corpus, or the name of one in `{DEFAULT_OUTPUT}`");
    anyhow::bail!(error.with_hint(hint))
}

/// What differs in a corpus from what was built. A corpus without its list, such as a published copy, is compared with its
/// manifest.
fn differences(corpus: &Path) -> anyhow::Result<Vec<String>> {
    match CorpusFiles::read(corpus) {
        Ok(Some(files)) => Ok(files.differences(corpus, Check::Bytes)?),
        Ok(None) => Ok(Corpus::open(corpus)
            .and_then(|opened| opened.verify())
            .err()
            .map(|e| e.to_string())
            .into_iter()
            .collect()),
        Err(SealedError::Damaged(problem)) => Ok(vec![format!("{}: {problem}", corpus.join(FILE_LIST).display())]),
        Err(SealedError::Io(error)) => Err(error.into()),
    }
}
