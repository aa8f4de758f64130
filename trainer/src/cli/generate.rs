//! `corpusmill-train generate`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use corpusmill_terminal::write_stdout;
use serde_json::{Value, json};

use super::args::DeviceArgs;
use crate::checkpoint_io::LoadedModel;
use crate::generate::{GenerationSettings, Generator, SamplingParams};

const EXAMPLES: &str = "\
Examples:
  corpusmill-train generate --model runs/small/model --prompt 'pub fn '
  corpusmill-train generate --model SmolLM2.gguf --prompt 'Once upon a time' \\
      --temperature 0.8 --top-p 0.95 --seed 7
  corpusmill-train generate --model models/small --prompts p.jsonl > out.jsonl";

/// Generate text from a prompt.
///
/// With one --prompt, the continuation is printed as it is generated. With several prompts, one JSON line each, with
/// `prompt`, `text`, `tokens` and `finish_reason` (`stop` or `length`). A prompts file has one prompt per line, or, if
/// its name ends in .jsonl, objects with the key `prompt`; - reads JSON Lines from standard input.
///
/// A prompt that fails, such as one longer than the context, has `error` in its line instead; the others are
/// completed, and the exit code is 1.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GenerateCommand {
    /// Model: a Hugging Face folder or a GGUF file.
    #[arg(long, value_name = "DIR|GGUF")]
    model: PathBuf,
    /// Prompt; can be repeated.
    #[arg(long, value_name = "TEXT", required_unless_present = "prompts")]
    prompt: Vec<String>,
    /// File of prompts; - is standard input.
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// Maximum number of tokens to generate per prompt.
    #[arg(long, value_name = "N", default_value_t = 128)]
    max_tokens: usize,
    /// Sampling temperature; 0 always selects the most likely token (greedy decoding).
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    temperature: f32,
    /// Sample from this number of most likely tokens; 0 is all.
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: usize,
    /// Sample from the most likely tokens that together have this probability (nucleus sampling).
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f32,
    /// Penalty for tokens that already occur in the text; 1 is none, higher values make repetition less likely.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    repetition_penalty: f32,
    /// Seed for sampling; equal seeds give equal texts.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Stop at this text, which can be or contain a special token; can be repeated.
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Continue past the end-of-text token.
    #[arg(long)]
    ignore_eos: bool,
    /// Print special tokens.
    #[arg(long)]
    show_special: bool,
    /// Number of prompts per batch.
    #[arg(long, value_name = "N", default_value_t = 8)]
    batch: usize,
    #[command(flatten)]
    device: DeviceArgs,
}

/// A prompt and where it comes from.
#[derive(Debug)]
struct Prompt {
    text: String,
    /// Such as `prompt 1` or `prompts.jsonl, line 7`.
    place: String,
}

impl GenerateCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let settings = self.settings()?;
        let given = (1..).zip(&self.prompt);
        let given = given.map(|(number, text)| Prompt { text: text.clone(), place: format!("prompt {number}") });
        let mut prompts: Vec<Prompt> = given.collect();
        if let Some(path) = &self.prompts {
            prompts.extend(read_prompts(path)?);
        }
        let device = self.device.device.open()?;
        let model = LoadedModel::read(&self.model, &device)?;
        let tokenizer = model.tokenizer()?;
        let generator = Generator {
            config: &model.config,
            decoder: &model.decoder,
            tokenizer: &tokenizer,
            device: &device,
            eos: model.eos()?,
        };
        if let ([only], None) = (prompts.as_slice(), &self.prompts) {
            let text = std::slice::from_ref(&only.text);
            for result in generator.generate(text, 0, &settings, &mut |_, text| write_stdout(text))? {
                result?;
            }
            return Ok(write_stdout("\n")?);
        }
        self.complete_all(&generator, &prompts, &settings)
    }

    /// Writes a line for each prompt.
    fn complete_all(
        &self,
        generator: &Generator<'_>,
        prompts: &[Prompt],
        settings: &GenerationSettings,
    ) -> anyhow::Result<()> {
        let size = self.batch.max(1);
        let mut failed = Vec::new();
        for (first, batch) in (0..).step_by(size).zip(prompts.chunks(size)) {
            let texts: Vec<String> = batch.iter().map(|prompt| prompt.text.clone()).collect();
            let results = generator.generate(&texts, first, settings, &mut |_, _| Ok(()))?;
            for (Prompt { text: prompt, place }, result) in batch.iter().zip(results) {
                let line = match result {
                    Ok(completion) => {
                        let (text, tokens) = (completion.text, completion.tokens.len());
                        json!({ "prompt": prompt, "text": text, "tokens": tokens, "finish_reason": completion.finish_reason })
                    }
                    Err(error) => {
                        failed.push(format!("{place}: {error}"));
                        json!({ "prompt": prompt, "error": failed.last() })
                    }
                };
                write_stdout(&format!("{line}\n"))?;
            }
        }
        match failed.first() {
            None => Ok(()),
            Some(first) => bail!("{} of {} prompts failed; the first is {first}", failed.len(), prompts.len()),
        }
    }

    fn settings(&self) -> anyhow::Result<GenerationSettings> {
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            bail!("--temperature {}: give 0 or more", self.temperature);
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            bail!("--top-p {}: give a number above 0 and up to 1", self.top_p);
        }
        if !(self.repetition_penalty.is_finite() && self.repetition_penalty > 0.0) {
            bail!("--repetition-penalty {}: give a number above 0; 1 is no penalty", self.repetition_penalty);
        }
        let sampling = SamplingParams {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            repetition_penalty: self.repetition_penalty,
            seed: self.seed,
        };
        let (stop, show_special, ignore_eos) = (self.stop.clone(), self.show_special, self.ignore_eos);
        Ok(GenerationSettings { max_tokens: self.max_tokens, sampling, stop, show_special, ignore_eos })
    }
}

fn read_prompts(path: &Path) -> anyhow::Result<Vec<Prompt>> {
    let standard = path == Path::new("-");
    let text = if standard {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).context("cannot read standard input")?;
        text
    } else {
        fs_err::read_to_string(path)?
    };
    let is_json = standard || path.extension().is_some_and(|ending| ending == "jsonl");
    let prompt = |(number, line): (usize, &str)| {
        let place = format!("{}, line {number}", path.display());
        if !is_json {
            return Ok(Prompt { text: line.to_owned(), place });
        }
        let value: Value = serde_json::from_str(line).with_context(|| place.clone())?;
        let text = value["prompt"].as_str();
        let text = text.with_context(|| format!("{place}: the key `prompt` is missing or not text"))?;
        Ok(Prompt { text: text.to_owned(), place })
    };
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).map(prompt).collect()
}
