//! `corpusmill dedup` and `corpusmill dedup-paragraphs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use clap::Args;
use corpusmill_pipeline::plan::NodeId;
use corpusmill_pipeline::store::Table;
use corpusmill_pipeline::{Dataset, UserError};

use super::io::{BatchWriter, TemporaryFile, check_outputs, is_parquet, is_stdout};
use super::single_stage::{InputArgs, SettingsArgs, SingleStage, StageResult, run_step, spool};
use crate::args::GlobalArgs;
use corpusmill_stages::dedup::paragraphs::DedupParagraphs;
use corpusmill_stages::dedup::{Dedup, ExportedSignatures, SignatureWriter, signature_path};
use corpusmill_stages::sources::acquire::Acquire;
use corpusmill_stages::step::Step;

/// Remove exact and near duplicates.
#[derive(Debug, Args)]
pub(super) struct DedupCommand {
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    dedup: Dedup,
    /// Write the documents of clusters to this file: id, cluster (id of the document that is kept), survivor (whether it is
    /// this one), exact (equal text), jaccard, size of the cluster, earlier (kept in an earlier corpus).
    #[arg(long, value_name = "PATH")]
    clusters: Option<PathBuf>,
    /// Write the signatures of the documents that are kept to this Parquet file, for `--against` of a later command.
    #[arg(long, value_name = "PATH")]
    signatures: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl DedupCommand {
    /// The files that the command writes.
    fn outputs(&self) -> Vec<&Path> {
        let extra = [self.clusters.as_deref(), self.signatures.as_deref()].into_iter().flatten();
        self.inputs.io.outputs().into_iter().chain(extra).filter(|path| !is_stdout(path)).collect()
    }

    /// Returns an error if an output cannot be written as its name says, or is also an input or another output.
    fn check(&self, dedup: &Dedup) -> anyhow::Result<()> {
        let unnamed = UserError::new("`signatures` is a setting of recipes; a single command writes them to a file")
            .with_hint("--signatures FILE.parquet");
        anyhow::ensure!(!dedup.signatures || self.signatures.is_some(), unnamed);
        if let Some(path) = &self.signatures {
            let other = UserError::new(format!("{}: signatures are written as Parquet", path.display()))
                .with_hint("name a file that ends in .parquet");
            anyhow::ensure!(!is_stdout(path) && is_parquet(path)?, other);
        }
        let io = &self.inputs.io;
        let against: Vec<PathBuf> = dedup.against.iter().map(|path| signature_path(path)).collect();
        let inputs: Vec<&Path> = io.input.iter().map(Path::new).chain(against.iter().map(PathBuf::as_path)).collect();
        let outputs = [Some(&io.output), io.rejected.as_ref(), self.clusters.as_ref(), self.signatures.as_ref()];
        check_outputs(&outputs.into_iter().flatten().map(PathBuf::as_path).collect::<Vec<_>>(), &inputs)
    }

    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let dedup = self.settings.apply(self.dedup.clone())?;
        self.check(&dedup)?;
        // Signatures are exported to the file that `--signatures` names.
        let dedup = Dedup { signatures: self.signatures.is_some(), ..dedup };
        let spooled = spool(&self.inputs)?;
        let mut output = None;
        let finished = SingleStage { global, cancel, outputs: self.outputs(), fresh: false }.run(
            &Acquire::Files(spooled.inputs.files()?),
            |builder, read| {
                let added = dedup.add_to(builder, "dedup", &read)?;
                let exported = added.signatures.as_ref().map(|one| one.export(builder, &added.documents));
                output = Some((added, exported.transpose()?));
                Ok(())
            },
        )?;
        let (output, exported) = output.context("the step has no output")?;
        finished.write("dedup", &output.documents, &self.inputs.io, global)?;
        if let Some(path) = &self.clusters {
            write_clusters(&finished, path, &output.clusters)?;
        }
        if let (Some(path), Some(exported)) = (&self.signatures, &exported) {
            write_signatures(&finished, path, exported)?;
        }
        Ok(())
    }
}

/// Writes the documents in clusters.
fn write_clusters(finished: &StageResult, path: &Path, clusters: &Dataset) -> anyhow::Result<()> {
    let node = clusters.0.first().copied().unwrap_or(NodeId(0));
    let schema = &finished.plan.node(node).schema;
    // The first column, the row in its partition, is internal.
    let columns: Vec<usize> = (1..schema.fields().len()).collect();
    let mut output = BatchWriter::create(path, &Arc::new(schema.project(&columns)?))?;
    finished.each(clusters, Table::Data, |batch| output.write(&batch.project(&columns)?))?;
    output.finish()?;
    Ok(())
}

/// Writes the signatures of the documents that are kept.
fn write_signatures(finished: &StageResult, path: &Path, exported: &ExportedSignatures) -> anyhow::Result<()> {
    let temporary = TemporaryFile::new(path)?;
    let mut writer = SignatureWriter::create(temporary.path(), exported)?;
    finished.each(&exported.dataset, Table::Data, |batch| Ok(writer.write(batch)?))?;
    writer.finish()?;
    temporary.publish(path)
}

/// Cut paragraphs or lines that stand in many documents.
#[derive(Debug, Args)]
pub(super) struct DedupParagraphsCommand {
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    paragraphs: DedupParagraphs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl DedupParagraphsCommand {
    pub(super) fn run(self, global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let step = Step::DedupParagraphs(self.settings.apply(self.paragraphs.clone())?);
        let spooled = spool(&self.inputs)?;
        run_step(&step, &spooled.inputs, global, cancel)
    }
}
