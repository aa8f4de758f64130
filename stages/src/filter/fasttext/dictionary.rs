//! Words and labels of a fastText model, and the rows of the input matrix that a line's words and n-grams select.
//!
//! Invariant: the rows of a line and their order are those of fastText's `Dictionary::getLine`.

use std::collections::{HashMap, HashSet};

use super::bytes::Bytes;
use super::{Arguments, FastTextError};

/// The word at the end of each line.
const END_OF_LINE: &[u8] = b"</s>";
/// The beginning of every label.
const LABEL_PREFIX: &[u8] = b"__label__";
/// The factor that joins the hashes of an n-gram's words.
const NGRAM_FACTOR: u64 = 116_049_371;
/// Number of bytes of an entry with an empty word: its zero byte, its count and its type.
const MIN_ENTRY_BYTES: usize = 10;

/// Greater counts than any real one: fastText's Huffman tree takes them for nodes that are not yet made.
const MAX_LABEL_COUNT: i64 = 1_000_000_000_000_000;

#[derive(Debug)]
pub(super) struct Dictionary {
    words: HashMap<Vec<u8>, usize>,
    /// The row of the first bucket.
    first_bucket: usize,
    labels: Vec<String>,
    label_set: HashSet<Vec<u8>>,
    label_counts: Vec<i64>,
    /// The row of each bucket that pruning kept; `None` if the model is not pruned.
    kept_buckets: Option<HashMap<u64, usize>>,
    word_ngrams: usize,
    bucket: u64,
    minn: usize,
    maxn: usize,
}

impl Dictionary {
    pub(super) fn read(bytes: &mut Bytes<'_>, arguments: &Arguments) -> Result<Self, FastTextError> {
        const PLACE: &str = "the dictionary";
        let size = bytes.count("the number of entries", PLACE)?;
        let word_count = bytes.count("the number of words", PLACE)?;
        let label_count = bytes.count("the number of labels", PLACE)?;
        bytes.i64(PLACE)?;
        let pruned = bytes.i64(PLACE)?;
        if word_count.checked_add(label_count) != Some(size) || size > bytes.len() / MIN_ENTRY_BYTES {
            let value = i64::try_from(size).unwrap_or(i64::MAX);
            return Err(FastTextError::Impossible { name: "the number of entries", value });
        }
        let mut words = HashMap::with_capacity(word_count);
        let (mut labels, mut label_counts) = (Vec::with_capacity(label_count), Vec::with_capacity(label_count));
        for index in 0..size {
            let text = bytes.until_zero(PLACE)?;
            let count = bytes.i64(PLACE)?;
            let is_label = bytes.byte(PLACE)? == 1;
            // Words come first, then labels: a word's index is its row.
            if is_label != (index >= word_count) {
                let value = i64::try_from(index).unwrap_or(i64::MAX);
                return Err(FastTextError::Impossible { name: "the type of a dictionary entry", value });
            }
            if is_label {
                if !(0..MAX_LABEL_COUNT).contains(&count) {
                    return Err(FastTextError::Impossible { name: "the count of a label", value: count });
                }
                labels.push(String::from_utf8_lossy(text).into_owned());
                label_counts.push(count);
            } else {
                words.insert(text.to_vec(), index);
            }
        }
        let kept_buckets = match usize::try_from(pruned) {
            Err(_) => None,
            Ok(count) => {
                let mut kept = HashMap::new();
                for _ in 0..count {
                    let bucket = bytes.count("a pruned bucket", PLACE)?;
                    let row = bytes.count("the row of a pruned bucket", PLACE)?;
                    kept.insert(u64::try_from(bucket).unwrap_or(u64::MAX), row);
                }
                Some(kept)
            }
        };
        Ok(Self {
            words,
            first_bucket: word_count,
            label_set: labels.iter().map(|label| label.clone().into_bytes()).collect(),
            labels,
            label_counts,
            kept_buckets,
            word_ngrams: arguments.word_ngrams,
            bucket: arguments.bucket,
            minn: arguments.minn,
            maxn: arguments.maxn,
        })
    }

    pub(super) fn labels(&self) -> &[String] {
        &self.labels
    }

    pub(super) fn label_counts(&self) -> &[i64] {
        &self.label_counts
    }

    /// Whether a word that is not in the dictionary is a label: one of the model, which may have a prefix of its own, or
    /// one with fastText's prefix.
    fn is_label(&self, word: &[u8]) -> bool {
        word.starts_with(LABEL_PREFIX) || self.label_set.contains(word)
    }

    /// The rows that the words and n-grams of a text select, read as one line.
    pub(super) fn rows_of_line(&self, text: &str) -> Vec<usize> {
        let mut rows = Vec::new();
        let mut hashes = Vec::new();
        let is_separator = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x0b | 0x0c | 0);
        let words = text.as_bytes().split(is_separator).filter(|word| !word.is_empty());
        for word in words.chain([END_OF_LINE]) {
            let known = self.words.get(word).copied();
            if known.is_none() && self.is_label(word) {
                continue;
            }
            self.add_word(word, known, &mut rows);
            hashes.push(hash(word));
            // A text that contains the end of a line as a word ends there.
            if word == END_OF_LINE {
                break;
            }
        }
        self.add_word_ngrams(&hashes, &mut rows);
        rows
    }

    fn add_word(&self, word: &[u8], known: Option<usize>, rows: &mut Vec<usize>) {
        rows.extend(known);
        if self.maxn > 0 && word != END_OF_LINE {
            let marked = [b"<", word, b">"].concat();
            self.add_subwords(&marked, rows);
        }
    }

    /// Adds the subwords of `<word>` with `minn` to `maxn` characters.
    fn add_subwords(&self, marked: &[u8], rows: &mut Vec<usize>) {
        let continues = |index: usize| marked.get(index).is_some_and(|byte| byte & 0xc0 == 0x80);
        for from in (0..marked.len()).filter(|from| !continues(*from)) {
            let mut end = from;
            for length in 1..=self.maxn {
                if end >= marked.len() {
                    break;
                }
                end += 1;
                while continues(end) {
                    end += 1;
                }
                if length >= self.minn && !(length == 1 && (from == 0 || end == marked.len())) {
                    self.add_bucket(u64::from(hash(&marked[from..end])), rows);
                }
            }
        }
    }

    fn add_word_ngrams(&self, hashes: &[u32], rows: &mut Vec<usize>) {
        // fastText stores hashes as signed numbers and widens them with their sign.
        let widen = |hash: u32| i64::from(hash.cast_signed()).cast_unsigned();
        for (first, hash) in hashes.iter().enumerate() {
            let mut joined = widen(*hash);
            for next in hashes.iter().skip(first + 1).take(self.word_ngrams.saturating_sub(1)) {
                joined = joined.wrapping_mul(NGRAM_FACTOR).wrapping_add(widen(*next));
                self.add_bucket(joined, rows);
            }
        }
    }

    fn add_bucket(&self, hash: u64, rows: &mut Vec<usize>) {
        let Some(bucket) = hash.checked_rem(self.bucket) else { return };
        let index = match &self.kept_buckets {
            None => usize::try_from(bucket).ok(),
            Some(kept) => kept.get(&bucket).copied(),
        };
        rows.extend(index.map(|index| self.first_bucket + index));
    }
}

/// FNV-1a with 32 bits over signed bytes.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ i32::from(byte.cast_signed()).cast_unsigned()).wrapping_mul(0x0100_0193)
    })
}
