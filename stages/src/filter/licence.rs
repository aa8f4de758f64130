//! Checks a document's licence against the recipe's list, and identifies the licence of a LICENSE file's text.
//!
//! Part of the filter stage: a document without an allowed licence is rejected, and the rejection shows the expression.
//! Expressions are SPDX's (ISO/IEC 5962); the old form `MIT/Apache-2.0` of crates means OR.
//!
//! Invariant: an expression that does not parse is never allowed.

use spdx::{Expression, LicenseItem, LicenseReq, ParseMode};

/// Licences that require attribution at most.
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

/// The licences that a corpus accepts.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LicencePolicy {
    /// SPDX identifiers of the allowed licences. An identifier also allows the licence with an exception (`Apache-2.0`
    /// allows `Apache-2.0 WITH LLVM-exception`), since an exception only adds permissions. Default: common permissive
    /// licences.
    pub allow: Vec<String>,
}

impl Default for LicencePolicy {
    fn default() -> Self {
        Self { allow: PERMISSIVE.map(str::to_owned).to_vec() }
    }
}

/// Why a policy is invalid.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LicenceError {
    /// An identifier is not in the SPDX list.
    #[error("allow: unknown SPDX licence {given:?}{}", suggestion.map_or_else(String::new, |known| format!("; did you mean {known:?}?")))]
    Unknown {
        /// The unknown identifier.
        given: String,
        /// The nearest known identifier, if one is close.
        suggestion: Option<&'static str>,
    },
}

/// The result of checking a licence expression against a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenceStatus {
    /// Allowed licences alone satisfy the expression.
    Allowed,
    /// Allowed licences alone do not satisfy the expression.
    Denied {
        /// The document's expression.
        expression: String,
    },
    /// The document has no licence.
    Missing,
    /// The expression does not parse.
    Invalid {
        /// The document's expression.
        expression: String,
        /// The reason why it does not parse.
        reason: String,
    },
}

impl LicencePolicy {
    /// Checks that every identifier is in the SPDX list.
    ///
    /// # Errors
    /// [`LicenceError::Unknown`] for the first identifier that is not in the SPDX list.
    pub fn check(&self) -> Result<(), LicenceError> {
        match self.allow.iter().find(|given| spdx::license_id(given).is_none_or(|id| id.name != given.as_str())) {
            Some(given) => Err(LicenceError::Unknown { given: given.clone(), suggestion: nearest(given) }),
            None => Ok(()),
        }
    }

    /// Checks `expression`: each side of AND must be allowed; one side of OR is enough.
    ///
    /// ```
    /// # use corpusmill_stages::filter::licence::{LicencePolicy, LicenceStatus};
    /// let policy = LicencePolicy::default();
    /// assert_eq!(policy.evaluate(Some("MIT OR GPL-3.0-only")), LicenceStatus::Allowed);
    /// assert_eq!(policy.evaluate(None), LicenceStatus::Missing);
    /// ```
    pub fn evaluate(&self, expression: Option<&str>) -> LicenceStatus {
        let Some(given) = expression.map(str::trim).filter(|given| !given.is_empty()) else {
            return LicenceStatus::Missing;
        };
        match Expression::parse_mode(given, ParseMode::LAX) {
            Ok(parsed) if parsed.evaluate(|requirement| self.allows(requirement)) => LicenceStatus::Allowed,
            Ok(_) => LicenceStatus::Denied { expression: given.to_owned() },
            Err(error) => LicenceStatus::Invalid { expression: given.to_owned(), reason: error.reason.to_string() },
        }
    }

    fn allows(&self, requirement: &LicenseReq) -> bool {
        match &requirement.license {
            LicenseItem::Spdx { id, .. } => self.allow.iter().any(|name| name == id.name),
            LicenseItem::Other(_) => false,
        }
    }
}

/// The known identifier nearest to `given`, if it is close enough.
fn nearest(given: &str) -> Option<&'static str> {
    let lower = given.trim().to_ascii_lowercase();
    let distance = |name: &'static str| (strsim::damerau_levenshtein(&lower, &name.to_ascii_lowercase()), name);
    let (distance, name) = spdx::identifiers::LICENSES.iter().map(|licence| distance(licence.name)).min()?;
    (distance <= given.len().div_ceil(3)).then_some(name)
}

/// A licence and the phrases that identify its text: all of `has` and none of `lacks`, in lower case, single spaces.
struct LicencePhrases {
    id: &'static str,
    has: &'static [&'static str],
    lacks: &'static [&'static str],
}

/// Licence texts, the more specific before the more general.
const LICENCE_TEXTS: [LicencePhrases; 20] = [
    LicencePhrases {
        id: "AGPL-3.0-only",
        has: &["gnu affero general public license", "version 3, 19 november 2007"],
        lacks: &[],
    },
    LicencePhrases {
        id: "LGPL-3.0-only",
        has: &["gnu lesser general public license", "version 3, 29 june 2007"],
        lacks: &[],
    },
    LicencePhrases {
        id: "LGPL-2.1-only",
        has: &["gnu lesser general public license", "version 2.1, february 1999"],
        lacks: &[],
    },
    LicencePhrases { id: "GPL-3.0-only", has: &["gnu general public license", "version 3, 29 june 2007"], lacks: &[] },
    LicencePhrases { id: "GPL-2.0-only", has: &["gnu general public license", "version 2, june 1991"], lacks: &[] },
    LicencePhrases { id: "MPL-2.0", has: &["mozilla public license version 2.0", "covered software"], lacks: &[] },
    LicencePhrases { id: "EPL-2.0", has: &["eclipse public license - v 2.0"], lacks: &[] },
    LicencePhrases {
        id: "Apache-2.0",
        has: &[
            "apache license",
            "version 2.0, january 2004",
            "terms and conditions for use, reproduction, and distribution",
        ],
        lacks: &[],
    },
    LicencePhrases {
        id: "Apache-2.0",
        has: &[
            "licensed under the apache license, version 2.0 (the \"license\"); you may not use this file except in compliance with the license",
        ],
        lacks: &["llvm exception"],
    },
    LicencePhrases { id: "Unicode-3.0", has: &["unicode license v3", "data files or software"], lacks: &[] },
    LicencePhrases {
        id: "Unlicense",
        has: &["this is free and unencumbered software released into the public domain"],
        lacks: &[],
    },
    LicencePhrases { id: "CC0-1.0", has: &["cc0 1.0 universal", "creative commons"], lacks: &[] },
    LicencePhrases { id: "BSL-1.0", has: &["boost software license - version 1.0 - august 17th, 2003"], lacks: &[] },
    LicencePhrases {
        id: "Zlib",
        has: &[
            "provided 'as-is', without any express or implied warranty",
            "altered source versions must be plainly marked as such",
        ],
        lacks: &[],
    },
    LicencePhrases {
        id: "BSD-3-Clause",
        has: &[BSD, "must reproduce the above copyright notice", "may be used to endorse or promote products"],
        lacks: &[ADVERTISING],
    },
    LicencePhrases {
        id: "BSD-2-Clause",
        has: &[BSD, "must reproduce the above copyright notice"],
        lacks: &[ADVERTISING, "may be used to endorse or promote products"],
    },
    LicencePhrases {
        id: "0BSD",
        has: &[
            "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted",
        ],
        lacks: &["provided that the above copyright notice"],
    },
    LicencePhrases {
        id: "ISC",
        has: &[
            "distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all copies",
        ],
        lacks: &[],
    },
    LicencePhrases {
        id: "MIT",
        has: &[MIT, NOTICE],
        lacks: &["shall not be used in advertising", "shall be used for good, not evil"],
    },
    LicencePhrases {
        id: "MIT-0",
        has: &[MIT, "and to permit persons to whom the software is furnished to do so"],
        lacks: &["the above copyright notice"],
    },
];

const MIT: &str = "permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files";
const NOTICE: &str = "the above copyright notice and this permission notice";
const BSD: &str = "redistribution and use in source and binary forms, with or without modification, are permitted";
const ADVERTISING: &str = "all advertising materials mentioning features";

/// Maximum number of bytes read of a text. The GPL has 35 KB.
const MAX_TEXT_BYTES: usize = 100_000;

/// The SPDX identifier of a LICENSE file's text, if it is a common licence. `None` if the file contains several.
///
/// The text of a GNU licence is the same for *only* and *or later*; this returns the narrower *only*.
pub fn detect(text: &str) -> Option<&'static str> {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let plain = normalise(&text[..end]);
    let fits = |licence: &&LicencePhrases| {
        licence.has.iter().all(|phrase| plain.contains(phrase))
            && !licence.lacks.iter().any(|phrase| plain.contains(phrase))
    };
    let mut found = LICENCE_TEXTS.iter().filter(fits);
    let first = found.next()?;
    // GNU licences quote each other. Two other licences in one file may mean AND or OR, which only a human can tell.
    let is_gnu = |id: &str| id.contains("GPL");
    let second = found.find(|other| other.id != first.id && !(is_gnu(first.id) && is_gnu(other.id)));
    // The advertising clause makes it a different licence, even if all other phrases match.
    (second.is_none() && (is_gnu(first.id) || !plain.contains(ADVERTISING))).then_some(first.id)
}

/// Lower-cases `text`, collapses white space, comment and list marks to one space, and straightens quotes.
fn normalise(text: &str) -> String {
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

    fn status(expression: &str) -> LicenceStatus {
        LicencePolicy::default().evaluate(Some(expression))
    }

    #[test]
    fn expressions_are_evaluated() {
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
            assert_eq!(status(allowed), LicenceStatus::Allowed, "{allowed}");
        }
        for denied in ["GPL-3.0-only", "MIT AND GPL-2.0-or-later", "LicenseRef-Custom", "MPL-2.0", "LGPL-2.1/GPL-3.0"] {
            assert_eq!(status(denied), LicenceStatus::Denied { expression: denied.to_owned() });
        }
        for broken in ["MIT OR", "See LICENSE", "(MIT", "Mit-ish"] {
            assert!(matches!(status(broken), LicenceStatus::Invalid { .. }), "{broken}");
        }
        let policy = LicencePolicy::default();
        assert_eq!(
            (policy.evaluate(None), policy.evaluate(Some("  "))),
            (LicenceStatus::Missing, LicenceStatus::Missing)
        );
    }

    #[test]
    fn unknown_identifiers_are_errors_with_a_hint() {
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
    fn texts_are_identified_by_their_phrases() {
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
    fn any_text_is_accepted() {
        proptest::proptest!(|(text in "\\PC*")| { let _ = (detect(&text), status(&text)); });
    }
}
