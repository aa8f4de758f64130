//! Turns the tokens of a text into hashed features.
//!
//! | feature | purpose |
//! |---|---|
//! | the word; its category in the lexicon | direct evidence |
//! | subwords of 4 and 5 bytes of `<word>` | spellings that the training sets lack |
//! | bigrams, plain and with known words replaced by their category | *you + insult* against *quoted insult* |
//! | trigrams, and bigrams that skip one word, with the same replacement | who does what to whom |
//! | a word up to five words away from the name of a group | contempt of a group, for every group alike |
//!
//! Words of the lexicon have no subwords, so the model learns about insults, not about the spelling of one insult. Names
//! of groups that follow each other, and words such as *people* after them (`extends_group`), are one name, and *an* is
//! read as *a*: so *black people*, *Muslims* and *an Asian person* give the same features.
//!
//! Feature hashing: Weinberger et al. 2009; subwords: Bojanowski et al. 2017 (`fastText`).
//!
//! Invariant: the names of groups are one fixed token without a feature of its own; it only counts with its neighbours.

use super::lexicon::{Lexicon, WordClass};
use super::token::{Token, tokenize};

/// The kinds of features. Each kind is scaled by the square root of its own number, so that the many subwords of a text
/// do not outweigh its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeatureKind {
    /// A word or its category.
    Word,
    /// A piece of a word.
    Subword,
    /// Several words.
    Context,
}

impl FeatureKind {
    /// The number of kinds.
    pub(super) const COUNT: usize = 3;

    /// The position among the kinds.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Word => 0,
            Self::Subword => 1,
            Self::Context => 2,
        }
    }
}

/// Version of the features. A change that gives a text other features raises it, and needs new weights.
pub(super) const VERSION: u64 = 1;

/// Receives the features of a text.
pub(super) trait FeatureSink {
    /// Called for each feature, hashed to 64 bits.
    fn feature(&mut self, kind: FeatureKind, hash: u64);
}

const WORD: u64 = 0xcbf2_9ce4_8422_2325;
const SUBWORD: u64 = 0x9e37_79b9_7f4a_7c15;
const BIGRAM: u64 = 0xbf58_476d_1ce4_e5b9;
const SKIP_BIGRAM: u64 = 0x94d0_49bb_1331_11eb;
const TRIGRAM: u64 = 0xd6e8_feb8_6659_fd93;
const CATEGORY: u64 = 0xa076_1d64_78bd_642f;
const NEAR: u64 = 0xe703_7ed1_a0b4_28db;
const START: u64 = 1;
const IDENTITY: u64 = 2;
/// Maximum distance in words between the name of a group and a word near it.
const NEAR_WORDS: usize = 5;
/// Minimum length of a subword, in bytes.
const MIN_SUBWORD: usize = 4;
/// Maximum length of a subword, in bytes.
const MAX_SUBWORD: usize = 5;
/// The prime of 64-bit FNV-1a.
const PRIME: u64 = 0x0100_0000_01b3;

/// Passes the features of `text` to `sink`, in order.
pub(super) fn extract(text: &str, sink: &mut impl FeatureSink) {
    let mut before = [START; NEAR_WORDS];
    let mut last_plain = START;
    tokenize(text, Lexicon::embedded(), |token| {
        let here = match token {
            Token::Boundary => {
                last_plain = START;
                before.fill(START);
                return;
            }
            Token::Symbol(symbol) => {
                let hash = mix(WORD ^ u64::from(u32::from(symbol)));
                sink.feature(FeatureKind::Word, hash);
                Neighbour { plain: hash, general: hash }
            }
            Token::Word(word, known) => {
                if before[0] == IDENTITY && extends_group(word, known) {
                    return;
                }
                word_features(word, known, sink)
            }
        };
        context_features(last_plain, here, &before, &mut |hash| sink.feature(FeatureKind::Context, hash));
        before.rotate_right(1);
        before[0] = here.general;
        last_plain = here.plain;
    });
}

/// Whether a word belongs to the name of a group before it.
fn extends_group(word: &str, known: Option<(WordClass, &'static str)>) -> bool {
    matches!(known, Some((WordClass::Identity, _)))
        || matches!(
            word,
            "people"
                | "person"
                | "persons"
                | "folk"
                | "folks"
                | "community"
                | "user"
                | "users"
                | "individual"
                | "individuals"
        )
}

/// Adds the features of a word together with the words before it, the nearest first.
fn context_features(last_plain: u64, here: Neighbour, before: &[u64; NEAR_WORDS], add: &mut impl FnMut(u64)) {
    let [last, second, ..] = *before;
    add(join(BIGRAM, last, here.general));
    if (last != last_plain || here.general != here.plain) && last != IDENTITY && here.general != IDENTITY {
        add(join(BIGRAM, last_plain, here.plain));
    }
    if second != START {
        add(join(SKIP_BIGRAM, second, here.general));
    }
    add(join(join(TRIGRAM, second, last), last, here.general));
    let of_group = here.general == IDENTITY;
    for earlier in before.iter().filter(|earlier| (**earlier == IDENTITY) != of_group && **earlier != START) {
        add(mix(NEAR ^ if of_group { *earlier } else { here.general }));
        if !of_group {
            break;
        }
    }
}

#[derive(Clone, Copy)]
struct Neighbour {
    plain: u64,
    /// The hash with a known word replaced by its category.
    general: u64,
}

fn word_features(word: &str, known: Option<(WordClass, &'static str)>, sink: &mut impl FeatureSink) -> Neighbour {
    let spelling = |word: &str| mix(fnv1a(word.as_bytes()));
    match known {
        Some((WordClass::Identity, _)) => Neighbour { plain: IDENTITY, general: IDENTITY },
        Some((WordClass::Offensive(index), entry)) => {
            let plain = spelling(entry);
            let general = mix(CATEGORY ^ u64::from(index));
            sink.feature(FeatureKind::Word, plain);
            // Three times, so the weight shared by the category can grow faster than the weight of each word.
            (0..3).for_each(|_| sink.feature(FeatureKind::Word, general));
            Neighbour { plain, general }
        }
        None => {
            let plain = spelling(if word == "an" { "a" } else { word });
            sink.feature(FeatureKind::Word, plain);
            if word.is_ascii() && (3..=24).contains(&word.len()) {
                subwords(word.as_bytes(), sink);
            }
            Neighbour { plain, general: plain }
        }
    }
}

/// 64-bit FNV-1a, whose offset basis is the seed of words.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(WORD, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// Adds the subwords of `<word>`, which has at least three letters.
fn subwords(word: &[u8], sink: &mut impl FeatureSink) {
    let mut marked = [b'>'; 26];
    marked[0] = b'<';
    marked[1..=word.len()].copy_from_slice(word);
    let marked = &marked[..word.len() + 2];
    for from in 0..=marked.len() - MIN_SUBWORD {
        let mut hash = SUBWORD;
        for (length, byte) in marked[from..].iter().take(MAX_SUBWORD).enumerate() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
            if length + 1 >= MIN_SUBWORD {
                sink.feature(FeatureKind::Subword, mix(hash));
            }
        }
    }
}

fn join(kind: u64, first: u64, second: u64) -> u64 {
    mix(kind ^ first.rotate_left(17).wrapping_mul(PRIME) ^ second)
}

/// The finalizer of splitmix64 (Steele, Lea and Flood 2014), shortened to one round.
fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct All(Vec<u64>);
    impl FeatureSink for All {
        fn feature(&mut self, _: FeatureKind, hash: u64) {
            self.0.push(hash);
        }
    }

    fn all(text: &str) -> All {
        let mut all = All::default();
        extract(text, &mut all);
        all
    }

    #[test]
    fn groups_are_interchangeable() {
        assert_eq!(all("I met two muslims today").0, all("I met two women today").0);
        assert_ne!(all("I met two muslims today").0, all("I met two cousins today").0);
        assert_eq!(all("I met an Asian person today").0, all("I met a Muslim today").0);
        assert_eq!(all("I met non-binary people today").0, all("I met women today").0);
    }

    #[test]
    fn a_sentence_starts_anew() {
        let both = all("women sat there. vermin ran").0;
        let apart = [all("women sat there. ").0, all("vermin ran").0].concat();
        assert_eq!(both, apart);
    }

    #[test]
    fn a_known_word_has_a_general_pair() {
        let (first, second) = (all("you idiot").0, all("you moron").0);
        assert!(second.iter().filter(|feature| first.contains(feature)).count() > all("you").0.len());
    }
}
