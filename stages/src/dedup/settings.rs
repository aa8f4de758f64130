//! The settings of the step `dedup`.

use corpusmill_pipeline::StageError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::signature::MinHasher;

/// Settings of the step `dedup`. The defaults are those of FineWeb: 5-word shingles, 14 bands of 8 rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Dedup {
    /// Remove near duplicates too, not only exact ones.
    #[arg(long, default_value_t = Dedup::default().near, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub near: bool,
    /// Number of bands of a signature. More bands find less similar pairs.
    #[arg(long, default_value_t = Dedup::default().bands)]
    pub bands: u32,
    /// Number of rows of a band. More rows require more similar pairs.
    #[arg(long, default_value_t = Dedup::default().rows)]
    pub rows: u32,
    /// Random seed of the permutations.
    #[arg(long, default_value_t = Dedup::default().seed)]
    pub seed: u64,
    /// Number of buckets in which bands are compared. More buckets need less memory each.
    #[arg(long, default_value_t = Dedup::default().buckets)]
    pub buckets: u32,
    /// Sources whose documents are kept in preference to others. Default: the order of the recipe's sources.
    #[arg(skip)]
    pub prefer: Vec<String>,
}

impl Default for Dedup {
    fn default() -> Self {
        Self { near: true, bands: 14, rows: 8, seed: 1, buckets: 16, prefer: Vec::new() }
    }
}

impl Dedup {
    /// The similarity at which a pair is found about half of the time: (1/bands)^(1/rows).
    pub fn threshold(&self) -> f64 {
        libm::pow(1.0 / f64::from(self.bands), 1.0 / f64::from(self.rows))
    }

    /// Validates settings that the types cannot restrict.
    ///
    /// # Errors
    /// If bands, rows or buckets are out of range.
    pub fn check(&self) -> Result<(), StageError> {
        if !(1..=4096).contains(&self.buckets) {
            return Err(StageError::settings(format!("dedup: buckets is {}, allowed are 1 to 4096", self.buckets)));
        }
        MinHasher::new(self.seed, self.bands as usize, self.rows as usize)
            .map(|_| ())
            .map_err(|error| StageError::settings(format!("dedup: {error}")))
    }
}
