//! Generates realistic text from a seed.

use std::fmt::Write as _;

/// A random number generator (SplitMix64; Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub struct TextGenerator(u64);

impl TextGenerator {
    /// Creates a generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let at = self.below(words.len() as u64);
        words[usize::try_from(at).expect("an index fits")]
    }
}

const NOUNS: [&str; 40] = [
    "miller", "river", "stone", "wheel", "garden", "letter", "window", "bridge", "harbour", "market", "forest",
    "lantern", "teacher", "village", "kitchen", "mountain", "library", "engine", "captain", "orchard", "meadow",
    "painter", "clock", "station", "island", "winter", "summer", "evening", "morning", "kettle", "basket", "sailor",
    "doctor", "ladder", "candle", "thunder", "pocket", "shadow", "feather", "journey",
];
const VERBS: [&str; 24] = [
    "carries",
    "watches",
    "follows",
    "remembers",
    "repairs",
    "crosses",
    "finds",
    "leaves",
    "measures",
    "paints",
    "opens",
    "closes",
    "describes",
    "forgets",
    "turns",
    "lifts",
    "answers",
    "guards",
    "borrows",
    "returns",
    "counts",
    "visits",
    "hears",
    "builds",
];
const WORDS: [&str; 24] = [
    "old", "quiet", "narrow", "bright", "careful", "distant", "wooden", "heavy", "gentle", "broken", "silver", "early",
    "empty", "patient", "curious", "stubborn", "ordinary", "famous", "hollow", "tall", "warm", "hidden", "green",
    "slow",
];
const PHRASES: [&str; 12] = [
    "beside the road",
    "under the roof",
    "before the rain",
    "after the long day",
    "in the next valley",
    "near the mill",
    "without a word",
    "at the end of the street",
    "with great patience",
    "for the whole week",
    "behind the school",
    "because the door was open",
];

fn sentence(random: &mut TextGenerator) -> String {
    format!(
        "The {} {} {} the {} {} {}, and a {} {} it {}.",
        random.pick(&WORDS),
        random.pick(&NOUNS),
        random.pick(&VERBS),
        random.pick(&WORDS),
        random.pick(&NOUNS),
        random.pick(&PHRASES),
        random.pick(&NOUNS),
        random.pick(&VERBS),
        random.pick(&PHRASES),
    )
}

/// English text of this many sentences, one per line; each seed gives a different text.
pub fn prose(seed: u64, sentences: usize) -> String {
    let mut random = TextGenerator::new(seed);
    let mut text = String::new();
    for _ in 0..sentences {
        let _ = writeln!(text, "{}", sentence(&mut random));
    }
    text
}

/// A Rust module of this many functions.
pub fn code(seed: u64, functions: usize) -> String {
    let mut random = TextGenerator::new(seed);
    let mut text = format!("//! {}\n\n", sentence(&mut random));
    for _ in 0..functions {
        let (doc, verb, noun) = (sentence(&mut random), random.pick(&VERBS), random.pick(&NOUNS));
        let (left, right) = (random.pick(&NOUNS), random.below(1000));
        let _ = writeln!(
            text,
            "/// {doc}\npub fn {verb}_{noun}_{right}({left}: u64) -> u64 {{\n    {left}.wrapping_mul({right}) + 1\n}}\n"
        );
    }
    text
}

/// An HTML page with navigation around this many paragraphs.
pub fn page(seed: u64, paragraphs: usize) -> String {
    let mut random = TextGenerator::new(seed);
    let title = format!("The {} {}", random.pick(&WORDS), random.pick(&NOUNS));
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><title>{title}</title></head><body>\n\
         <nav><a href=\"/\">Home</a> <a href=\"/about\">About</a></nav>\n<main><article><h1>{title}</h1>\n"
    );
    for _ in 0..paragraphs {
        let _ = writeln!(text, "<p>{} {}</p>", sentence(&mut random), sentence(&mut random));
    }
    text.push_str("</article></main>\n<footer>All rights and wrongs.</footer></body></html>\n");
    text
}
