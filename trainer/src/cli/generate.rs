//! `corpusmill-train generate`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{DeviceArgs, print, write};
use crate::generate::{Generator, Sampling, Settings};
use crate::hub::Model;

const EXAMPLES: &str = "\
Examples:
  corpusmill-train generate --model models/smollm2 --prompt 'The capital of France is'
  corpusmill-train generate --model SmolLM2.gguf --prompt 'Once upon a time' --temperature 0.8 --top-p 0.95 --seed 7
  corpusmill-train generate --model models/small --prompts prompts.jsonl --max-tokens 64 > texts.jsonl

One --prompt: its continuation is shown while it is made. Several prompts: one line of JSON each, with prompt, text,
tokens and finish (stop or length). A file of prompts holds one a line, or, when it ends in .jsonl, objects with a key
`prompt`; - is standard input, as JSON lines.";

/// Lets a model go on with a text.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Generate {
    /// A Hugging Face folder, or a GGUF file.
    #[arg(long, value_name = "DIR|GGUF")]
    model: PathBuf,
    /// The text to go on with; may be given several times.
    #[arg(long, value_name = "TEXT", required_unless_present = "prompts")]
    prompt: Vec<String>,
    /// A file of prompts; - is standard input.
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// Tokens at most, for each prompt.
    #[arg(long, value_name = "N", default_value_t = 128)]
    max_tokens: usize,
    /// Divides the logits before a token is drawn; 0 always takes the likeliest.
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    temperature: f32,
    /// Draw from so many of the likeliest tokens; 0 is all.
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: usize,
    /// Draw from the likeliest tokens that together have this probability.
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f32,
    /// Above 1, makes tokens that stand in the text less likely.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    repetition_penalty: f32,
    /// Equal seeds draw equal texts.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// A text that ends the continuation; may be given several times.
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Go on past the token that ends a text.
    #[arg(long)]
    ignore_eos: bool,
    /// Show special tokens.
    #[arg(long)]
    show_special: bool,
    /// Prompts that are computed at once.
    #[arg(long, value_name = "N", default_value_t = 8)]
    batch: usize,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Generate {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let settings = self.settings()?;
        let mut prompts = self.prompt.clone();
        if let Some(path) = &self.prompts {
            prompts.extend(read_prompts(path)?);
        }
        let device = self.device.device.open()?;
        let model = Model::read(&self.model, &device)?;
        let tokenizer = model.tokenizer()?;
        let generator = Generator {
            config: &model.config,
            decoder: &model.decoder,
            tokenizer: &tokenizer,
            device: &device,
            eos: model.eos(),
        };
        if let ([_], None) = (prompts.as_slice(), &self.prompts) {
            generator.generate(&prompts, &settings, &mut |_, text| write(text))?;
            return print("\n");
        }
        for (index, batch) in prompts.chunks(self.batch.max(1)).enumerate() {
            let mut settings = settings.clone();
            // Each batch draws numbers of its own.
            settings.sampling.seed = settings.sampling.seed.wrapping_add(index as u64);
            let completions = generator.generate(batch, &settings, &mut |_, _| Ok(()))?;
            for (prompt, completion) in batch.iter().zip(completions) {
                let (text, tokens) = (completion.text, completion.tokens.len());
                let line = json!({ "prompt": prompt, "text": text, "tokens": tokens, "finish": completion.finish });
                print(&format!("{line}\n"))?;
            }
        }
        Ok(())
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            bail!("--temperature {}: give 0 or more", self.temperature);
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            bail!("--top-p {}: give more than 0, and 1 at most", self.top_p);
        }
        if !(self.repetition_penalty.is_finite() && self.repetition_penalty > 0.0) {
            bail!("--repetition-penalty {}: give more than 0; 1 is none", self.repetition_penalty);
        }
        let sampling = Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            repetition_penalty: self.repetition_penalty,
            seed: self.seed,
        };
        let (stop, show_special, ignore_eos) = (self.stop.clone(), self.show_special, self.ignore_eos);
        Ok(Settings { max_tokens: self.max_tokens, sampling, stop, show_special, ignore_eos })
    }
}

fn read_prompts(path: &Path) -> anyhow::Result<Vec<String>> {
    let standard = path == Path::new("-");
    let text = if standard {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).context("cannot read standard input")?;
        text
    } else {
        fs_err::read_to_string(path)?
    };
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    if !standard && path.extension().is_none_or(|ending| ending != "jsonl") {
        return Ok(lines.map(|(_, line)| line.to_owned()).collect());
    }
    let prompt = |(number, line): (usize, &str)| {
        let place = || format!("{}, line {number}", path.display());
        let value: Value = serde_json::from_str(line).with_context(place)?;
        let prompt =
            value["prompt"].as_str().with_context(|| format!("{}: no text under the key `prompt`", place()))?;
        Ok(prompt.to_owned())
    };
    lines.map(prompt).collect()
}
