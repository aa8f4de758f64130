//! The columns and metadata of a token shard, and the bytes of its tokens.
//!
//! Invariant: a shard can be read without the manifest: its key-value metadata records the width of a token, the
//! tokenizer, the source and the split.

use std::{collections::BTreeMap, sync::Arc};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::{
    basic::{Compression, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
};

use super::{SHARD_VERSION, Split};

const PREFIX: &str = "corpusmill.";

/// Bytes per token, chosen by the vocabulary size for a whole corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenWidth {
    /// Little-endian u16, for vocabularies of at most 65,536.
    Two,
    /// Little-endian u32, for larger ones.
    Four,
}

impl TokenWidth {
    /// The width for a vocabulary of `size` ids.
    pub fn for_vocabulary(size: u32) -> Self {
        if size <= 1 << 16 { Self::Two } else { Self::Four }
    }

    /// Bytes per token.
    pub fn bytes(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// The bytes of the column `tokens` for one document; `None` if a token does not fit `width`.
pub fn encode_tokens(tokens: &[u32], width: TokenWidth) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(tokens.len() * width.bytes());
    for &token in tokens {
        match width {
            TokenWidth::Two => bytes.extend_from_slice(&u16::try_from(token).ok()?.to_le_bytes()),
            TokenWidth::Four => bytes.extend_from_slice(&token.to_le_bytes()),
        }
    }
    Some(bytes)
}

/// Appends the tokens in `bytes` to `out` and returns the largest of them (0 if there are none); ignores bytes after
/// the last whole token.
pub fn decode_tokens(bytes: &[u8], width: TokenWidth, out: &mut Vec<u32>) -> u32 {
    let start = out.len();
    match width {
        TokenWidth::Two => {
            let (tokens, _) = bytes.as_chunks::<2>();
            out.extend(tokens.iter().map(|&token| u32::from(u16::from_le_bytes(token))));
        }
        TokenWidth::Four => {
            let (tokens, _) = bytes.as_chunks::<4>();
            out.extend(tokens.iter().map(|&token| u32::from_le_bytes(token)));
        }
    }
    out[start..].iter().copied().max().unwrap_or(0)
}

/// The bytes of the column `loss_mask`: one bit per token, lowest bit first, set if the token counts in the loss; the
/// last byte is padded with zeros.
pub fn encode_loss_mask(counts: &[bool]) -> Vec<u8> {
    counts.chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit))).collect()
}

/// Whether the token `index` counts; `false` beyond the mask.
pub(super) fn mask_bit(mask: &[u8], index: usize) -> bool {
    mask.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}

/// The columns of a token shard, none nullable.
///
/// - `id`: Utf8, the document's
/// - `tokens`: Binary, the document's tokens by [`encode_tokens`], the end-of-document token
///   included, no beginning token
/// - `token_count`: `UInt32`
/// - `loss_mask`: Binary, by [`encode_loss_mask`]; only if `loss_mask` is true, for whole sources
pub fn token_shard_schema(loss_mask: bool) -> SchemaRef {
    let mut fields = vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("tokens", DataType::Binary, false),
        Field::new("token_count", DataType::UInt32, false),
    ];
    if loss_mask {
        fields.push(Field::new("loss_mask", DataType::Binary, false));
    }
    Arc::new(Schema::new(fields))
}

/// Path of a shard: `shards/{split}/{source}-{number:05}.parquet`, relative to the corpus.
pub fn shard_path(split: Split, source: &str, number: u32) -> String {
    format!("shards/{split}/{source}-{number:05}.parquet")
}

/// The key-value metadata of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardDescription {
    /// The recipe's name of the source.
    pub source: String,
    /// The split of the corpus.
    pub split: Split,
    /// BLAKE3 of `tokenizer.json`, in hex.
    pub tokenizer_digest: String,
    /// Number of token ids.
    pub vocabulary_size: u32,
    /// Special tokens with their ids.
    pub special_tokens: BTreeMap<String, u32>,
}

impl ShardDescription {
    /// Bytes per token, which follow from the vocabulary.
    pub fn width(&self) -> TokenWidth {
        TokenWidth::for_vocabulary(self.vocabulary_size)
    }

    /// The pairs as stored, keys beginning with `corpusmill.`.
    pub fn key_values(&self) -> Vec<(String, String)> {
        // A map of texts to numbers always serialises.
        let special_tokens = serde_json::to_string(&self.special_tokens).unwrap_or_default();
        [
            ("format-version", SHARD_VERSION.to_string()),
            ("source", self.source.clone()),
            ("special-tokens", special_tokens),
            ("split", self.split.to_string()),
            ("token-bytes", self.width().bytes().to_string()),
            ("tokenizer-digest", self.tokenizer_digest.clone()),
            ("vocabulary-size", self.vocabulary_size.to_string()),
        ]
        .map(|(key, value)| (format!("{PREFIX}{key}"), value))
        .into()
    }

    /// Describes the first pair that is missing in `found` or has another value there.
    pub(super) fn difference(&self, found: Option<&Vec<KeyValue>>) -> Option<String> {
        self.key_values().into_iter().find_map(|(key, expected)| {
            let pair = found.into_iter().flatten().find(|pair| pair.key == key);
            match pair.and_then(|pair| pair.value.as_deref()) {
                Some(value) if value == expected => None,
                Some(value) => Some(format!("its {key} is `{value}`, but the corpus has `{expected}`")),
                None => Some(format!("its metadata lacks {key}")),
            }
        })
    }
}

/// How shards are written: zstd level 3, no dictionaries (whole values of tokens and ids do not repeat), statistics for
/// `token_count` only.
///
/// They do not depend on the machine or the time; `created_by` is this program's version.
pub fn writer_properties(description: &ShardDescription) -> WriterProperties {
    let pairs = description.key_values().into_iter().map(|(key, value)| KeyValue::new(key, value));
    WriterProperties::builder()
        .set_created_by(format!("corpusmill version {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled("token_count".into(), EnabledStatistics::Chunk)
        // Pages are measured every 64 rows, since one document may be larger than a page.
        .set_write_batch_size(64)
        // The writer closes row groups itself.
        .set_max_row_group_row_count(None)
        .set_key_value_metadata(Some(pairs.collect()))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_width_changes_above_65536() {
        assert_eq!(TokenWidth::for_vocabulary(65_536), TokenWidth::Two);
        assert_eq!(TokenWidth::for_vocabulary(65_537), TokenWidth::Four);
        assert_eq!(encode_tokens(&[65_535], TokenWidth::Two), Some(vec![0xFF, 0xFF]));
        assert_eq!(encode_tokens(&[65_536], TokenWidth::Two), None);
        assert_eq!(encode_tokens(&[258], TokenWidth::Two), Some(vec![2, 1]));
    }

    #[test]
    fn differing_metadata_is_named() {
        let description = ShardDescription {
            source: "a".into(),
            split: Split::Train,
            tokenizer_digest: "d".into(),
            vocabulary_size: 300,
            special_tokens: [("<|end|>".to_owned(), 299)].into(),
        };
        let properties = writer_properties(&description);
        assert_eq!(description.difference(properties.key_value_metadata()), None);
        let other = ShardDescription { vocabulary_size: 70_000, ..description };
        let difference = other.difference(properties.key_value_metadata()).unwrap();
        assert!(difference.contains("token-bytes is `2`"), "{difference}");
        assert!(other.difference(None).unwrap().contains("lacks corpusmill.format-version"));
    }

    proptest! {
        #[test]
        fn tokens_survive(tokens: Vec<u32>, small: Vec<u16>) {
            let bytes = encode_tokens(&tokens, TokenWidth::Four).unwrap();
            let mut back = vec![7];
            let largest = decode_tokens(&bytes, TokenWidth::Four, &mut back);
            prop_assert_eq!(&back[1..], &tokens);
            prop_assert_eq!(largest, tokens.iter().copied().max().unwrap_or(0));
            let small: Vec<u32> = small.into_iter().map(u32::from).collect();
            let mut back = vec![];
            decode_tokens(&encode_tokens(&small, TokenWidth::Two).unwrap(), TokenWidth::Two, &mut back);
            prop_assert_eq!(back, small);
        }

        #[test]
        fn masks_survive(counts: Vec<bool>) {
            let mask = encode_loss_mask(&counts);
            prop_assert_eq!(mask.len(), counts.len().div_ceil(8));
            let back: Vec<bool> = (0..counts.len()).map(|index| mask_bit(&mask, index)).collect();
            prop_assert_eq!(back, counts);
            prop_assert!(!mask_bit(&mask, mask.len() * 8));
        }
    }
}
