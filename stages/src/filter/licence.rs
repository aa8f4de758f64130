//! Whether a document's licence is on the recipe's list, and which licence a LICENSE file's text is.
//!
//! It stands in the filter stage: a document without an allowed licence is rejected with the expression that failed.
//! Expressions are SPDX's (ISO/IEC 5962), with the old `MIT/Apache-2.0` of crates read as OR.
//!
//! Invariant: what cannot be read is never allowed.

use spdx::{Expression, LicenseItem, LicenseReq, ParseMode};

/// Licences that ask for no more than attribution, and some not for that.
const PERMISSIVE: [&str; 22] = [
    "0BSD",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "NCSA",
    "PostgreSQL",
    "Python-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "X11",
    "Zlib",
    "bzip2-1.0.6",
];

/// Which licences a corpus accepts.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LicencePolicy {
    /// SPDX identifiers that are accepted, also with an exception: `Apache-2.0 WITH LLVM-exception` is accepted where
    /// `Apache-2.0` is, since an exception only adds permissions. Default: common permissive licences.
    pub allow: Vec<String>,
}

impl Default for LicencePolicy {
    fn default() -> Self {
        Self { allow: PERMISSIVE.map(str::to_owned).to_vec() }
    }
}

/// Why a policy was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LicenceError {
    /// An identifier is not on SPDX's list.
    #[error("allow: unknown SPDX licence {given:?}{}", suggestion.map_or_else(String::new, |known| format!("; did you mean {known:?}?")))]
    Unknown {
        /// As given.
        given: String,
        /// The nearest known identifier, if one is near.
        suggestion: Option<&'static str>,
    },
}

/// What a policy says of a licence expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenceVerdict {
    /// The expression can be satisfied with allowed licences alone.
    Allowed,
    /// It cannot.
    Refused {
        /// The expression as given.
        expression: String,
    },
    /// The document states no licence.
    Missing,
    /// The expression cannot be read.
    Unparsed {
        /// The expression as given.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl LicencePolicy {
    /// Checks the identifiers.
    ///
    /// # Errors
    /// [`LicenceError::Unknown`] for the first identifier that SPDX's list lacks.
    pub fn check(&self) -> Result<(), LicenceError> {
        match self.allow.iter().find(|given| spdx::license_id(given).is_none_or(|id| id.name != given.as_str())) {
            Some(given) => Err(LicenceError::Unknown { given: given.clone(), suggestion: nearest(given) }),
            None => Ok(()),
        }
    }

    /// What the policy says of `expression`: each side of AND must be allowed, one side of OR suffices.
    ///
    /// ```
    /// # use corpusmill_stages::filter::licence::{LicencePolicy, LicenceVerdict};
    /// let policy = LicencePolicy::default();
    /// assert_eq!(policy.evaluate(Some("MIT OR GPL-3.0-only")), LicenceVerdict::Allowed);
    /// assert_eq!(policy.evaluate(None), LicenceVerdict::Missing);
    /// ```
    pub fn evaluate(&self, expression: Option<&str>) -> LicenceVerdict {
        let Some(given) = expression.map(str::trim).filter(|given| !given.is_empty()) else {
            return LicenceVerdict::Missing;
        };
        match Expression::parse_mode(given, ParseMode::LAX) {
            Ok(parsed) if parsed.evaluate(|requirement| self.allows(requirement)) => LicenceVerdict::Allowed,
            Ok(_) => LicenceVerdict::Refused { expression: given.to_owned() },
            Err(error) => LicenceVerdict::Unparsed { expression: given.to_owned(), reason: error.reason.to_string() },
        }
    }

    fn allows(&self, requirement: &LicenseReq) -> bool {
        match &requirement.license {
            LicenseItem::Spdx { id, .. } => self.allow.iter().any(|name| name == id.name),
            LicenseItem::Other(_) => false,
        }
    }
}

/// The known identifier nearest to `given`, if it is near.
fn nearest(given: &str) -> Option<&'static str> {
    let lower = given.trim().to_ascii_lowercase();
    let distance = |name: &'static str| (strsim::damerau_levenshtein(&lower, &name.to_ascii_lowercase()), name);
    let (distance, name) = spdx::identifiers::LICENSES.iter().map(|licence| distance(licence.name)).min()?;
    (distance <= given.len().div_ceil(3)).then_some(name)
}

/// One licence and the phrases by which its text is known: all of `has`, none of `lacks`; in lower case, single spaces.
struct Phrases {
    id: &'static str,
    has: &'static [&'static str],
    lacks: &'static [&'static str],
}

/// The more special before the more general.
const TEXTS: [Phrases; 20] = [
    Phrases {
        id: "AGPL-3.0-only",
        has: &["gnu affero general public license", "version 3, 19 november 2007"],
        lacks: &[],
    },
    Phrases { id: "LGPL-3.0-only", has: &["gnu lesser general public license", "version 3, 29 june 2007"], lacks: &[] },
    Phrases {
        id: "LGPL-2.1-only",
        has: &["gnu lesser general public license", "version 2.1, february 1999"],
        lacks: &[],
    },
    Phrases { id: "GPL-3.0-only", has: &["gnu general public license", "version 3, 29 june 2007"], lacks: &[] },
    Phrases { id: "GPL-2.0-only", has: &["gnu general public license", "version 2, june 1991"], lacks: &[] },
    Phrases { id: "MPL-2.0", has: &["mozilla public license version 2.0", "covered software"], lacks: &[] },
    Phrases { id: "EPL-2.0", has: &["eclipse public license - v 2.0"], lacks: &[] },
    Phrases {
        id: "Apache-2.0",
        has: &[
            "apache license",
            "version 2.0, january 2004",
            "terms and conditions for use, reproduction, and distribution",
        ],
        lacks: &[],
    },
    Phrases {
        id: "Apache-2.0",
        has: &[
            "licensed under the apache license, version 2.0 (the \"license\"); you may not use this file except in compliance with the license",
        ],
        lacks: &["llvm exception"],
    },
    Phrases { id: "Unicode-3.0", has: &["unicode license v3", "data files or software"], lacks: &[] },
    Phrases {
        id: "Unlicense",
        has: &["this is free and unencumbered software released into the public domain"],
        lacks: &[],
    },
    Phrases { id: "CC0-1.0", has: &["cc0 1.0 universal", "creative commons"], lacks: &[] },
    Phrases { id: "BSL-1.0", has: &["boost software license - version 1.0 - august 17th, 2003"], lacks: &[] },
    Phrases {
        id: "Zlib",
        has: &[
            "provided 'as-is', without any express or implied warranty",
            "altered source versions must be plainly marked as such",
        ],
        lacks: &[],
    },
    Phrases {
        id: "BSD-3-Clause",
        has: &[BSD, "must reproduce the above copyright notice", "may be used to endorse or promote products"],
        lacks: &[ADVERTISING],
    },
    Phrases {
        id: "BSD-2-Clause",
        has: &[BSD, "must reproduce the above copyright notice"],
        lacks: &[ADVERTISING, "may be used to endorse or promote products"],
    },
    Phrases {
        id: "0BSD",
        has: &[
            "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted",
        ],
        lacks: &["provided that the above copyright notice"],
    },
    Phrases {
        id: "ISC",
        has: &[
            "distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all copies",
        ],
        lacks: &[],
    },
    Phrases {
        id: "MIT",
        has: &[MIT, NOTICE],
        lacks: &["shall not be used in advertising", "shall be used for good, not evil"],
    },
    Phrases {
        id: "MIT-0",
        has: &[MIT, "and to permit persons to whom the software is furnished to do so"],
        lacks: &["the above copyright notice"],
    },
];

const MIT: &str = "permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files";
const NOTICE: &str = "the above copyright notice and this permission notice";
const BSD: &str = "redistribution and use in source and binary forms, with or without modification, are permitted";
const ADVERTISING: &str = "all advertising materials mentioning features";

/// The longest text that is looked at: the GPL has 35 KB.
const MAX_TEXT_BYTES: usize = 100_000;

/// The SPDX identifier of a LICENSE file's text, if it is one of the common licences; `None` also if the file holds several.
///
/// A GNU licence's text is the same for *only* and *or later*; the narrower is returned.
pub fn detect(text: &str) -> Option<&'static str> {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let plain = plain(&text[..end]);
    let fits = |licence: &&Phrases| {
        licence.has.iter().all(|phrase| plain.contains(phrase))
            && !licence.lacks.iter().any(|phrase| plain.contains(phrase))
    };
    let mut found = TEXTS.iter().filter(fits);
    let first = found.next()?;
    // The GNU family quotes itself; of the others, two in one file are a choice or a sum that a human must read.
    let is_gnu = |id: &str| id.contains("GPL");
    let second = found.find(|other| other.id != first.id && !(is_gnu(first.id) && is_gnu(other.id)));
    // The advertising clause makes a licence of its own, whatever else is fulfilled.
    (second.is_none() && (is_gnu(first.id) || !plain.contains(ADVERTISING))).then_some(first.id)
}

/// Lower case, runs of space and of comment or list marks as one space, straight quotes.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        let letter = match letter {
            '‘' | '’' | '`' => '\'',
            '“' | '”' => '"',
            '*' | '#' | '_' | '>' => ' ',
            other => other,
        };
        if letter.is_whitespace() {
            if !plain.ends_with(' ') {
                plain.push(' ');
            }
        } else {
            plain.extend(letter.to_lowercase());
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(expression: &str) -> LicenceVerdict {
        LicencePolicy::default().evaluate(Some(expression))
    }

    #[test]
    fn expressions_are_honoured() {
        for allowed in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "GPL-3.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            " MIT ",
            "Zlib OR Apache-2.0 OR MIT",
        ] {
            assert_eq!(verdict(allowed), LicenceVerdict::Allowed, "{allowed}");
        }
        for refused in ["GPL-3.0-only", "MIT AND GPL-2.0-or-later", "LicenseRef-Custom", "MPL-2.0", "LGPL-2.1/GPL-3.0"]
        {
            assert_eq!(verdict(refused), LicenceVerdict::Refused { expression: refused.to_owned() });
        }
        for broken in ["MIT OR", "See LICENSE", "(MIT", "Mit-ish"] {
            assert!(matches!(verdict(broken), LicenceVerdict::Unparsed { .. }), "{broken}");
        }
        let policy = LicencePolicy::default();
        assert_eq!(
            (policy.evaluate(None), policy.evaluate(Some("  "))),
            (LicenceVerdict::Missing, LicenceVerdict::Missing)
        );
    }

    #[test]
    fn unknown_names_are_refused_with_a_hint() {
        let policy = |name: &str| LicencePolicy { allow: vec![name.to_owned()] }.check().unwrap_err().to_string();
        assert_eq!(policy("Apache2.0"), "allow: unknown SPDX licence \"Apache2.0\"; did you mean \"Apache-2.0\"?");
        assert_eq!(LicencePolicy::default().check(), Ok(()));
        assert_eq!(policy("mit"), "allow: unknown SPDX licence \"mit\"; did you mean \"MIT\"?");
        assert_eq!(
            policy("proprietary-nonsense-of-ours"),
            "allow: unknown SPDX licence \"proprietary-nonsense-of-ours\""
        );
    }

    #[test]
    fn texts_are_known_by_their_phrases() {
        let mit = format!(
            "MIT License\n\nCopyright (c) 2020 A\n\n{}\n(the \"Software\") …\n\nThe above copyright notice and this permission notice shall be\nincluded in all copies or substantial portions of the Software.",
            MIT.replace("obtaining", "\n  obtaining")
        );
        assert_eq!(detect(&mit), Some("MIT"));
        let bsd = format!(
            "{BSD} provided that … 2. Redistributions in binary form must reproduce the above copyright notice"
        );
        assert_eq!(detect(&bsd), Some("BSD-2-Clause"));
        assert_eq!(
            detect(&format!("{bsd} 3. Neither the name may be used to endorse or promote products")),
            Some("BSD-3-Clause")
        );
        assert_eq!(detect(&format!("{bsd} {ADVERTISING} may be used to endorse or promote products")), None);
        assert_eq!(detect(&format!("{mit}\n\n{bsd}")), None);
        assert_eq!(detect("All rights reserved."), None);
    }

    #[test]
    fn any_text_is_read() {
        proptest::proptest!(|(text in "\\PC*")| { let _ = (detect(&text), verdict(&text)); });
    }
}
