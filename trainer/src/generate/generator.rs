//! Generates completions for a batch of left-padded prompts with a key-value cache.

use std::collections::BTreeMap;

use burn::tensor::{Device, Int, Tensor, TensorData};
use tokenizers::Tokenizer;

use super::error::{GenerateError, PromptError};
use super::sequence::{ActiveSequence, Completion, TextRules};
use super::settings::GenerationSettings;
use crate::model::{Context, Decoder, KvCache, ModelConfig};

/// Generates text with a model.
#[derive(Debug)]
pub struct Generator<'a> {
    /// The configuration of the model.
    pub config: &'a ModelConfig,
    /// The model, on `device`.
    pub decoder: &'a Decoder,
    /// The tokenizer of the model.
    pub tokenizer: &'a Tokenizer,
    /// The device of the model.
    pub device: &'a Device,
    /// End-of-text tokens.
    pub eos: Vec<u32>,
}

impl Generator<'_> {
    /// Completes all prompts in one batch, in order; a prompt that fails has its own error.
    ///
    /// `first` is the position of the first prompt in the whole list, from 0: the random numbers of a prompt depend on
    /// its position there, not on its batch. Calls `show` with the index of a prompt in the batch, from 0, and its next
    /// piece of text.
    ///
    /// # Errors
    /// If the device or `show` fails.
    pub fn generate(
        &self,
        prompts: &[String],
        first: u64,
        settings: &GenerationSettings,
        show: &mut dyn FnMut(usize, &str) -> std::io::Result<()>,
    ) -> Result<Vec<Result<Completion, PromptError>>, GenerateError> {
        let rules = TextRules::new(self.tokenizer, settings, &self.eos);
        let (mut rows, mut ended) = (Vec::new(), BTreeMap::new());
        for (number, (index, prompt)) in (first..).zip(prompts.iter().enumerate()) {
            match self.tokens(prompt) {
                Ok(tokens) => {
                    // Each row has its own limit, so that it ends where it would end alone.
                    let room = self.config.max_position_embeddings.saturating_sub(tokens.len());
                    let limit = settings.max_tokens.min(room);
                    rows.push(ActiveSequence::new(&rules, (index, number), tokens, limit));
                }
                Err(error) => {
                    ended.insert(index, Err(error));
                }
            }
        }
        self.run(&mut rows, show)?;
        ended.extend(rows.into_iter().map(|row| (row.index, row.complete())));
        Ok(ended.into_values().collect())
    }

    /// Extends all rows until each has ended.
    fn run(
        &self,
        rows: &mut [ActiveSequence<'_>],
        show: &mut dyn FnMut(usize, &str) -> std::io::Result<()>,
    ) -> Result<(), GenerateError> {
        let longest = rows.iter().map(|row| row.prompt).max().unwrap_or(0);
        let steps = rows.iter().map(|row| row.limit).max().unwrap_or(0);
        let padding: Vec<usize> = rows.iter().map(|row| longest - row.prompt).collect();
        let mut cache = KvCache::new(self.config, longest + steps);
        let pad_token = self.pad_token();
        let mut input: Vec<u32> = Vec::new();
        for (row, &padding) in rows.iter().zip(&padding) {
            input.extend(std::iter::repeat_n(pad_token, padding));
            input.extend(&row.token_ids);
        }
        for _ in 0..steps {
            let logits = self.logits(&input, &padding, &mut cache)?;
            input.clear();
            for (row, logits) in rows.iter_mut().zip(logits.chunks_exact(self.config.vocab_size)) {
                if !row.ended() && row.limit > 0 {
                    let text = row.advance(logits);
                    show(row.index, &text)?;
                }
                let next = row.token_ids.last().copied().filter(|_| !row.ended());
                input.push(next.unwrap_or(pad_token));
            }
            if rows.iter().all(|row| row.ended() || row.limit == 0) {
                break;
            }
        }
        Ok(())
    }

    /// The tokens of a prompt.
    fn tokens(&self, prompt: &str) -> Result<Vec<u32>, PromptError> {
        let encoded = self.tokenizer.encode(prompt, true).map_err(|error| PromptError::Tokenizer(error.to_string()))?;
        let mut token_ids = encoded.get_ids().to_vec();
        if token_ids.is_empty() {
            token_ids.push(self.config.special.bos.ok_or(PromptError::Empty)?);
        }
        let vocabulary = self.config.vocab_size;
        if let Some(&token) = token_ids.iter().find(|&&token| token as usize >= vocabulary) {
            return Err(PromptError::Vocabulary { token, vocabulary });
        }
        let (tokens, limit) = (token_ids.len(), self.config.max_position_embeddings);
        if tokens >= limit {
            return Err(PromptError::TooLong { tokens, limit });
        }
        Ok(token_ids)
    }

    /// A token of the vocabulary for positions that no other token attends to.
    fn pad_token(&self) -> u32 {
        let mut candidates = self.config.special.pad.into_iter().chain(self.eos.first().copied());
        candidates.find(|&token| (token as usize) < self.config.vocab_size).unwrap_or(0)
    }

    /// Computes the logits of the next token of every row, `[rows, vocabulary]`.
    fn logits(&self, input: &[u32], padding: &[usize], cache: &mut KvCache) -> Result<Vec<f32>, GenerateError> {
        let (batch, length) = (padding.len(), input.len() / padding.len());
        let ids: Vec<i32> = input.iter().map(|&id| id.cast_signed()).collect();
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [batch, length]), self.device);
        let context = Context::cached(self.config, padding, cache.length(), length, self.device);
        let hidden = self.decoder.hidden_cached(tokens, &context, cache).narrow(1, length - 1, 1);
        let data = self.decoder.logits(hidden).try_into_data();
        let data = data.map_err(|error| GenerateError::Device(format!("{error:?}")))?;
        data.try_into_vec::<f32>().map_err(|error| GenerateError::Device(format!("{error:?}")))
    }
}
