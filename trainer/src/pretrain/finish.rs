//! The end of a run: the loss on all held-out documents, the trained model, and the page.

use super::checkpoint::export;
use super::{Observer, Outcome, PretrainError, Run};
use crate::metrics::{self, Kind};

impl Run<'_> {
    /// Validates on everything, writes the model and the page.
    pub(super) fn finish(mut self, observer: &mut dyn Observer) -> Result<Outcome, PretrainError> {
        self.validate(Kind::Final, observer)?;
        self.log.sync()?;
        let output = self.order.recipe.output();
        let model = output.join("model");
        export(&model, &self.content())?;
        let records = metrics::read(&output.join("metrics.jsonl"))?;
        let page = metrics::page(&self.order.recipe.name, &self.facts(), &records, &[]);
        fs_err::write(output.join("train.html"), page)?;
        Ok(Outcome::Done { model })
    }

    /// What the page says about the run.
    fn facts(&self) -> Vec<(String, String)> {
        let manifest = self.corpus.manifest();
        let config = &self.start.config;
        let recipe = self.order.recipe;
        let fact = |key: &str, value: String| (key.to_owned(), value);
        vec![
            fact("corpus", format!("{} ({})", manifest.name, manifest.corpus_digest)),
            fact("tokenizer", manifest.tokenizer.digest.clone()),
            fact(
                "model",
                format!(
                    "{} parameters: {} layers, width {}, {} heads, vocabulary {}",
                    config.parameters(),
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
                    self.steps,
                    recipe.data.batch_sequences,
                    recipe.data.sequence_length,
                    self.steps * recipe.step_tokens()
                ),
            ),
            fact("seed", recipe.seed.to_string()),
            fact("steps left out", self.skipped.to_string()),
        ]
    }
}
