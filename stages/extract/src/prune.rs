//! Cuts boilerplate by element, visibility, role, and class names and ids.
//!
//! Invariant: nothing inside `<pre>` or `<code>` is cut because of its names (highlighters use classes such as
//! `comment` or `meta`), and a name never removes an element that contains a large share of the page's text: such a
//! name describes a layout, not a part.

use crate::class_names::rules::RuleHints;
use crate::math::is_tex_script;
use crate::measure::Measure;
use crate::page::Page;
use crate::rule::CutRule;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// Largest share of the page's text, in percent, that an element may contain to be cut because of its name.
const MAX_NAMED_PERCENT: u64 = 25;

/// Which nodes are cut, and by which rule; a cut node includes everything below it.
#[derive(Debug)]
pub(crate) struct Pruned {
    rules: Vec<Option<CutRule>>,
}

impl Pruned {
    /// Creates a state in which nothing is cut.
    pub(crate) fn new(tree: &Tree<'_>) -> Self {
        Self { rules: vec![None; tree.nodes.len()] }
    }

    /// Whether the node itself is cut.
    pub(crate) fn is_cut(&self, id: usize) -> bool {
        self.rules[id].is_some()
    }

    /// Cuts a subtree, unless it is already cut.
    pub(crate) fn cut(&mut self, id: usize, rule: CutRule) {
        self.rules[id].get_or_insert(rule);
    }

    /// The rule that cut a node.
    pub(crate) fn rule(&self, id: usize) -> Option<CutRule> {
        self.rules[id]
    }

    /// Keeps a node that is cut or inside a cut one; what surrounds it is then cut part by part, under the same rule.
    pub(crate) fn keep(&mut self, tree: &Tree<'_>, id: usize) {
        let mut path: Vec<usize> = std::iter::once(id).chain(tree.ancestors(id)).collect();
        path.reverse();
        for step in path.windows(2) {
            let (around, next) = (step[0], step[1]);
            if let Some(rule) = self.rules[around].take() {
                for child in tree.children(around).filter(|child| *child != next) {
                    self.cut(child, rule);
                }
            }
        }
        self.rules[id] = None;
        for rule in &mut self.rules[id + 1..tree.end(id)] {
            *rule = rule.filter(|rule| !matches!(rule, CutRule::OutsideMain | CutRule::Unlikely));
        }
    }

    /// Cuts what a browser does not show, node by node, so that a cell or a line of code is cut wherever it is read.
    pub(crate) fn cut_hidden(&mut self, page: &Page<'_>) {
        for id in page.hidden.nodes(&page.tree) {
            self.cut(id, CutRule::Hidden);
        }
    }
}

/// What the caller keeps although it is usually cut.
#[expect(clippy::struct_excessive_bools, reason = "independent switches, all combinations are valid")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepOptions {
    /// Reader comments.
    pub(crate) comments: bool,
    /// Tables; if false, tables without prose are cut.
    pub(crate) tables: bool,
    /// The contents of `<noscript>` are content.
    pub(crate) noscript: bool,
    /// The page declares itself an article, so names that are ambiguous on other pages are trusted.
    pub(crate) article: bool,
    /// Elements are kept whatever their names are: the loosest attempt.
    pub(crate) ignore_names: bool,
}

/// Applies the rules to every element of the page.
pub(crate) fn prune(page: &Page<'_>, raw: &[Measure], keep: KeepOptions) -> Pruned {
    let tree = &page.tree;
    let mut pruned = Pruned::new(tree);
    let matcher = RuleMatcher { page, raw, keep, page_text: u64::from(raw[0].text) };
    let mut id = 1;
    while id < tree.nodes.len() {
        let tag = tree.node(id).tag;
        if tag == Tag::Text {
            id += 1;
        } else if let Some(rule) = matcher.rule(id) {
            pruned.rules[id] = Some(rule);
            id = tree.end(id);
        } else if matches!(tag, Tag::Pre | Tag::Code | Tag::Math) {
            id = tree.end(id);
        } else {
            id += 1;
        }
    }
    pruned.cut_hidden(page);
    pruned
}

struct RuleMatcher<'t, 'a> {
    page: &'t Page<'a>,
    raw: &'t [Measure],
    keep: KeepOptions,
    page_text: u64,
}

impl RuleMatcher<'_, '_> {
    fn rule(&self, id: usize) -> Option<CutRule> {
        let tag = self.page.tree.node(id).tag;
        if matches!(tag, Tag::Html | Tag::Body) {
            return None;
        }
        self.by_element(id, tag)
            .or_else(|| self.by_visibility(id, tag))
            .or_else(|| self.by_role(id, tag))
            .or_else(|| self.by_name(id, tag))
    }

    fn within_share(&self, id: usize, percent: u64) -> bool {
        u64::from(self.raw[id].text) * 100 <= self.page_text * percent
    }

    fn has_heading(&self, id: usize) -> bool {
        (id..self.page.tree.end(id)).take(400).any(|inner| self.page.tree.node(inner).tag == Tag::H1)
    }

    fn by_element(&self, id: usize, tag: Tag) -> Option<CutRule> {
        match tag {
            Tag::Script => (!is_tex_script(&self.page.tree, id)).then_some(CutRule::NotText),
            Tag::Head
            | Tag::Style
            | Tag::Template
            | Tag::Iframe
            | Tag::Object
            | Tag::Embed
            | Tag::Applet
            | Tag::Audio
            | Tag::Video
            | Tag::Canvas
            | Tag::Svg
            | Tag::Map
            | Tag::Select
            | Tag::Datalist
            | Tag::Input
            | Tag::Textarea
            | Tag::Noembed
            | Tag::Noframes
            | Tag::Rp
            | Tag::Rt
            | Tag::Title
            | Tag::Link
            | Tag::Meta => Some(CutRule::NotText),
            Tag::Noscript => (!self.keep.noscript).then_some(CutRule::NotText),
            Tag::Button => (!self.heads_a_section(id)).then_some(CutRule::NotText),
            Tag::Form => self.within_share(id, 15).then_some(CutRule::NotText),
            Tag::Nav | Tag::Search => {
                (!self.keep.ignore_names || self.within_share(id, 50)).then_some(CutRule::Navigation)
            }
            Tag::Menu => (self.raw[id].link * 2 > self.raw[id].text).then_some(CutRule::Navigation),
            Tag::Figcaption => (!self.keep.ignore_names && self.is_picture(id)).then_some(CutRule::Caption),
            Tag::Dialog => Some(CutRule::Overlay),
            Tag::Footer => {
                let quoted =
                    self.page.tree.ancestors(id).take(3).any(|above| self.page.tree.node(above).tag == Tag::Blockquote);
                (!quoted && self.within_share(id, 50)).then_some(CutRule::Footer)
            }
            Tag::Header => {
                let inside = self
                    .page
                    .tree
                    .ancestors(id)
                    .any(|above| matches!(self.page.tree.node(above).tag, Tag::Article | Tag::Main | Tag::Section));
                let menu = self.raw[id].links >= 4 || !self.has_heading(id);
                (!inside && menu && self.within_share(id, 40)).then_some(CutRule::Navigation)
            }
            Tag::Aside => (!is_note(&self.page.tree, id) && self.within_share(id, 50)).then_some(CutRule::Sidebar),
            Tag::Table if !self.keep.tables => (self.raw[id].prose == 0).then_some(CutRule::NotText),
            _ => None,
        }
    }

    /// Whether the caption's figure contains only images: the caption of code, a table or a quote is content.
    fn is_picture(&self, id: usize) -> bool {
        let figure = self.page.tree.node(id).parent as usize;
        !(figure..self.page.tree.end(figure)).any(|at| {
            matches!(self.page.tree.node(at).tag, Tag::Pre | Tag::Table | Tag::Blockquote | Tag::Code | Tag::Math)
        })
    }

    /// Whether a button contains the whole heading of a section, as in an accordion.
    fn heads_a_section(&self, id: usize) -> bool {
        let heading = |at: usize| {
            let tag = self.page.tree.node(at).tag;
            (tag.heading().is_some() || matches!(tag, Tag::Dt | Tag::Summary)) && self.raw[at].text <= self.raw[id].text
        };
        self.page.tree.ancestors(id).take(2).any(heading) || self.page.tree.children(id).any(heading)
    }

    fn by_visibility(&self, id: usize, tag: Tag) -> Option<CutRule> {
        let tree = &self.page.tree;
        if self.page.hidden.is_root(id) {
            return Some(CutRule::Hidden);
        }
        let hidden =
            tree.raw_attribute(id, AttributeName::AriaHidden).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let formula = tree.children(id).any(|child| tree.node(child).tag == Tag::Math);
        (hidden && !formula && tag != Tag::Math && self.within_share(id, 35)).then_some(CutRule::Hidden)
    }

    fn by_role(&self, id: usize, tag: Tag) -> Option<CutRule> {
        let role = self.page.tree.raw_attribute(id, AttributeName::Role)?;
        if tag == Tag::Main || tag == Tag::Article || !self.within_share(id, 50) {
            return None;
        }
        match role {
            "navigation" | "search" | "menu" | "menubar" | "toolbar" | "tablist" | "doc-toc" | "directory" => {
                Some(CutRule::Navigation)
            }
            "banner" => (!self.has_heading(id)).then_some(CutRule::Navigation),
            "contentinfo" => Some(CutRule::Footer),
            "complementary" => (!is_note(&self.page.tree, id)).then_some(CutRule::Sidebar),
            "dialog" | "alertdialog" => Some(CutRule::Overlay),
            _ => None,
        }
    }

    fn by_name(&self, id: usize, tag: Tag) -> Option<CutRule> {
        if self.keep.ignore_names
            || matches!(tag, Tag::Main | Tag::Article | Tag::Pre | Tag::Code | Tag::Math | Tag::Table)
        {
            return None;
        }
        let class = self.page.class_names.class_hints(id).hints;
        let identity = self.page.class_names.id_hints(id).hints;
        let identity = if self.is_titled_section(id, tag) { RuleHints::default() } else { identity };
        let weak = if self.keep.article { class.weak.or(identity.weak) } else { None };
        let rule = class.prune.or(identity.prune).or(weak)?;
        if rule == CutRule::Comments && self.keep.comments {
            return None;
        }
        if rule == CutRule::Caption && (matches!(tag, Tag::Caption | Tag::Figure) || !self.is_picture(id)) {
            return None;
        }
        let tex = matches!(rule, CutRule::Hidden)
            && self.page.tree.children(id).any(|child| self.page.tree.node(child).tag == Tag::Math);
        if tex
            || tag.heading().is_some()
                && !matches!(
                    rule,
                    CutRule::Hidden | CutRule::Related | CutRule::Overlay | CutRule::Navigation | CutRule::Comments
                )
        {
            return None;
        }
        let content = class.content || identity.content;
        let share = if content { 5 } else { MAX_NAMED_PERCENT };
        let share = match rule {
            CutRule::Comments => 101,
            CutRule::Related if !content => 50,
            _ => share,
        };
        self.within_share(id, share).then_some(rule)
    }

    /// Whether a section's id is generated from its heading, as by documentation tools: such an id names the subject,
    /// not the part.
    fn is_titled_section(&self, id: usize, tag: Tag) -> bool {
        let section = tag == Tag::Section
            || self.page.tree.raw_attribute(id, AttributeName::Class).is_some_and(|class| class == "section");
        let first =
            self.page.tree.children(id).find(|child| !matches!(self.page.tree.node(*child).tag, Tag::Text | Tag::Span));
        section && first.is_some_and(|first| self.page.tree.node(first).tag.heading().is_some())
    }
}

/// Whether an aside is a note that belongs to the text, as in documentation.
fn is_note(tree: &Tree<'_>, id: usize) -> bool {
    let class = tree.raw_attribute(id, AttributeName::Class).unwrap_or_default();
    ["note", "tip", "warning", "caution", "admonition", "callout", "danger", "important", "hint"]
        .iter()
        .any(|word| class.split(|c: char| !c.is_ascii_alphabetic()).any(|part| part.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests;
