//! What a rule is: its name, what it measures, its setting, and the publication that it is from.
//!
//! Stages reject documents and record edits under the names of rules. `filter`, `dedup` and `clean` declare their rules
//! with these types, and [`crate::filter::rules::catalogue`] lists all of them.
//!
//! Invariant: the name of a rule is written once, in its declaration.

/// The side of the threshold on which a value rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A value below the threshold rejects.
    Min,
    /// A value above the threshold rejects.
    Max,
}

/// One rule that rejects documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Kebab-case name, unique over all rules. Rejections and the measured column are both named `filter.NAME`.
    pub name: &'static str,
    /// The side that rejects.
    pub bound: Bound,
    /// Key of the threshold in the settings, or `None` if the rule is always on.
    pub setting: Option<&'static str>,
    /// Unit of the value and the threshold: `words`, `share`, `characters` …
    pub unit: &'static str,
    /// Meaning of the value, for documentation.
    pub description: &'static str,
    /// The origin of the rule.
    pub source: Source,
}

impl Rule {
    /// Whether `value` is on the rejecting side of `threshold`. A value equal to the threshold passes.
    pub fn rejects(&self, value: f64, threshold: f64) -> bool {
        match self.bound {
            Bound::Min => value < threshold,
            Bound::Max => value > threshold,
        }
    }

    /// Why no document can have this threshold as its value, if so.
    pub fn impossible(&self, threshold: f64) -> Option<String> {
        let is_share = matches!(self.unit, "share" | "score");
        if !threshold.is_finite() {
            return Some("it must be finite".to_owned());
        }
        if threshold < 0.0 {
            return Some("it must not be negative".to_owned());
        }
        (is_share && threshold > 1.0).then(|| format!("a {} is 0 to 1", self.unit))
    }
}

/// One rule that cuts or replaces parts of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditRule {
    /// Kebab-case name, unique over all rules; kinds of one thing have a common prefix and a dot.
    pub name: &'static str,
    /// Key in the settings that turns the rule on.
    pub setting: &'static str,
    /// Unit of the counts: `lines`, `addresses` …
    pub unit: &'static str,
    /// The parts that the rule cuts or replaces, for documentation.
    pub description: &'static str,
    /// The origin of the rule.
    pub source: Source,
}

/// A publication that describes a rule, or a program that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Short name.
    pub name: &'static str,
    /// Authors, year, title and place.
    pub citation: &'static str,
}

/// The Gopher rules.
pub const GOPHER: Source = Source {
    name: "Gopher",
    citation: "Rae et al. 2021, *Scaling Language Models: Methods, Analysis & Insights from Training Gopher*, \
               arXiv:2112.11446, appendix A1.1",
};
/// The C4 rules.
pub const C4: Source = Source {
    name: "C4",
    citation: "Raffel et al. 2020, *Exploring the Limits of Transfer Learning with a Unified Text-to-Text \
               Transformer*, arXiv:1910.10683, section 2.2",
};
/// The FineWeb rules.
pub const FINEWEB: Source = Source {
    name: "FineWeb",
    citation: "Penedo et al. 2024, *The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale*, \
               arXiv:2406.17557; its program datatrove",
};
/// The code rules of StarCoder.
pub const STARCODER: Source = Source {
    name: "StarCoder",
    citation: "Li et al. 2023, *StarCoder: may the source be with you!*, arXiv:2305.06161, section 3.1",
};
/// The code rules of StarCoder 2.
pub const STARCODER_2: Source = Source {
    name: "StarCoder 2",
    citation: "Lozhkov et al. 2024, *StarCoder 2 and The Stack v2: The Next Generation*, arXiv:2402.19173, \
               section 2.1",
};
/// The redaction of secrets and addresses for StarCoder.
pub const BIGCODE: Source = Source {
    name: "BigCode",
    citation: "the redaction of personal data of the project BigCode; Li et al. 2023, *StarCoder: may the source be \
               with you!*, arXiv:2305.06161",
};
/// The formats of secrets.
pub const ISSUER: Source = Source {
    name: "issuer",
    citation: "the format that the issuer of the secret documents; JSON Web Tokens: RFC 7519; private keys: RFC 7468",
};
/// The code of datatrove.
pub const DATATROVE: Source =
    Source { name: "datatrove", citation: "the program `datatrove`, which processed FineWeb: its C4 line filters" };
/// The thresholds of Dolma 3.
pub const DOLMA_3: Source = Source { name: "Dolma 3", citation: "the code of Dolma 3: its length filter" };
/// The filters of `NeMo` Curator.
pub const NEMO_CURATOR: Source =
    Source { name: "NeMo Curator", citation: "the program NeMo Curator: its filters of source code" };
/// Near duplicates by `MinHash`.
pub const MINHASH: Source = Source {
    name: "MinHash",
    citation: "Broder 1997, *On the resemblance and containment of documents*; parameters of FineWeb",
};
/// The data of the toxicity model.
pub const DAVIDSON: Source = Source {
    name: "Davidson",
    citation: "Davidson et al. 2017, *Automated Hate Speech Detection and the Problem of Offensive Language*, \
               arXiv:1703.04009: one of the five sets that the model learns; the model card names all",
};
/// Licences as expressions.
pub const SPDX: Source = Source { name: "SPDX", citation: "ISO/IEC 5962, *SPDX Specification*: licence expressions" };
/// A rule without a publication.
pub const OWN: Source = Source { name: "corpusmill", citation: "a rule of this project" };
