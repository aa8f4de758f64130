//! Generates completions for a batch of left-padded prompts with a key-value cache.

use burn::tensor::{Device, Int, Tensor, TensorData};
use tokenizers::Tokenizer;

use super::sampling::Sampler;
use super::settings::GenerationSettings;
use super::stop::Stopper;
use crate::model::{Context, Decoder, KvCache, ModelConfig};

/// Error from generating text.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A prompt fills the context of the model.
    #[error("prompt {prompt} has {tokens} tokens, but the context length of the model is {limit}; shorten it")]
    TooLong {
        /// The prompt number, from 1.
        prompt: usize,
        /// Number of tokens of the prompt.
        tokens: usize,
        /// `max_position_embeddings` of the model.
        limit: usize,
    },
    /// A token id is outside the vocabulary of the model.
    #[error(
        "prompt {prompt}: token {token} is outside the vocabulary of {vocabulary}; use the tokenizer of this model"
    )]
    Vocabulary {
        /// The prompt number, from 1.
        prompt: usize,
        /// The token id.
        token: u32,
        /// Rows of the embedding.
        vocabulary: usize,
    },
    /// A prompt has no tokens, and the model has no begin-of-text token.
    #[error("prompt {0} is empty, and config.json has no bos_token_id; give a non-empty prompt")]
    Empty(usize),
    /// The tokenizer failed.
    #[error("the tokenizer failed: {0}")]
    Tokenizer(String),
    /// The logits cannot be read from the device.
    #[error("cannot read the logits from the device: {0}")]
    Device(String),
    /// The generated text cannot be written.
    #[error("cannot write the generated text")]
    Output(#[from] std::io::Error),
}

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model generated an end-of-text token or a stop string.
    Stop,
    /// The maximum number of tokens was reached.
    Length,
}

/// The completion of one prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The text, without the stop string and, unless requested, special tokens.
    pub text: String,
    /// The sampled tokens, including the one that ended the text.
    pub tokens: Vec<u32>,
    /// Why the completion ended.
    pub finish_reason: FinishReason,
}

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

type Stream<'a> = tokenizers::tokenizer::DecodeStream<
    'a,
    tokenizers::ModelWrapper,
    tokenizers::NormalizerWrapper,
    tokenizers::PreTokenizerWrapper,
    tokenizers::PostProcessorWrapper,
    tokenizers::DecoderWrapper,
>;

/// One sequence in progress.
struct ActiveSequence<'a> {
    sampler: Sampler,
    stream: Stream<'a>,
    stopper: Stopper<'a>,
    /// Tokens of prompt and completion.
    token_ids: Vec<u32>,
    prompt: usize,
    text: String,
    finish_reason: Option<FinishReason>,
}

impl Generator<'_> {
    /// Completes all prompts in one batch; calls `show` with the index of a prompt, from 0, and its next piece of text.
    ///
    /// # Errors
    /// If a prompt does not fit the model, the tokenizer or the device fails, or `show` fails.
    pub fn generate(
        &self,
        prompts: &[String],
        settings: &GenerationSettings,
        show: &mut dyn FnMut(usize, &str) -> std::io::Result<()>,
    ) -> Result<Vec<Completion>, GenerateError> {
        if prompts.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        for (number, prompt) in prompts.iter().enumerate() {
            rows.push(self.start_sequence(number, prompt, settings)?);
        }
        let longest = rows.iter().map(|row| row.prompt).max().unwrap_or(1);
        let limit = settings.max_tokens.min(self.config.max_position_embeddings.saturating_sub(longest));
        let padding: Vec<usize> = rows.iter().map(|row| longest - row.prompt).collect();
        let mut cache = KvCache::new(self.config, longest + limit);
        let pad_token = self.config.special.pad.or(self.eos.first().copied()).unwrap_or(0);
        let mut input: Vec<u32> = Vec::new();
        for (row, &padding) in rows.iter().zip(&padding) {
            input.extend(std::iter::repeat_n(pad_token, padding));
            input.extend(&row.token_ids);
        }
        for step in 0..limit {
            let mut logits = self.logits(&input, &padding, &mut cache)?;
            input.clear();
            for (number, row) in rows.iter_mut().enumerate() {
                let width = self.config.vocab_size;
                let token = match row.finish_reason {
                    Some(_) => pad_token,
                    None => row.sampler.sample(&mut logits[number * width..(number + 1) * width], &row.token_ids),
                };
                if row.finish_reason.is_none() {
                    let text = self.append_token(row, token, settings, step + 1 == limit)?;
                    show(number, &text)?;
                }
                input.push(token);
            }
            if rows.iter().all(|row| row.finish_reason.is_some()) {
                break;
            }
        }
        Ok(rows.into_iter().map(ActiveSequence::complete).collect())
    }

    fn start_sequence<'a>(
        &'a self,
        number: usize,
        prompt: &str,
        settings: &'a GenerationSettings,
    ) -> Result<ActiveSequence<'a>, GenerateError> {
        let fault = |error: tokenizers::Error| GenerateError::Tokenizer(error.to_string());
        let mut token_ids = self.tokenizer.encode(prompt, true).map_err(fault)?.get_ids().to_vec();
        if token_ids.is_empty() {
            token_ids.push(self.config.special.bos.ok_or(GenerateError::Empty(number + 1))?);
        }
        let vocabulary = self.config.vocab_size;
        if let Some(&token) = token_ids.iter().find(|&&token| token as usize >= vocabulary) {
            return Err(GenerateError::Vocabulary { prompt: number + 1, token, vocabulary });
        }
        let (tokens, limit) = (token_ids.len(), self.config.max_position_embeddings);
        if tokens >= limit {
            return Err(GenerateError::TooLong { prompt: number + 1, tokens, limit });
        }
        Ok(ActiveSequence {
            sampler: Sampler::new(settings.sampling, number as u64),
            stream: self.tokenizer.decode_stream(!settings.show_special),
            stopper: Stopper::new(&settings.stop),
            prompt: tokens,
            token_ids,
            text: String::new(),
            finish_reason: None,
        })
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

    /// Appends `token` to the sequence and returns the text that is ready to show.
    fn append_token(
        &self,
        row: &mut ActiveSequence<'_>,
        token: u32,
        settings: &GenerationSettings,
        last: bool,
    ) -> Result<String, GenerateError> {
        row.token_ids.push(token);
        let ends = !settings.ignore_eos && self.eos.contains(&token);
        let fault = |error: tokenizers::Error| GenerateError::Tokenizer(error.to_string());
        let piece = if ends && !settings.show_special { None } else { row.stream.step(token).map_err(fault)? };
        let mut shown = piece.map_or_else(String::new, |piece| row.stopper.push(&piece));
        if ends || row.stopper.stopped() {
            row.finish_reason = Some(FinishReason::Stop);
        } else if last {
            row.finish_reason = Some(FinishReason::Length);
        }
        if row.finish_reason.is_some() {
            shown.push_str(&row.stopper.finish());
        }
        row.text.push_str(&shown);
        Ok(shown)
    }
}

impl ActiveSequence<'_> {
    fn complete(mut self) -> Completion {
        let tokens = self.token_ids.split_off(self.prompt);
        Completion { text: self.text, tokens, finish_reason: self.finish_reason.unwrap_or(FinishReason::Length) }
    }
}
