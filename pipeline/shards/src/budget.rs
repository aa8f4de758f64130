//! A number of tokens as people write it: `20M`, `1.5B`, `300_000`.
//!
//! Invariant: parsing is exact; anything but a whole number of tokens is rejected, not rounded.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenBudget(pub u64);

/// The text is not a number of tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{input}` is not a number of tokens ({why}); give a whole number such as 300000 or 300_000, or a number with k (10^3), M (10^6), B or G (10^9), T (10^12), such as 20M or 1.5B"
)]
pub struct BudgetError {
    input: String,
    why: &'static str,
}

impl FromStr for TokenBudget {
    type Err = BudgetError;

    fn from_str(input: &str) -> Result<Self, BudgetError> {
        parse(input.trim()).map(Self).map_err(|why| BudgetError { input: input.to_owned(), why })
    }
}

fn parse(text: &str) -> Result<u64, &'static str> {
    let (number, scale) = match text.char_indices().next_back() {
        None => return Err("it is empty"),
        Some((_, last)) if last.is_ascii_digit() => (text, 0),
        Some((at, last)) => {
            let scale = match last {
                'k' | 'K' => 3,
                'M' => 6,
                'B' | 'G' => 9,
                'T' => 12,
                'm' | 'b' | 'g' | 't' => {
                    return Err("the letter after the number must be a capital, except for k");
                }
                _ => return Err("it does not end in a digit or in k, M, B, G or T"),
            };
            (text[..at].trim_end(), scale)
        }
    };
    if number.starts_with('-') {
        return Err("it is negative");
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if !whole.starts_with(|first: char| first.is_ascii_digit()) || number.ends_with('.') {
        return Err("a digit is missing next to the point");
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > scale {
        return Err("it is not a whole number of tokens");
    }
    let zeros = std::iter::repeat_n('0', scale - fraction.len());
    let mut tokens = 0u64;
    for character in whole.chars().chain(fraction.chars()).chain(zeros) {
        if character == '_' {
            continue;
        }
        let digit = character.to_digit(10).ok_or("it contains something other than digits")?;
        tokens = tokens
            .checked_mul(10)
            .and_then(|tokens| tokens.checked_add(u64::from(digit)))
            .ok_or("it is more than 2^64")?;
    }
    Ok(tokens)
}

impl fmt::Display for TokenBudget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for TokenBudget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for TokenBudget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = TokenBudget;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number of tokens, such as 300000, 20M or 1.5B")
    }

    fn visit_u64<E: de::Error>(self, tokens: u64) -> Result<TokenBudget, E> {
        Ok(TokenBudget(tokens))
    }

    fn visit_i64<E: de::Error>(self, tokens: i64) -> Result<TokenBudget, E> {
        tokens.to_string().parse().map_err(E::custom)
    }

    /// YAML reads `2e7` and `1000.0` as floats.
    fn visit_f64<E: de::Error>(self, tokens: f64) -> Result<TokenBudget, E> {
        tokens.to_string().parse().map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, tokens: &str) -> Result<TokenBudget, E> {
        tokens.parse().map_err(E::custom)
    }
}

impl JsonSchema for TokenBudget {
    fn schema_name() -> Cow<'static, str> {
        "TokenBudget".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of tokens: a whole number, or a number with k (10^3), M (10^6), B or G (10^9), T (10^12).",
            "type": ["integer", "string"],
            "minimum": 0,
            "pattern": r"^\s*[0-9][0-9_]*(\.[0-9]+)?\s*[kKMBGT]?\s*$",
            "examples": ["20M", "1.5B", 300_000]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::TokenBudget;
    use proptest::prelude::*;

    #[test]
    fn common_forms_are_parsed() {
        for (text, tokens) in [
            ("20M", 20_000_000),
            ("1.5B", 1_500_000_000),
            ("1.50 G", 1_500_000_000),
            ("300k", 300_000),
            ("300_000", 300_000),
            (" 7 ", 7),
            ("0.001k", 1),
            ("1.0", 1),
            ("2T", 2_000_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(TokenBudget(tokens)), "{text}");
        }
    }

    #[test]
    fn errors_give_the_reason() {
        for (text, why) in [
            ("", "empty"),
            ("-5", "negative"),
            ("1.5", "whole"),
            ("0.0001k", "whole"),
            ("20m", "capital"),
            ("20 million", "does not end"),
            ("1.M", "missing"),
            (".5M", "missing"),
            ("1,000", "other than digits"),
            ("１２", "does not end"),
            ("99999999999T", "2^64"),
            ("NaN", "does not end"),
        ] {
            let message = text.parse::<TokenBudget>().expect_err(text).to_string();
            assert!(message.contains(why) && message.contains("20M"), "{text}: {message}");
        }
    }

    #[test]
    fn json_numbers_and_strings() {
        let read = |text| serde_json::from_str::<TokenBudget>(text);
        assert_eq!(read("20000000").ok(), Some(TokenBudget(20_000_000)));
        assert_eq!(read("2e7").ok(), Some(TokenBudget(20_000_000)));
        assert_eq!(read("\"20M\"").ok(), Some(TokenBudget(20_000_000)));
        for bad in ["-1", "1.5", "true", "\"many\"", "1e300"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_number_survives(tokens: u64) {
            prop_assert_eq!(TokenBudget(tokens).to_string().parse(), Ok(TokenBudget(tokens)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<TokenBudget>();
        }
    }
}
