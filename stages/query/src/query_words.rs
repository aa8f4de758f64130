//! The words of a query: which tables and columns it may read.
//!
//! Invariant: every table and column that a query reads is among its words, unless it has a star.

/// The words of a query, which include its table and column names.
pub(crate) struct QueryWords {
    words: Vec<String>,
    pub(crate) star: bool,
}

impl QueryWords {
    pub(crate) fn of(sql: &str) -> Self {
        let lower = sql.to_lowercase().replace("count(*)", "").replace("count( * )", "");
        let words = lower.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))).map(str::to_owned);
        Self { words: words.collect(), star: lower.contains('*') }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.words.iter().any(|word| *word == name || word.ends_with(&format!(".{name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_named_tables_and_columns() {
        let words = QueryWords::of("SELECT rule, count(*) AS n FROM rejected WHERE r.value > 2 GROUP BY rule");
        assert!(words.has("rejected") && words.has("rule") && words.has("value"));
        assert!(!words.has("text") && !words.star);
        assert!(QueryWords::of("SELECT * FROM documents").star);
    }
}
