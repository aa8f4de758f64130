//! Converts the language codes that pages declare (BCP 47) to ISO 639-3.
//!
//! Invariant: an unknown or malformed code gives `None`, never a guess.

/// ISO 639-1 to ISO 639-3; the most common individual language where ISO 639-1 has a macrolanguage.
const CODES: [(&str, &str); 75] = [
    ("af", "afr"),
    ("am", "amh"),
    ("ar", "arb"),
    ("az", "azj"),
    ("be", "bel"),
    ("bg", "bul"),
    ("bn", "ben"),
    ("bo", "bod"),
    ("bs", "bos"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("cy", "cym"),
    ("da", "dan"),
    ("de", "deu"),
    ("dv", "div"),
    ("el", "ell"),
    ("en", "eng"),
    ("eo", "epo"),
    ("es", "spa"),
    ("et", "ekk"),
    ("eu", "eus"),
    ("fa", "pes"),
    ("fi", "fin"),
    ("fr", "fra"),
    ("ga", "gle"),
    ("gl", "glg"),
    ("gu", "guj"),
    ("ha", "hau"),
    ("he", "heb"),
    ("hi", "hin"),
    ("hr", "hrv"),
    ("hu", "hun"),
    ("hy", "hye"),
    ("id", "ind"),
    ("is", "isl"),
    ("it", "ita"),
    ("ja", "jpn"),
    ("jv", "jav"),
    ("ka", "kat"),
    ("kk", "kaz"),
    ("km", "khm"),
    ("kn", "kan"),
    ("ko", "kor"),
    ("la", "lat"),
    ("lo", "lao"),
    ("lt", "lit"),
    ("lv", "lvs"),
    ("mk", "mkd"),
    ("ml", "mal"),
    ("mn", "khk"),
    ("mr", "mar"),
    ("ms", "zsm"),
    ("my", "mya"),
    ("nb", "nob"),
    ("ne", "npi"),
    ("nl", "nld"),
    ("nn", "nno"),
    ("no", "nob"),
    ("pa", "pan"),
    ("pl", "pol"),
    ("pt", "por"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("sr", "srp"),
    ("sv", "swe"),
    ("sw", "swh"),
    ("ta", "tam"),
    ("th", "tha"),
    ("tr", "tur"),
    ("uk", "ukr"),
    ("ur", "urd"),
    ("vi", "vie"),
    ("zh", "cmn"),
];

/// The ISO 639-3 code of a BCP 47 tag such as `en-GB` or `deu`.
pub fn iso639_3(tag: &str) -> Option<&'static str> {
    let primary = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
    CODES.iter().find(|(short, long)| *short == primary || *long == primary).map(|(_, long)| *long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_codes() {
        assert_eq!(iso639_3("en-GB"), Some("eng"));
        assert_eq!(iso639_3("ZH_hans"), Some("cmn"));
        assert_eq!(iso639_3("deu"), Some("deu"));
        assert_eq!(iso639_3("x-klingon"), None);
    }
}
