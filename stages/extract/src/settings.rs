//! Settings of the `clean` stage.
//!
//! Invariant: this struct defines the recipe keys, the schema and the help texts; each default is documented with its
//! source.

/// Format of the extracted text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// GitHub-flavoured Markdown: headings, lists, tables, fenced code.
    #[default]
    Markdown,
    /// Words and line breaks; lists keep their markers, tables are tab-separated, code has no fences.
    Text,
}

/// What to do with readers' comments below articles. Posts of forums, questions and answers are content, not comments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Comments {
    /// By the kind of page: cut on pages that declare themselves an article, on others as the classifier decides.
    #[default]
    Auto,
    /// Keep comments that are prose, on every page.
    Keep,
    /// Cut what markup names comments, on every page.
    Drop,
}

/// Which blocks are worth keeping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The blocks with the highest expected F1.
    #[default]
    Balanced,
    /// Of these, only the blocks that are likely content: less boilerplate, at the cost of some text.
    Precision,
}

/// Settings of main-content extraction.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CleanSettings {
    /// Format of the text: `markdown` (default) or `text`.
    pub format: Format,
    /// Write links as `[text](url)`; if off, only their text is kept. Default: off.
    pub links: bool,
    /// Write images as `![alt](url)`; if off, images are omitted. Default: off.
    pub images: bool,
    /// Keep tables; if off, tables without prose are cut. Default: on.
    pub tables: bool,
    /// Readers' comments below articles: `auto` (default) cuts them on pages that declare themselves an article and
    /// keeps discussions, `keep` keeps them, `drop` cuts them on every page.
    pub comments: Comments,
    /// Which blocks to keep: `balanced` (default), those with the highest expected F1, or `precision`, of these only
    /// the likely ones.
    pub profile: Profile,
    /// Minimum length of the text, in characters without white space; a page with less counts as empty. Default: 25,
    /// about five English words.
    pub min_chars: u32,
    /// Minimum extraction confidence, 0 to 1; a page with less counts as empty, since nothing on it is likely to be
    /// content, as on pages that are filled by scripts only. Default: 0.2.
    pub min_confidence: f64,
    /// CSS selectors of the main content, for sites with a known layout. The first selector that matches decides: only
    /// the elements it selects are used. If none matches, the content is found as usual. Default: none.
    pub select: Vec<String>,
    /// CSS selectors of elements to remove first. Default: none.
    pub remove: Vec<String>,
    /// Maximum size of a page in bytes; larger pages are not parsed. Default: 64 MiB; the largest page of the
    /// development sets has 7 MB.
    pub max_bytes: u32,
    /// Maximum nesting depth in levels; deeper elements become leaves and keep their text. Default: 512, the limit of
    /// Blink and WebKit.
    pub max_depth: u32,
}

impl Default for CleanSettings {
    fn default() -> Self {
        Self {
            format: Format::Markdown,
            links: false,
            images: false,
            tables: true,
            comments: Comments::Auto,
            profile: Profile::Balanced,
            min_chars: 25,
            min_confidence: 0.2,
            select: Vec::new(),
            remove: Vec::new(),
            max_bytes: 64 << 20,
            max_depth: 512,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_round_trip_and_unknown_keys_are_refused() {
        let text = serde_json::to_string(&CleanSettings::default()).expect("settings are plain data");
        assert_eq!(serde_json::from_str::<CleanSettings>(&text).ok(), Some(CleanSettings::default()));
        assert!(text.contains("\"min-chars\":25"));
        assert!(serde_json::from_str::<CleanSettings>("{\"colour\":1}").is_err());
        assert!(text.contains("\"comments\":\"auto\"") && text.contains("\"profile\":\"balanced\""));
        assert!(serde_json::from_str::<CleanSettings>("{\"comments\":true}").is_err());
    }
}
