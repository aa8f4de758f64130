//! What a user can set about cleaning.
//!
//! Invariant: the struct is the recipe's keys, the schema and the help in one; every default is stated with its source.

/// The form of the cleaned text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// GitHub-flavoured Markdown: headings, lists, tables, fenced code.
    #[default]
    Markdown,
    /// Words and line breaks; lists keep their marks, tables are tab-separated, code is unfenced.
    Text,
}

/// Settings of cleaning.
#[expect(clippy::struct_excessive_bools, reason = "each is a recipe key of its own, and all combinations are meant")]
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CleanSettings {
    /// The form of the text: `markdown` (default) or `text`.
    pub format: Format,
    /// Write links as `[text](address)`; off (default), only their text is kept.
    pub links: bool,
    /// Write images as `![alternative](address)`; off (default), they are left out.
    pub images: bool,
    /// Keep tables; off, tables without prose are cut. Default: on.
    pub tables: bool,
    /// Keep readers' comments below articles; a forum's posts are content and always kept. Default: off.
    pub comments: bool,
    /// Shorter text, in characters without white space, counts as empty. Default: 25, about five English words.
    pub min_chars: u32,
    /// A page whose extraction confidence (0 to 1) is lower counts as empty: nothing on it is likely to be content, as on
    /// pages that only scripts fill. Default: 0.2.
    pub min_confidence: f64,
    /// CSS selectors of the main content, for sites whose layout is known: where one matches, only what it selects is
    /// cleaned; where none does, the content is chosen as usual. Default: none.
    pub select: Vec<String>,
    /// CSS selectors of elements to cut before anything else. Default: none.
    pub remove: Vec<String>,
    /// Larger pages, in bytes, are not parsed. Default: 64 MiB; the largest page of the development sets has 7 MB.
    pub max_bytes: u32,
    /// Deeper nested elements, in levels, become leaves; their text is kept. Default: 512, the limit of Blink and `WebKit`.
    pub max_depth: u32,
}

impl Default for CleanSettings {
    fn default() -> Self {
        Self {
            format: Format::Markdown,
            links: false,
            images: false,
            tables: true,
            comments: false,
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
    }
}
