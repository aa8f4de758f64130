//! The settings of the step `dedup`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use arrow_schema::DataType;
use corpusmill_pipeline::StageError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::signature::MinHasher;

/// Settings of the step `dedup`. The defaults are those of FineWeb: 5-word shingles, 14 bands of 8 rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Dedup {
    /// Remove near duplicates too, not only exact ones.
    #[arg(long, default_value_t = Dedup::default().near, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub near: bool,
    /// Number of bands of a signature. More bands lower the similarity at which pairs are found.
    #[arg(long, default_value_t = Dedup::default().bands)]
    pub bands: u32,
    /// Number of rows of a band. More rows raise the similarity at which pairs are found.
    #[arg(long, default_value_t = Dedup::default().rows)]
    pub rows: u32,
    /// Random seed of the MinHash permutations.
    #[arg(long, default_value_t = Dedup::default().seed)]
    pub seed: u64,
    /// Number of buckets into which the values of all bands are divided for comparison, which is not the number of bands.
    /// More buckets need less memory.
    #[arg(long, default_value_t = Dedup::default().buckets)]
    pub buckets: u32,
    /// Compute the Jaccard similarity of candidate pairs from their shingles, and remove a document only if it is at least
    /// this, such as 0.8, to a document that is kept. Off by default: then every candidate pair, which has a band in
    /// common, counts as duplicates.
    #[arg(long, value_name = "SIMILARITY")]
    pub verify: Option<f64>,
    /// Sources whose documents are kept in preference to others. Default: the order of the recipe's sources; `[]`
    /// prefers none.
    #[arg(skip)]
    pub prefer: Option<Vec<String>>,
    /// Which document of a cluster is kept: longest, newest (by `date`), first (by `origin`), highest=COLUMN or
    /// lowest=COLUMN. In a recipe, `prefer` decides before it.
    #[arg(long, default_value = "longest", value_name = "WHICH")]
    pub keep: Keep,
    /// Remove duplicates. If false, all documents are kept, with the columns `dedup.cluster` and `dedup.cluster_size`.
    #[arg(long, default_value_t = Dedup::default().remove, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub remove: bool,
    /// Add the columns `dedup.cluster`, the id of the document that is kept of a cluster, and `dedup.cluster_size`, its
    /// number of documents.
    #[arg(long)]
    pub columns: bool,
    /// Remove documents that are in an earlier corpus: a corpus built with `signatures: true`, or a file written by
    /// `dedup --signatures`.
    #[arg(long, value_name = "PATH")]
    pub against: Vec<PathBuf>,
    /// Write the signatures of the documents that are kept to `signatures.parquet` in the corpus, for `against` of a
    /// later one.
    #[arg(skip)]
    pub signatures: bool,
}

/// Which document of a cluster is kept. Equal ones are decided by length, then by the smaller id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The longest text.
    #[default]
    Longest,
    /// The latest `date`, a column that `clean` adds. Documents without a date come last.
    Newest,
    /// The first by `origin`, in which numbers are compared by value: the first row of the first file.
    First,
    /// The highest value of a Float64 column, such as `extraction_confidence`. Documents without a value come last.
    Highest(String),
    /// The lowest value of a Float64 column, such as `filter.toxicity`. Documents without a value come last.
    Lowest(String),
}

impl Keep {
    /// The column that decides, with its type, if it is not one that every document has.
    pub(super) fn column(&self) -> Option<(&str, DataType)> {
        match self {
            Self::Longest | Self::First => None,
            Self::Newest => Some(("date", DataType::Utf8)),
            Self::Highest(column) | Self::Lowest(column) => Some((column, DataType::Float64)),
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Longest => f.write_str("longest"),
            Self::Newest => f.write_str("newest"),
            Self::First => f.write_str("first"),
            Self::Highest(column) => write!(f, "highest={column}"),
            Self::Lowest(column) => write!(f, "lowest={column}"),
        }
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let column = |column: &str| (!column.is_empty()).then(|| column.to_owned());
        let keep = match text.split_once('=') {
            None => match text {
                "longest" => Some(Self::Longest),
                "newest" => Some(Self::Newest),
                "first" => Some(Self::First),
                _ => None,
            },
            Some(("highest", name)) => column(name).map(Self::Highest),
            Some(("lowest", name)) => column(name).map(Self::Lowest),
            Some(_) => None,
        };
        keep.ok_or_else(|| "it must be longest, newest, first, highest=COLUMN or lowest=COLUMN".to_owned())
    }
}

impl Default for Dedup {
    fn default() -> Self {
        Self {
            near: true,
            bands: 14,
            rows: 8,
            seed: 1,
            buckets: 16,
            verify: None,
            prefer: None,
            keep: Keep::Longest,
            remove: true,
            columns: false,
            against: Vec::new(),
            signatures: false,
        }
    }
}

impl Dedup {
    /// The similarity at which a pair is found about half of the time: (1/bands)^(1/rows).
    pub fn threshold(&self) -> f64 {
        libm::pow(1.0 / f64::from(self.bands), 1.0 / f64::from(self.rows))
    }

    /// Whether the kept documents get the columns of their cluster.
    pub fn adds_columns(&self) -> bool {
        self.columns || !self.remove
    }

    /// Validates settings that the types cannot restrict.
    ///
    /// # Errors
    /// If bands, rows, buckets or `verify` are out of range, or settings exclude each other.
    pub fn check(&self) -> Result<(), StageError> {
        if !(1..=4096).contains(&self.buckets) {
            return Err(StageError::settings(format!("dedup: buckets is {}, allowed are 1 to 4096", self.buckets)));
        }
        if let Some(verify) = self.verify {
            if !(verify > 0.0 && verify <= 1.0) {
                let message = format!("dedup: verify is {verify}; a similarity is above 0 and at most 1, such as 0.8");
                return Err(StageError::settings(message));
            }
            if !self.near {
                let message = "dedup: verify has no effect with `near: false`, which removes exact duplicates only";
                return Err(StageError::settings(message.to_owned()));
            }
        }
        if let Keep::Highest(column) | Keep::Lowest(column) = &self.keep
            && column.is_empty()
        {
            return Err(StageError::settings("dedup: keep: the name of the column is empty".to_owned()));
        }
        let prefer = self.prefer.as_deref().unwrap_or_default();
        if let Some(twice) = prefer.iter().enumerate().find(|(index, name)| prefer[..*index].contains(name)) {
            return Err(StageError::settings(format!("dedup: prefer names `{}` twice", twice.1)));
        }
        if !self.remove && !self.against.is_empty() {
            let message = "dedup: with `remove: false` no document is removed, so `against` has no effect";
            return Err(StageError::settings(message.to_owned()));
        }
        MinHasher::new(self.seed, self.bands as usize, self.rows as usize)
            .map(|_| ())
            .map_err(|error| StageError::settings(format!("dedup: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_is_written_as_it_is_read() {
        for text in ["longest", "newest", "first", "highest=filter.toxicity", "lowest=x"] {
            assert_eq!(text.parse::<Keep>().unwrap().to_string(), text);
        }
        for text in ["", "longest=x", "highest", "highest=", "oldest", "x=y"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
    }

    #[test]
    fn settings_that_exclude_each_other_are_errors() {
        let check = |dedup: Dedup| dedup.check().map_err(|error| error.to_string());
        assert_eq!(check(Dedup { verify: Some(0.8), ..Dedup::default() }), Ok(()));
        for verify in [0.0, -1.0, 1.5, f64::NAN] {
            let error = check(Dedup { verify: Some(verify), ..Dedup::default() }).unwrap_err();
            assert!(error.contains("verify is"), "{error}");
        }
        let error = check(Dedup { verify: Some(0.8), near: false, ..Dedup::default() }).unwrap_err();
        assert!(error.contains("near: false"), "{error}");
        let prefer = Some(vec!["a".to_owned(), "b".to_owned(), "a".to_owned()]);
        let error = check(Dedup { prefer, ..Dedup::default() }).unwrap_err();
        assert!(error.contains("prefer names `a` twice"), "{error}");
        let error = check(Dedup { keep: Keep::Highest(String::new()), ..Dedup::default() }).unwrap_err();
        assert!(error.contains("name of the column is empty"), "{error}");
        let against = vec![PathBuf::from("a")];
        let error = check(Dedup { remove: false, against, ..Dedup::default() }).unwrap_err();
        assert!(error.contains("remove: false"), "{error}");
    }
}
