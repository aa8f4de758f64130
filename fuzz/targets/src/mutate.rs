//! Mutated inputs from seeds: a stand-in for libFuzzer where only a stable toolchain is installed.
//!
//! Invariant: an input depends on the seeds, the number of the run and the number of the input only, so a finding can be
//! made again.

use corpusmill_shards::random::SplitMix64;

use crate::MAX_INPUT_BYTES;

/// Maximum number of changes to one seed.
const MAX_CHANGES: u64 = 6;
/// Maximum number of copies of a repeated piece, beyond the nesting limits of the readers.
const MAX_COPIES: u64 = 2000;
/// Numbers at the edges of types and limits.
const NUMBERS: [u64; 10] =
    [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 0x8000_0000, u64::MAX, u64::MAX - 7, 0x7fff_ffff_ffff_ffff];
/// The same in text, as lengths and counts are in WARC, JSON, YAML and HTML.
const NUMBER_TEXTS: [&str; 9] = [
    "0",
    "-1",
    "1e999",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "0.1",
    ".nan",
    "9223372036854775807",
];

/// Makes inputs from seeds.
#[derive(Debug)]
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    run: u64,
}

impl Mutator {
    /// A mutator of these seeds; another `run` gives other inputs.
    pub fn new(mut seeds: Vec<Vec<u8>>, run: u64) -> Self {
        seeds.push(Vec::new());
        Self { seeds, run }
    }

    /// The input with this number: the seeds themselves first, then mutated ones.
    pub fn input(&self, number: u64) -> Vec<u8> {
        if let Some(seed) = usize::try_from(number).ok().and_then(|number| self.seeds.get(number)) {
            return seed.clone();
        }
        let mut random = SplitMix64::new(SplitMix64::new(self.run).next_u64() ^ number);
        let mut bytes = self.pick(&mut random).to_vec();
        for _ in 0..=random.below(MAX_CHANGES) {
            self.change(&mut bytes, &mut random);
        }
        bytes.truncate(MAX_INPUT_BYTES);
        bytes
    }

    fn pick(&self, random: &mut SplitMix64) -> &[u8] {
        &self.seeds[index(random, self.seeds.len())]
    }

    fn change(&self, bytes: &mut Vec<u8>, random: &mut SplitMix64) {
        let at = index(random, bytes.len() + 1);
        match random.below(11) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = byte(random),
            2 => bytes.insert(at, byte(random)),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(piece(bytes, at, random))),
            5 => {
                let copied = bytes[piece(bytes, at, random)].to_vec();
                let to = index(random, bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
            6 => {
                let other = self.pick(random);
                let from = index(random, other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            7 => repeat(bytes, random),
            8 => {
                let number = NUMBERS[index(random, NUMBERS.len())].to_le_bytes();
                let width = 1 << random.below(4);
                let end = bytes.len().min(at + width);
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
            9 => {
                let text = NUMBER_TEXTS[index(random, NUMBER_TEXTS.len())];
                let token = tokens(bytes).into_iter().filter(|token| bytes[token.start].is_ascii_digit());
                let digits: Vec<_> = token.collect();
                let to = if digits.is_empty() { at..at } else { digits[index(random, digits.len())].clone() };
                bytes.splice(to, text.bytes());
            }
            _ => swap_tokens(bytes, random),
        }
    }
}

fn index(random: &mut SplitMix64, length: usize) -> usize {
    usize::try_from(random.below(length as u64)).expect("an index below a length fits")
}

fn byte(random: &mut SplitMix64) -> u8 {
    random.next_u64().to_le_bytes()[0]
}

/// A range from `at` of at most 64 bytes.
fn piece(bytes: &[u8], at: usize, random: &mut SplitMix64) -> std::ops::Range<usize> {
    at..bytes.len().min(at + 1 + index(random, 64))
}

/// The tokens of a text: runs of letters, runs of digits, and single other bytes.
fn tokens(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | 0x80.. => 1,
        other => 2 + usize::from(other),
    };
    let mut tokens: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, &byte) in bytes.iter().enumerate() {
        match tokens.last_mut() {
            Some(last) if kind(bytes[last.start]) == kind(byte) && kind(byte) < 2 => last.end = at + 1,
            _ => tokens.push(at..at + 1),
        }
    }
    tokens
}

/// Repeats a few tokens in place, which nests what they open.
fn repeat(bytes: &mut Vec<u8>, random: &mut SplitMix64) {
    let tokens = tokens(bytes);
    if tokens.is_empty() {
        return;
    }
    let first = index(random, tokens.len());
    let last = (first + index(random, 6)).min(tokens.len() - 1);
    let range = tokens[first].start..tokens[last].end;
    // Most often a few copies, sometimes thousands.
    let magnitude = 1 << random.below(12);
    let limit = index(random, usize::try_from(MAX_COPIES).unwrap_or(1));
    let copies = 1 + index(random, magnitude).min(limit);
    let room = MAX_INPUT_BYTES.saturating_sub(bytes.len()) / range.len();
    let repeated = bytes[range.clone()].repeat(copies.min(room));
    bytes.splice(range.start..range.start, repeated);
}

fn swap_tokens(bytes: &mut Vec<u8>, random: &mut SplitMix64) {
    let tokens = tokens(bytes);
    if tokens.len() < 2 {
        return;
    }
    let (first, second) = (index(random, tokens.len()), index(random, tokens.len()));
    let (first, second) = (tokens[first.min(second)].clone(), tokens[first.max(second)].clone());
    if first.end <= second.start {
        let (left, right) = (bytes[first.clone()].to_vec(), bytes[second.clone()].to_vec());
        bytes.splice(second, left);
        bytes.splice(first, right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_begin_with_the_seeds_and_can_be_made_again() {
        let seeds = || vec![b"<p>one 12</p>".to_vec(), b"{\"a\": [1, 2]}".to_vec()];
        let (mutator, again, other) = (Mutator::new(seeds(), 1), Mutator::new(seeds(), 1), Mutator::new(seeds(), 2));
        assert_eq!(mutator.input(0), seeds()[0]);
        assert_eq!(mutator.input(1), seeds()[1]);
        let inputs: Vec<Vec<u8>> = (3..2000).map(|number| mutator.input(number)).collect();
        assert!((3..2000).zip(&inputs).all(|(number, input)| again.input(number) == *input));
        let same = (3..2000).zip(&inputs).filter(|(number, input)| other.input(*number) == **input).count();
        assert!(same < 200, "{same} of 1997 inputs are the same in another run");
        let distinct: std::collections::BTreeSet<&Vec<u8>> = inputs.iter().collect();
        // The seeds are tiny, so that many mutations of them coincide.
        assert!(distinct.len() > 1200, "{} of 1997 inputs are distinct", distinct.len());
        assert!(inputs.iter().all(|input| input.len() <= MAX_INPUT_BYTES));
        assert!(inputs.iter().any(|input| input.len() > 1000), "no piece is repeated often");
    }

    #[test]
    fn tokens_cover_the_bytes() {
        let text = b"<p>one 12</p>\xc3\xa9x";
        let found: Vec<&[u8]> = tokens(text).into_iter().map(|token| &text[token]).collect();
        assert_eq!(found.concat(), text);
        assert_eq!(found[..5], [&b"<"[..], b"p", b">", b"one", b" "]);
    }
}
