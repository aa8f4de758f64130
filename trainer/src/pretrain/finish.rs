//! The end of a run: validates on held-out documents, and writes the trained model and the page.

use burn::module::Module as _;
use corpusmill_terminal::HumanCount;

use super::checkpoint::export_model;
use super::error::PretrainError;
use super::options::{Observer, Outcome};
use super::run::Run;
use crate::generate::{GenerationSettings, Generator, SamplingParams};
use crate::metrics::{self, RecordKind};
use crate::recipe::{Objective, Samples};
use crate::tokenizer;

impl Run<'_> {
    /// Validates on held-out documents, and writes the model and the page, unless the user stops the validation.
    pub(super) fn finish(mut self, observer: &mut dyn Observer) -> Result<Outcome, PretrainError> {
        if !self.validate(RecordKind::Final, observer)? {
            return Ok(Outcome::Interrupted { checkpoint: self.save()? });
        }
        self.log.sync()?;
        let output = self.options.recipe.output();
        let model = output.join("model");
        export_model(&model, &self.content())?;
        let samples = self.samples(observer);
        let records = metrics::read(&output.join("metrics.jsonl"))?;
        let page = metrics::page(&self.options.recipe.name, &self.facts(), &records, &samples);
        fs_err::write(output.join("train.html"), page)?;
        Ok(Outcome::Done { model })
    }

    /// Sample texts, each with its prompt; none from a masked model.
    fn samples(&self, observer: &mut dyn Observer) -> Vec<String> {
        let settings = &self.options.recipe.samples;
        if settings.prompts.is_empty() || self.initial.prediction.objective != Objective::Causal {
            return Vec::new();
        }
        // The model is trained; failed samples do not fail the run.
        let written = self.write_samples(settings).unwrap_or_else(|detail| vec![Err(detail)]);
        let mut samples = Vec::new();
        for sample in written {
            match sample {
                Ok(sample) => {
                    observer.message(&format!("sample: {sample}"));
                    samples.push(sample);
                }
                Err(detail) => observer.warning(&format!("no sample: {detail}")),
            }
        }
        samples
    }

    /// The sample of each prompt, or why there is none.
    fn write_samples(&self, settings: &Samples) -> Result<Vec<Result<String, String>>, String> {
        let tokenizer = tokenizer::read(&self.options.corpus.join("tokenizer.json"));
        let tokenizer = tokenizer.map_err(|error| error.to_string())?;
        let decoder = self.rank.training.model.valid();
        let config = &self.initial.config;
        let eos = config.special.eos.clone();
        let generator =
            Generator { config, decoder: &decoder, tokenizer: &tokenizer, device: self.options.device, eos };
        #[expect(clippy::cast_possible_truncation, reason = "a temperature")]
        let sampling = SamplingParams {
            temperature: settings.temperature as f32,
            seed: self.options.recipe.seed,
            ..SamplingParams::default()
        };
        let how = GenerationSettings { max_tokens: settings.tokens, sampling, ..GenerationSettings::default() };
        let written = generator.generate(&settings.prompts, 0, &how, &mut |_, _| Ok(()));
        let written = written.map_err(|error| error.to_string())?;
        let samples = settings.prompts.iter().zip(written).map(|(prompt, made)| match made {
            Ok(made) => Ok(format!("{prompt}{}", made.text)),
            Err(error) => Err(format!("prompt `{prompt}`: {error}")),
        });
        Ok(samples.collect())
    }

    /// The facts on the page.
    fn facts(&self) -> Vec<(String, String)> {
        let manifest = self.corpus.manifest();
        let config = &self.initial.config;
        let recipe = self.options.recipe;
        let fact = |key: &str, value: String| (key.to_owned(), value);
        vec![
            fact("corpus", format!("{} ({})", manifest.name, manifest.corpus_digest)),
            fact("tokenizer", manifest.tokenizer.digest.clone()),
            fact(
                "model",
                format!(
                    "{} parameters: {} layers, hidden size {}, {} attention heads, vocabulary size {}",
                    HumanCount(config.parameters()),
                    config.num_hidden_layers,
                    config.hidden_size,
                    config.num_attention_heads,
                    config.vocab_size
                ),
            ),
            fact(
                "run",
                format!(
                    "{} steps of {} sequences of {} tokens: {} tokens",
                    HumanCount(self.steps),
                    recipe.data.batch_sequences,
                    recipe.data.sequence_length,
                    HumanCount(self.steps * recipe.step_tokens())
                ),
            ),
            fact("seed", recipe.seed.to_string()),
            fact("skipped steps", self.skipped.to_string()),
        ]
    }
}
