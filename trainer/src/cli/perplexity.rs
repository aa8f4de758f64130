//! `corpusmill-train perplexity`: the loss of a model on held-out documents or a text, optionally next to a 5-gram
//! model.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use burn::tensor::FloatDType;
use clap::{ArgGroup, Args};
use corpusmill_shards::{Corpus, Sequence, Span};
use corpusmill_terminal::{Printer, write_stdout};
use tokenizers::Tokenizer;

use super::args::{DeviceArgs, require_corpus};
use crate::checkpoint_io::LoadedModel;
use crate::data::{Batch, DataError, HeldOut, NOT_PREDICTED, Prediction, run_sequences};
use crate::evaluate::{Evaluation, evaluate};
use crate::gradient::Pass;
use crate::loss::LossSettings;
use crate::metrics::grouped;
use crate::model::{Decoder, ModelConfig};
use crate::ngram::{NgramCounter, NgramModel};
use crate::pretrain::{MANIFEST_FILE, Provenance, check_tokenizer};
use crate::recipe::{Data, Objective, Recompute};
use crate::token_bytes::TokenBytes;
use crate::tokenizer;

/// Context length in tokens if neither the model's manifest nor the command line sets it.
const CONTEXT: usize = 1024;
/// Sequences per batch.
const ROWS: usize = 8;
/// The name of the progress bar.
const BAR: &str = "perplexity";

const USAGE: &str = "\
corpusmill-train perplexity [OPTIONS] --model <DIR|GGUF> --corpus <DIR>
       corpusmill-train perplexity [OPTIONS] --model <DIR|GGUF> --text <FILE>";

const EXAMPLES: &str = "\
Examples:
  corpusmill-train perplexity --model runs/tiny/model --corpus corpus/tiny \\
      --baseline
  corpusmill-train perplexity --model SmolLM2.gguf --text book.txt";

/// Measure how well a model predicts text, in nats per token and bits per byte.
///
/// With --corpus, each source of its validation split is measured separately; --baseline adds a 5-gram model (modified
/// Kneser–Ney) trained on exactly the tokens that the model has read, each once. Bits per byte do not depend on the
/// tokenizer.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = EXAMPLES, group(ArgGroup::new("measured").required(true).args(["corpus", "text"])))]
pub(crate) struct PerplexityCommand {
    /// Model: a Hugging Face folder or a GGUF file, with a causal model.
    #[arg(long, value_name = "DIR|GGUF")]
    model: PathBuf,
    /// Corpus made with the model's tokenizer; its validation split is measured.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Text file in UTF-8, read as one document; special tokens in it are text.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Context length in tokens; by default that of the training run, or at most 1,024.
    #[arg(long, value_name = "TOKENS")]
    sequence_length: Option<u32>,
    /// Also train and measure a 5-gram model. Needs the manifest that `pretrain` writes.
    #[arg(long, requires = "corpus")]
    baseline: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

impl PerplexityCommand {
    pub(crate) fn run(self, printer: &Printer) -> anyhow::Result<()> {
        Ok(write_stdout(&self.table(printer)?)?)
    }

    /// Measures the model, and the baseline if there is one.
    fn table(&self, printer: &Printer) -> anyhow::Result<String> {
        let device = self.device.device.open()?;
        let model = LoadedModel::read(&self.model, &device)?;
        let (config, decoder) = (&model.config, &model.decoder);
        let (path, json) = model.tokenizer_json()?;
        let bytes = TokenBytes::parse(&path, &json)?;
        let provenance = Provenance::read(&self.model);
        if let (Err(error), true) = (&provenance, self.model.join(MANIFEST_FILE).exists()) {
            printer.warning(format!("the settings of the training run are unknown: {error}"));
        }
        let trained = provenance.as_ref().ok().and_then(|known| known.recipe["data"]["sequence-length"].as_u64());
        let length = match (self.sequence_length, trained) {
            (Some(length), _) => length,
            (None, Some(length)) => u32::try_from(length)?,
            (None, None) => u32::try_from(config.max_position_embeddings.min(CONTEXT))?,
        };
        anyhow::ensure!(length >= 2, "--sequence-length {length}: give at least 2");
        let mut table = Table::default();
        if let Some(folder) = &self.corpus {
            require_corpus(folder)?;
            let corpus = Corpus::open(folder)?;
            self.check_tokenizer(&json, &corpus.manifest().tokenizer.digest)?;
            let held_out: u64 = corpus.manifest().sources.values().map(|source| source.validation.tokens).sum();
            anyhow::ensure!(
                held_out > 0,
                "the validation split of {} is empty\nhint: raise `mixture.validation-share` in the recipe of the corpus",
                folder.display()
            );
            let prediction = causal(corpus.manifest().tokenizer.vocabulary_size);
            let batches = HeldOut::new(&corpus, length, ROWS, None, prediction)?;
            let batches = with_progress(printer, batches);
            let evaluation = measure(config, decoder, batches, corpus.sources().len(), &bytes)?;
            printer.finish(BAR);
            table.add("model", corpus.sources(), &evaluation);
            if self.baseline {
                let provenance = provenance.context("--baseline needs the model's training manifest")?;
                let ngrams = train_ngrams(&corpus, &provenance)?;
                let batches = HeldOut::new(&corpus, length, ROWS, None, prediction)?;
                let evaluation = measure_ngrams(&ngrams, batches, corpus.sources().len(), &bytes)?;
                table.add("5-gram", corpus.sources(), &evaluation);
            }
        } else if let Some(text) = &self.text {
            let tokenizer = tokenizer::parse(&path, &json)?;
            let tokens = document_tokens(text, tokenizer, config.vocab_size)?;
            let evaluation = measure(config, decoder, windows(&tokens, length, config)?, 1, &bytes)?;
            // The name alone: a table with the path would be wider than a terminal.
            let name = text.file_name().unwrap_or_default().to_string_lossy().into_owned();
            table.add("model", &[name], &evaluation);
        }
        Ok(table.to_string())
    }

    /// Checks that the model's tokenizer, with the content `json`, is that of the corpus.
    fn check_tokenizer(&self, json: &str, expected: &str) -> anyhow::Result<()> {
        if self.model.is_dir() {
            return Ok(check_tokenizer(&self.model, expected)?);
        }
        let found = blake3::hash(json.as_bytes()).to_hex().to_string();
        anyhow::ensure!(
            found == expected,
            "{}: its tokenizer is not that of the corpus\nhint: import the file, and build the corpus with the folder's tokenizer.json",
            self.model.display()
        );
        Ok(())
    }
}

/// The tokens of a text file, encoded as the documents of a corpus are.
fn document_tokens(path: &Path, tokenizer: Tokenizer, vocabulary: usize) -> anyhow::Result<Vec<u32>> {
    let text = fs_err::read_to_string(path)?;
    let failed = |error: tokenizers::Error| anyhow::anyhow!("{}: {error}", path.display());
    let tokenizer = tokenizer::for_documents(tokenizer).map_err(failed)?;
    let tokens = tokenizer.encode(text, false).map_err(failed)?.get_ids().to_vec();
    anyhow::ensure!(tokens.len() >= 2, "{}: a text of fewer than two tokens has nothing to predict", path.display());
    let largest = tokens.iter().max().copied().unwrap_or(0) as usize;
    anyhow::ensure!(largest < vocabulary, "token {largest} is outside the model's vocabulary of {vocabulary}");
    Ok(tokens)
}

/// Splits a text into windows without overlap; each window is one piece.
fn windows(
    tokens: &[u32],
    length: u32,
    config: &ModelConfig,
) -> anyhow::Result<impl Iterator<Item = Result<Batch, DataError>>> {
    let windows = tokens.chunks(length as usize).map(|window| {
        let end = u32::try_from(window.len()).unwrap_or(length);
        let mut tokens = window.to_vec();
        tokens.resize(length as usize, 0);
        let span = Span { start: 0, end, source: 0, document: 0, offset: 0, epoch: 0 };
        Sequence { index: 0, tokens, documents: vec![span], loss_mask: None }
    });
    let rows: Vec<Sequence> = windows.collect();
    let prediction = causal(u32::try_from(config.vocab_size)?);
    Ok(rows.chunks(ROWS).map(|rows| Ok(Batch::new(rows, &prediction)?)).collect::<Vec<_>>().into_iter())
}

fn causal(vocabulary: u32) -> Prediction {
    Prediction { objective: Objective::Causal, vocabulary, mask_token: 0, seed: 0, begin: None }
}

/// Shows how many held-out sequences are read.
fn with_progress(printer: &Printer, batches: HeldOut) -> impl Iterator<Item = Result<Batch, DataError>> {
    printer.start(BAR, batches.selected(), "sequences");
    let mut done = 0;
    batches.inspect(move |batch| {
        printer.advance(BAR, done, "");
        done += batch.as_ref().map_or(0, |batch| batch.rows as u64);
    })
}

fn measure(
    config: &ModelConfig,
    decoder: &Decoder,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
    sources: usize,
    bytes: &TokenBytes,
) -> anyhow::Result<Evaluation> {
    let loss =
        LossSettings { z_loss: 0.0, chunk_tokens: 1024, softcap: config.logit_softcap, compute: FloatDType::F32 };
    let pass = Pass { config, loss, recompute: Recompute::None };
    Ok(evaluate(&pass, decoder, batches, sources, bytes)?)
}

/// Trains a 5-gram model on exactly the sequences that a run has read.
fn train_ngrams(corpus: &Corpus, provenance: &Provenance) -> anyhow::Result<NgramModel> {
    let (digest, read) = (&corpus.manifest().corpus_digest, &provenance.corpus.digest);
    anyhow::ensure!(digest == read, "the model was trained on the corpus {read}, not on {digest}");
    let data: Data = serde_json::from_value(provenance.recipe["data"].clone())
        .context("the training manifest has no settings of the data")?;
    let count = provenance.tokens / u64::from(data.sequence_length).max(1);
    let mut counter = NgramCounter::new(corpus.manifest().tokenizer.vocabulary_size)?;
    for sequence in run_sequences(corpus, &data, provenance.seed, count)? {
        let sequence = sequence?;
        // Each token counts once: with repeated epochs no n-gram would be rare, and the Kneser–Ney discounts are
        // estimated from rare n-grams.
        for span in sequence.documents.iter().filter(|span| span.epoch == 0) {
            counter.add(&sequence.tokens[span.start as usize..span.end as usize]);
        }
    }
    Ok(counter.finish())
}

/// Evaluates the n-gram model at the same positions as the model.
fn measure_ngrams(
    ngrams: &NgramModel,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
    sources: usize,
    bytes: &TokenBytes,
) -> anyhow::Result<Evaluation> {
    let mut evaluation = Evaluation::new(sources);
    for batch in batches {
        let batch = batch?;
        let mut nats = vec![0.0; batch.tokens.len()];
        for range in batch.pieces() {
            let piece: Vec<u32> = batch.tokens[range.clone()].iter().map(|token| token.cast_unsigned()).collect();
            for (position, own) in (range.start..).zip(ngrams.nats(&piece, 1..piece.len())) {
                #[expect(clippy::cast_possible_truncation, reason = "the losses of the model are also f32")]
                if batch.targets[position] != NOT_PREDICTED {
                    nats[position] = own as f32;
                }
            }
        }
        evaluation.loss_sum.add(&batch, &crate::loss::TokenLosses { nats, squared_log_z: 0.0 });
        evaluation.add_bytes(&batch, bytes);
    }
    Ok(evaluation)
}

/// The output table.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<[String; 6]>,
}

impl Table {
    fn add(&mut self, model: &str, sources: &[String], evaluation: &Evaluation) {
        let mut row = |source: &str, tokens: f64, nats: f64, bits: Option<f64>| {
            self.rows.push([
                model.to_owned(),
                source.to_owned(),
                grouped(tokens),
                format!("{nats:.4}"),
                format!("{:.2}", libm::exp(nats)),
                bits.map_or("-".to_owned(), |bits| format!("{bits:.4}")),
            ]);
        };
        let mut measured = 0;
        for (at, source) in sources.iter().enumerate() {
            if let Some(nats) = evaluation.loss_sum.mean_of(at) {
                row(source, evaluation.loss_sum.tokens[at], nats, evaluation.bits_per_byte_of(at));
                measured += 1;
            }
        }
        if let Some(nats) = evaluation.loss_sum.mean().filter(|_| measured > 1) {
            row("all", evaluation.loss_sum.all_tokens(), nats, evaluation.bits_per_byte());
        }
    }
}

impl fmt::Display for Table {
    /// Columns as wide as their longest cell.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["model", "source", "tokens", "nats/token", "perplexity", "bits/byte"].map(str::to_owned);
        let width = |column: usize| self.rows.iter().chain([&head]).map(|row| row[column].chars().count()).max();
        for row in [&head].into_iter().chain(&self.rows) {
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let width = width(column).unwrap_or(0);
                // Names are aligned to the left, numbers to the right.
                if column < 2 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
            });
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("  "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
