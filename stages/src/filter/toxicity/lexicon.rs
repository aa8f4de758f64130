//! The lexicon of the toxicity model: offensive words by category, and names of groups of people.
//!
//! Invariant: names of groups have no features of their own; all of them are one neutral token.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Offensive words with their categories.
pub(super) const LEXICON_TEXT: &str = include_str!("lexicon.txt");
/// Names of groups, which have no weight.
pub(super) const IDENTITY_TEXT: &str = include_str!("identity.txt");

/// The class of a known word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordClass {
    /// The name of a group of people, which is neutral.
    Identity,
    /// An offensive word, with its index into [`CATEGORIES`].
    Offensive(u8),
}

/// The categories of `lexicon.txt`.
pub(super) const CATEGORIES: [&str; 7] = ["slur", "insult", "profanity", "sexual", "violence", "dehumanise", "hostile"];

/// Endings that `+` allows.
const ENDINGS: [&str; 8] = ["", "s", "es", "ed", "ing", "in", "er", "y"];

/// The categories whose words are shown to users. Words of the others (*kill*, *animal*, *hate*) are ordinary words.
const REPORTABLE: [&str; 4] = ["slur", "insult", "profanity", "sexual"];

/// Number of outlines.
const OUTLINES: usize = 1 << 15;

/// Five bits each of the first letter, the second letter and the length of a word.
fn outline(word: &[u8]) -> usize {
    let bits = |byte: Option<&u8>| usize::from(byte.copied().unwrap_or(0) & 31);
    bits(word.first()) << 10 | bits(word.get(1)) << 5 | (word.len() & 31)
}

/// The known words and their classes.
#[derive(Debug)]
pub(super) struct Lexicon {
    words: HashMap<String, (WordClass, &'static str)>,
    /// One bit per [`outline`] that some word has: most words of a text are not listed, and this tells it without a hash.
    outlines: Vec<u64>,
    starred: Vec<&'static str>,
}

impl Lexicon {
    /// The lexicon embedded in the program.
    pub(super) fn embedded() -> &'static Self {
        static LEXICON: OnceLock<Lexicon> = OnceLock::new();
        LEXICON.get_or_init(|| Self::parse(LEXICON_TEXT, IDENTITY_TEXT))
    }

    fn parse(offensive: &'static str, identity: &'static str) -> Self {
        let mut words = HashMap::new();
        let mut starred = Vec::new();
        for line in lines(offensive) {
            let Some((word, category)) = line.split_once(' ') else { continue };
            let Some(index) = CATEGORIES.iter().position(|known| *known == category.trim()) else { continue };
            let class = WordClass::Offensive(u8::try_from(index).unwrap_or(u8::MAX));
            let base = word.trim_end_matches('+');
            let endings = if base.len() < word.len() { &ENDINGS[..] } else { &ENDINGS[..1] };
            for ending in endings {
                words.entry(format!("{base}{ending}")).or_insert((class, base));
                if let (Some(cut), true) = (base.strip_suffix('e'), ending.starts_with(['e', 'i'])) {
                    words.entry(format!("{cut}{ending}")).or_insert((class, base));
                }
            }
            if base.len() >= 4 && REPORTABLE[..3].contains(&category.trim()) {
                starred.push(base);
            }
        }
        for word in lines(identity).flat_map(str::split_whitespace) {
            words.insert(word.to_owned(), (WordClass::Identity, word));
        }
        let mut outlines = vec![0_u64; OUTLINES / 64];
        words
            .keys()
            .map(|word| outline(word.as_bytes()))
            .for_each(|outline| outlines[outline / 64] |= 1 << (outline % 64));
        Self { words, outlines, starred }
    }

    /// The class of `word` (lower case, without accents), and its entry in the lexicon.
    pub(super) fn find(&self, word: &str) -> Option<(WordClass, &'static str)> {
        let outline = outline(word.as_bytes());
        if self.outlines[outline / 64] & (1 << (outline % 64)) == 0 {
            return None;
        }
        self.words.get(word).copied()
    }

    /// The entry that matches a word with `*` in place of letters, such as `sh*t`.
    pub(super) fn find_starred(&self, word: &str) -> Option<&'static str> {
        let fits = |entry: &&&str| {
            entry.len() == word.len()
                && entry.bytes().zip(word.bytes()).all(|(letter, given)| given == b'*' || given == letter)
        };
        self.starred.iter().find(fits).copied()
    }

    /// Whether a rejection's detail lists words of this class.
    pub(super) fn is_reportable(class: WordClass) -> bool {
        matches!(class, WordClass::Offensive(index) if CATEGORIES.get(usize::from(index)).is_some_and(|name| REPORTABLE.contains(name)))
    }
}

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        for line in lines(LEXICON_TEXT) {
            let (word, category) = line.split_once(' ').unwrap();
            assert!(CATEGORIES.contains(&category), "{line}");
            assert!(Lexicon::embedded().find(word.trim_end_matches('+')).is_some(), "{line}");
        }
    }

    #[test]
    fn a_group_is_never_offensive() {
        let lexicon = Lexicon::embedded();
        for word in lines(IDENTITY_TEXT).flat_map(str::split_whitespace) {
            assert_eq!(lexicon.find(word).unwrap().0, WordClass::Identity, "{word}");
        }
    }

    #[test]
    fn endings_and_stars() {
        let lexicon = Lexicon::embedded();
        assert_eq!(lexicon.find("idiots").unwrap().1, "idiot");
        assert_eq!(lexicon.find("hated").unwrap().1, "hate");
        assert!(lexicon.find("table").is_none());
        assert_eq!(lexicon.find_starred("id*ot"), Some("idiot"));
        assert_eq!(lexicon.find_starred("a*b"), None);
    }
}
