//! # `corpusmill-extract`
//!
//! Extracts the main content of an HTML page as Markdown or plain text, with the page's metadata. It is made for
//! corpora of web pages, documentation and forums in any language: menus, footers, advertisements and notices are cut;
//! headings, lists, tables, code and formulas are kept; and every cut is counted under the name of a rule.
//!
//! # Example
//!
//! ```
//! use corpusmill_extract::{CleanSettings, clean};
//!
//! let html = "<html lang=en><head><title>How to bake bread | Kitchen</title></head><body>
//!     <nav><a href=/>Home</a> <a href=/all>All recipes</a></nav>
//!     <main><h1>How to bake bread</h1>
//!     <p>Bread needs four things: flour, water, salt and yeast. Weigh them, mix them, and wait for an hour.</p>
//!     <pre><code class=language-python>flour = 500\nwater = flour * 0.7</code></pre>
//!     <p>Bake the loaf in a hot oven for forty minutes, and let it cool on a rack before you cut it.</p></main>
//!     <footer>© 2024 Kitchen. All rights reserved.</footer></body></html>";
//! let cleaned = clean(html, Some("https://kitchen.test/bread"), &CleanSettings::default());
//!
//! println!("# {}\n\n{}", cleaned.title.as_deref().unwrap_or_default(), cleaned.text);
//! assert_eq!(cleaned.title.as_deref(), Some("How to bake bread"));
//! assert_eq!(cleaned.language.as_deref(), Some("en"));
//! assert_eq!(
//!     cleaned.text,
//!     "Bread needs four things: flour, water, salt and yeast. Weigh them, mix them, and wait for an hour.\n\n\
//!      ```python\nflour = 500\nwater = flour * 0.7\n```\n\n\
//!      Bake the loaf in a hot oven for forty minutes, and let it cool on a rack before you cut it."
//! );
//! assert!(cleaned.cut.iter().any(|cut| cut.rule == "footer"));
//! ```
//!
//! The main heading is the title, so it is not part of the text; if the page declares another title, it is. The input
//! is text. The function `charset::decode_page` of `corpusmill-html` decodes the bytes of a page, and `xhtml_to_html`
//! rewrites a page that is XHTML by its media type; a page that declares itself XHTML is read as it is.
//!
//! # How decisions are made
//!
//! Rules propose, and a classifier decides. The rules cut elements by tag, visibility, role and class name, and choose
//! the element that contains nearly all of the prose. Then [`classifier`] splits the whole page into blocks, describes
//! each block by a row of integers, which include the result of the rules, and predicts how likely the block is
//! content. The blocks with the highest expected F1 are kept, and that F1 is [`Cleaned::confidence`]. A block that the
//! rules keep and the classifier cuts is counted as `unlikely`. Code and formulas that the rules keep are always kept,
//! and what a browser does not show is always cut. The rules alone decide if a page has more than 100,000 blocks, or if
//! [`clean_with`] is called without a model.
//!
//! No decision depends on a word of any language or on a site's name. Knowledge about one site belongs in
//! [`select::Selectors`], which take precedence over rules and classifier.
//!
//! # Settings
//!
//! [`CleanSettings`] is plain data with a default for every field, and deserializes from keys such as `min-chars`; an
//! unknown key is an error. `format`, `links` and `images` say how the text is written, `tables`, `comments` and
//! `profile` what is kept. A page that is larger than `max-bytes`, or whose text is shorter than `min-chars` or less
//! certain than `min-confidence`, gives no text, and [`Cleaned::reason`] says why; `max-depth` bounds the nesting.
//! [`clean`] does not read `select` and `remove`: [`select::Selectors`] applies them to the page before.
//!
//! # Memory and time
//!
//! Time is linear in the size of the page, and [`clean`] has no recursion, so that no page overflows the stack. Memory
//! is about six times the size of the page, and at most 35 times for a page of tags only; tests check both. The
//! built-in weights, 274 kB, are parsed once, at the first call; they are the only global state. Functions write to no
//! terminal, file or network, and may be called from any number of threads. Equal pages give equal results on every
//! machine.
//!
//! # The files, in the order of a page's way
//!
//! Each file imports only files above it. A new file goes below everything that it reads.
//!
//! | file | what it does |
//! |---|---|
//! | `settings` | the recipe keys and their defaults |
//! | `rule` | the rules that cut, and the counts of what each one cut |
//! | `select` | applies the CSS selectors of a recipe, if any, before everything else |
//! | `node` | one element or run of text |
//! | `class_names/exact` | class names that are compared without splitting: line numbers, rendered formulas |
//! | `class_names/groups` | words of class names by meaning, for the classifier |
//! | `class_names/rules` | words of class names that trigger a rule or mark content, posts, authors, dates |
//! | `class_names/cache` | parses each distinct class and id of a page once |
//! | `class_names` | declares the four files above |
//! | `name_words` | how words in classes, roles and fragments begin |
//! | `tree` | the nodes of a page in one array, in document order |
//! | `build` | builds the tree from the tokens of `corpusmill-html`, with the implied end tags of the standard |
//! | `visibility` | finds what a browser does not show |
//! | `page` | a parsed page: the tree, the meaning of its class names, and what is hidden |
//! | `metadata/title` | chooses the title |
//! | `metadata/date` | parses dates as pages write them |
//! | `metadata/candidates` | the values found so far, by source |
//! | `metadata/byline` | reads the author from visible elements |
//! | `metadata/linked` | reads JSON-LD |
//! | `metadata` | reads all sources and ranks them |
//! | `measure` | counts text, link text and prose of each subtree |
//! | `tex_names` | the TeX commands of functions, accents and letter styles |
//! | `tex_symbols` | the TeX commands of characters |
//! | `tex_writer` | writes the tokens of a formula |
//! | `mathml` | translates MathML to TeX |
//! | `math` | finds the TeX source of a formula |
//! | `prune` | cuts boilerplate by element, visibility, role and name |
//! | `choose` | chooses the main element, and cuts lists of links inside it |
//! | `heuristic_result` | what the rules decided |
//! | `fallback` | applies the rules, and looser ones if too little is left |
//! | `code` | the text of a code block, byte for byte, and its language |
//! | `data_table` | distinguishes data tables from layout tables |
//! | `grid` | puts the cells of a table in their columns, and writes rows of Markdown |
//! | `classifier/block` | splits the page into blocks |
//! | `classifier/words` | the words of each block, as hashes |
//! | `classifier/shape` | length, links and punctuation of a block |
//! | `classifier/context` | what the elements around a node say about it |
//! | `classifier/page_summary` | what the page declares itself to be, and its counts of elements |
//! | `classifier/row` | one row of features |
//! | `classifier/repeated_text` | how much of a block occurs elsewhere on the page |
//! | `classifier/declared_text` | how much of a block is in the text that the page declares as its article |
//! | `classifier/page_blocks` | the blocks of a page, with prefix sums |
//! | `classifier/text_column` | the element with most of the prose, and how each block lies to it |
//! | `classifier/cards` | repeated siblings of several blocks, such as teasers and comments |
//! | `classifier/links` | the target of a block's first link |
//! | `classifier/features` | writes the row of a block |
//! | `classifier/gbdt` | gradient-boosted trees, and their file format |
//! | `classifier/decide` | chooses the blocks to keep |
//! | `classifier/cut` | turns the choice into cuts of the tree |
//! | `classifier` | runs the steps above with the built-in weights |
//! | `classifier/training_rows` | the rows of a page as training data |
//! | `render_context` | what rendering reads: page, cuts, settings |
//! | `writer` | white space, line breaks, indents |
//! | `table` | reads a data table as a grid of cells, each rendered as one line |
//! | `note_link` | writes links to notes |
//! | `superscript` | writes superscripts and subscripts |
//! | `render_blocks` | writes code, formulas, images and data tables |
//! | `render` | walks the kept nodes and writes the text |
//! | `main_heading` | keeps the main heading in the text, unless it is the title |
//! | `main_text` | calls rules, classifier and renderer, and counts the cuts |
//! | `lib` | checks the limits, and joins metadata and main text |
//!
//! Invariant: functions are pure; any page gives a result in time linear in its bytes, without recursion, and every
//! byte of text that is cut is counted under the name of a rule.

mod build;
mod choose;
mod class_names;
pub mod classifier;
mod code;
mod data_table;
mod fallback;
mod grid;
mod heuristic_result;
mod main_heading;
mod main_text;
mod math;
mod mathml;
mod measure;
mod metadata;
mod name_words;
mod node;
mod note_link;
mod page;
mod prune;
mod render;
mod render_blocks;
mod render_context;
mod rule;
pub mod select;
mod settings;
mod superscript;
mod table;
mod tex_names;
mod tex_symbols;
mod tex_writer;
mod tree;
mod visibility;
mod writer;

use corpusmill_html::tag::Tag;

pub use grid::{Grid, PlacedCells, Span};
pub use note_link::{in_brackets, is_note_letter, is_note_number};
pub use rule::Cut;
pub use settings::{CleanSettings, Comments, Format, Profile};
pub use superscript::{Script, is_fraction, is_proper_fraction, is_script, script_text};

/// The result of extraction from one page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cleaned {
    /// The main content; empty if there is a [`Self::reason`].
    pub text: String,
    /// The page's title.
    pub title: Option<String>,
    /// The authors, separated by commas.
    pub author: Option<String>,
    /// The day of publication, `YYYY-MM-DD`.
    pub date: Option<String>,
    /// The language as declared, BCP 47.
    pub language: Option<String>,
    /// The site's name.
    pub site_name: Option<String>,
    /// The canonical URL that the page declares.
    pub canonical_url: Option<String>,
    /// The licence as declared, usually the URL of its deed.
    pub licence: Option<String>,
    /// Expected F1 of the extracted words against the page's true main content, 0 to 1; `None` if only the rules
    /// decided.
    pub confidence: Option<f64>,
    /// Characters of the main content without white space, also counted if there is a [`Self::reason`].
    pub letters: u64,
    /// Why the text is empty.
    pub reason: Option<EmptyReason>,
    /// What each rule cut, in a fixed order; rules that cut nothing are omitted.
    pub cut: Vec<Cut>,
}

/// Why a page has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyReason {
    /// The page is larger than the limit.
    TooLarge,
    /// The input contains no HTML element.
    NotHtml,
    /// Nothing is left, and the page is nested deeper than the limit.
    TooDeep,
    /// Nothing is left, or the page has no text.
    NoContent,
    /// The remaining text is shorter than `min-chars`.
    TooShort,
    /// The confidence is below `min-confidence`.
    LowConfidence,
}

impl EmptyReason {
    /// The reason's name in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::NotHtml => "not-html",
            Self::TooDeep => "too-deep",
            Self::NoContent => "no-content",
            Self::TooShort => "too-short",
            Self::LowConfidence => "low-confidence",
        }
    }
}

/// Extracts the main content of one page; `url` is the page's URL, against which relative links are resolved.
///
/// A page without content is not an error: its text is empty, and [`Cleaned::reason`] says why.
///
/// ```
/// use corpusmill_extract::{CleanSettings, EmptyReason, Format, clean};
///
/// let html = "<body><article><p>See <a href='../map.html'>the map</a> for the way to the lake.</p></article>";
/// let settings = CleanSettings { links: true, ..CleanSettings::default() };
/// let cleaned = clean(html, Some("https://lake.test/en/visit.html"), &settings);
/// assert_eq!(cleaned.text, "See [the map](https://lake.test/map.html) for the way to the lake.");
///
/// let text = CleanSettings { format: Format::Text, ..CleanSettings::default() };
/// assert_eq!(clean(html, None, &text).text, "See the map for the way to the lake.");
///
/// let strict = CleanSettings { min_chars: 1000, ..CleanSettings::default() };
/// assert_eq!(clean(html, None, &strict).reason, Some(EmptyReason::TooShort));
/// ```
///
/// Memory: about six times the size of the page, up to 35 times for a page that consists of tags only. Time: linear in
/// the page.
#[must_use]
pub fn clean(html: &str, url: Option<&str>, settings: &CleanSettings) -> Cleaned {
    clean_with(html, url, settings, Some(classifier::model()))
}

/// Same as [`clean`], with another model than the built-in one, or with the rules alone if `model` is `None`.
#[must_use]
pub fn clean_with(
    html: &str,
    url: Option<&str>,
    settings: &CleanSettings,
    model: Option<&classifier::GradientBoostedTrees>,
) -> Cleaned {
    let empty = |reason| Cleaned { reason: Some(reason), ..Cleaned::default() };
    if html.len() as u64 > u64::from(settings.max_bytes) {
        return empty(EmptyReason::TooLarge);
    }
    let page = page::Page::parse(html, settings.max_depth as usize);
    if page.tree.nodes.iter().all(|node| matches!(node.tag, Tag::Root | Tag::Text)) {
        return empty(EmptyReason::NotHtml);
    }
    let base = url.and_then(|url| url::Url::parse(url).ok());
    let about = metadata::metadata(&page, base.as_ref());
    let main = main_text::main_text(&page, &about, settings, base, model);
    let letters = main.text.chars().filter(|c| !c.is_whitespace()).count() as u64;
    let low_confidence = main.confidence.is_some_and(|confidence| confidence < settings.min_confidence);
    let reason = match letters {
        0 if page.tree.flattened => Some(EmptyReason::TooDeep),
        0 => Some(EmptyReason::NoContent),
        _ if letters < u64::from(settings.min_chars) => Some(EmptyReason::TooShort),
        _ if low_confidence => Some(EmptyReason::LowConfidence),
        _ => None,
    };
    Cleaned {
        text: if reason.is_some() { String::new() } else { main.text },
        title: about.title,
        author: about.author,
        date: about.date,
        language: about.language,
        site_name: about.site_name,
        canonical_url: about.canonical_url,
        licence: about.licence,
        confidence: main.confidence,
        letters,
        reason,
        cut: main.cut,
    }
}

/// Maximum number of nested elements of a formula.
const MAX_FORMULA_DEPTH: usize = 512;

/// Translates the first formula of a text in MathML to TeX, without delimiters; empty if there is none. Element names
/// may have the prefix `mml:` or `m:`, as in JATS.
///
/// ```
/// let formula = "<mml:math><mml:msup><mml:mn>10</mml:mn><mml:mn>6</mml:mn></mml:msup></mml:math>";
/// assert_eq!(corpusmill_extract::mathml_to_tex(formula), "10^{6}");
/// ```
#[must_use]
pub fn mathml_to_tex(markup: &str) -> String {
    let tree = build::parse(markup, MAX_FORMULA_DEPTH);
    let formula = tree.first(Tag::Math).and_then(|id| math::source(&tree, id));
    formula.map_or_else(String::new, |(source, _)| source)
}

#[cfg(test)]
mod tests;
