//! The text that a page declares as its article (`articleBody` in JSON-LD), and how much of each block is in it.
//!
//! Invariant: the declaration is read once, without parsing it as JSON; words are compared as in `repeated_text`.

use std::collections::HashSet;

use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::repeated_text::{RUN_WORDS, key};
use super::shape::push_words;
use super::words::WordHashes;
use crate::tree::Tree;
use corpusmill_html::tag::Tag;

/// The name of the property, as JSON.
const PROPERTY: &str = "\"articleBody\"";
/// A declared text with fewer runs of words is a summary.
const MIN_RUNS: usize = 30;

/// For each block, the share of its runs of words that are in the declared text, in thousandths: −1 if it has none, −2
/// if the page declares no text.
pub(super) fn declared_shares(tree: &Tree<'_>, words: &WordHashes) -> Vec<i64> {
    let runs = declared_runs(tree);
    let share = |block: &[u32]| {
        let (mut all, mut held) = (0_i64, 0_i64);
        for run in block.windows(RUN_WORDS) {
            all += 1;
            held += i64::from(runs.contains(&key(run)));
        }
        (held * 1000).checked_div(all).unwrap_or(-1)
    };
    words.blocks().map(|block| if runs.len() < MIN_RUNS { -2 } else { share(block) }).collect()
}

/// The runs of words of all declared texts.
fn declared_runs(tree: &Tree<'_>) -> HashSet<u64, Xxh3DefaultBuilder> {
    let mut words = WordHashes::default();
    for id in (1..tree.nodes.len()).filter(|id| tree.node(*id).tag == Tag::Script) {
        let Some(mut rest) = tree.linked_data(id) else { continue };
        while let Some(at) = rest.find(PROPERTY) {
            rest = &rest[at + PROPERTY.len()..];
            let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
            if let Some(value) = value.and_then(|value| value.strip_prefix('"')) {
                let (text, length) = json_string(value);
                push_words(&text, &mut words);
                words.end_block();
                rest = &value[length..];
            }
        }
    }
    words.blocks().flat_map(|text| text.windows(RUN_WORDS).map(key)).collect()
}

/// Decodes a JSON string up to its closing quote; returns the text and the number of bytes read.
fn json_string(rest: &str) -> (String, usize) {
    let mut text = String::new();
    let mut characters = rest.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, at),
            '\\' => match characters.next() {
                Some((_, 'u')) => {
                    let code = rest.get(at + 2..at + 6).and_then(|code| u32::from_str_radix(code, 16).ok());
                    text.push(code.and_then(char::from_u32).unwrap_or(' '));
                    if code.is_some() {
                        characters.nth(3);
                    }
                }
                Some((_, 'n' | 'r' | 't' | 'b' | 'f')) => text.push(' '),
                Some((_, other)) => text.push(other),
                None => break,
            },
            other => text.push(other),
        }
    }
    (text, rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings_are_decoded() {
        assert_eq!(json_string(r#"a\"b\\ \u00fc\n\/c", "d""#), ("a\"b\\ ü /c".to_owned(), 18));
        assert_eq!(json_string(r"open \u00"), ("open  00".to_owned(), 9));
        assert_eq!(json_string("é\\"), ("é".to_owned(), 3));
    }
}
