//! One sequence in progress: its tokens, its text, and how it ends.
//!
//! Invariant: a sequence depends only on its own logits, the settings and its number in the whole list of prompts.

use std::collections::BTreeMap;

use tokenizers::Tokenizer;

use super::error::PromptError;
use super::sampling::Sampler;
use super::settings::GenerationSettings;
use super::stop::Stopper;

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

/// What all sequences of a batch have in common.
pub(super) struct TextRules<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) settings: &'a GenerationSettings,
    /// End-of-text tokens.
    pub(super) eos: &'a [u32],
    /// The text of each special token.
    pub(super) special: BTreeMap<u32, String>,
}

impl<'a> TextRules<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer, settings: &'a GenerationSettings, eos: &'a [u32]) -> Self {
        let added = tokenizer.get_added_tokens_decoder().into_iter();
        let special = added.filter(|(_, token)| token.special).map(|(id, token)| (id, token.content)).collect();
        Self { tokenizer, settings, eos, special }
    }
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
pub(super) struct ActiveSequence<'a> {
    rules: &'a TextRules<'a>,
    /// Position of the prompt in its batch.
    pub(super) index: usize,
    /// Number of tokens of the prompt.
    pub(super) prompt: usize,
    /// Maximum number of new tokens.
    pub(super) limit: usize,
    /// Tokens of prompt and completion.
    pub(super) token_ids: Vec<u32>,
    sampler: Sampler,
    stream: Stream<'a>,
    stopper: Stopper<'a>,
    text: String,
    end: Option<Result<FinishReason, PromptError>>,
}

impl<'a> ActiveSequence<'a> {
    /// Starts the sequence of a prompt; `number` is its position in the whole list, which selects its random numbers.
    pub(super) fn new(
        rules: &'a TextRules<'a>,
        (index, number): (usize, u64),
        token_ids: Vec<u32>,
        limit: usize,
    ) -> Self {
        Self {
            rules,
            index,
            prompt: token_ids.len(),
            limit,
            token_ids,
            sampler: Sampler::new(rules.settings.sampling, number),
            stream: rules.tokenizer.decode_stream(!rules.settings.show_special),
            stopper: Stopper::new(&rules.settings.stop),
            text: String::new(),
            end: None,
        }
    }

    /// Whether the sequence has ended.
    pub(super) fn ended(&self) -> bool {
        self.end.is_some()
    }

    /// Samples the next token from its logits, and returns the text that is ready to show. A fault ends the sequence.
    pub(super) fn advance(&mut self, logits: &[f32]) -> String {
        self.append_token(logits).unwrap_or_else(|error| {
            self.end = Some(Err(error));
            String::new()
        })
    }

    fn append_token(&mut self, logits: &[f32]) -> Result<String, PromptError> {
        let sampled = self.sampler.sample(logits, &self.token_ids);
        let token = sampled.ok_or(PromptError::NonFinite(self.token_ids.len()))?;
        self.token_ids.push(token);
        let settings = self.rules.settings;
        let ends = !settings.ignore_eos && self.rules.eos.contains(&token);
        let mut shown = if ends && !settings.show_special { String::new() } else { self.append_text(token)? };
        if ends || self.stopper.stopped() {
            self.end = Some(Ok(FinishReason::Stop));
        } else if self.token_ids.len() - self.prompt >= self.limit {
            self.end = Some(Ok(FinishReason::Length));
        }
        if self.ended() {
            shown.push_str(&self.stopper.finish());
        }
        self.text.push_str(&shown);
        Ok(shown)
    }

    /// Appends the text of a token and returns the text that is ready to show. A special token that is not shown can
    /// still be, or be part of, a stop string.
    fn append_text(&mut self, token: u32) -> Result<String, PromptError> {
        if let Some(special) = self.rules.special.get(&token).filter(|_| !self.rules.settings.show_special) {
            return Ok(self.stopper.push_hidden(special));
        }
        let piece = self.stream.step(token).map_err(|error| PromptError::Tokenizer(error.to_string()))?;
        Ok(piece.map_or_else(String::new, |piece| self.stopper.push(&piece)))
    }

    /// The completion, or the fault that ended the sequence.
    pub(super) fn complete(mut self) -> Result<Completion, PromptError> {
        let finish_reason = self.end.take().unwrap_or(Ok(FinishReason::Length))?;
        let tokens = self.token_ids.split_off(self.prompt);
        Ok(Completion { text: self.text, tokens, finish_reason })
    }
}
