//! The names in a query: which tables and columns it may read.
//!
//! Invariant: every table and column that a query reads is among its names, unless it has a wildcard.

use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, Tokenizer};

/// The words of a query that are not text in quotes, which include its table and column names.
pub(crate) struct QueryWords {
    /// In lower case, without quotes.
    words: Vec<String>,
    /// Whether the query has a `*` that stands for all columns.
    pub(crate) has_wildcard: bool,
}

impl QueryWords {
    pub(crate) fn of(sql: &str) -> Self {
        // What is not SQL has been refused before.
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap_or_default();
        let mut found = Self { words: Vec::new(), has_wildcard: false };
        let mut before = None;
        for token in tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))) {
            match token {
                Token::Word(word) => found.words.push(word.value.to_lowercase()),
                // In `count(*)` and in products it is no column.
                Token::Mul => found.has_wildcard |= before.is_some_and(begins_column),
                _ => {}
            }
            before = Some(token);
        }
        found
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.words.contains(&name.to_lowercase())
    }
}

/// Whether a column can begin after this token.
fn begins_column(token: &Token) -> bool {
    match token {
        Token::Comma | Token::Period => true,
        Token::Word(word) => matches!(word.keyword, Keyword::SELECT | Keyword::DISTINCT | Keyword::ALL),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_named_tables_and_columns() {
        let words = QueryWords::of(
            "SELECT Rule, count (*) AS n, 2*n FROM rejected r WHERE r.value > 2 AND \"my col/x\" = 'text'",
        );
        for name in ["rejected", "rule", "value", "n", "my col/x"] {
            assert!(words.has(name), "{name}");
        }
        assert!(!words.has("text") && !words.has("my") && !words.has_wildcard);
    }

    #[test]
    fn wildcards_are_no_products() {
        for sql in ["SELECT * FROM documents", "SELECT d.* FROM documents d", "SELECT DISTINCT *", "SELECT 1, *"] {
            assert!(QueryWords::of(sql).has_wildcard, "{sql}");
        }
        assert!(!QueryWords::of("SELECT n * 2, (n) * 2 FROM t").has_wildcard);
    }
}
