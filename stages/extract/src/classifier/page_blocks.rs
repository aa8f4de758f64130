//! The blocks of a page, with prefix sums that describe any part of the page in constant time.
//!
//! Invariant: time and memory are linear in the page.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::block::{Block, BlockKind};
use super::context::{NodeContext, begin_at_visible_text, contexts, flag};
use super::declared_text::declared_shares;
use super::page_summary::{PageSummary, summarize_page};
use super::repeated_text::{Repetition, find_repetitions};
use super::shape::{Shape, shape};
use super::words::WordHashes;
use crate::heuristic_result::HeuristicResult;
use crate::math::is_tex_script;
use crate::page::Page;
use crate::rule::CutRule;
use crate::tree::Tree;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// Prefix sums over the blocks before a given one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PrefixSums {
    pub(super) blocks: u32,
    pub(super) letters: u32,
    pub(super) linked: u32,
    pub(super) prose: u32,
    pub(super) headings: u32,
    pub(super) kept: u32,
    pub(super) images: u32,
}

impl PrefixSums {
    pub(super) fn minus(self, before: Self) -> Self {
        Self {
            blocks: self.blocks - before.blocks,
            letters: self.letters - before.letters,
            linked: self.linked - before.linked,
            prose: self.prose - before.prose,
            headings: self.headings - before.headings,
            kept: self.kept - before.kept,
            images: self.images - before.images,
        }
    }
}

/// The blocks with the same element name, class and parent elements: the output of one site template.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SiteTemplate {
    pub(super) blocks: u32,
    pub(super) letters: u32,
    pub(super) linked: u32,
    pub(super) prose: u32,
}

/// Levels of containers that a row describes.
pub(super) const CONTAINER_LEVELS: usize = 4;
/// Maximum number of ancestors searched for them.
const MAX_ANCESTORS: usize = 24;

/// A page's blocks and everything that rows are computed from.
pub(crate) struct PageBlocks<'t, 'a> {
    pub(crate) page: &'t Page<'a>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) shapes: Vec<Shape>,
    pub(super) contexts: Vec<NodeContext>,
    pub(super) summary: PageSummary,
    /// Whether the rules take the page for a forum, and for one article.
    pub(super) forum: bool,
    pub(super) article: bool,
    /// Whether the rules keep each block.
    pub(crate) kept: Vec<bool>,
    /// Prefix sums over the blocks before each block.
    pub(super) sums: Vec<PrefixSums>,
    /// How many blocks begin before each node.
    pub(super) before: Vec<u32>,
    /// How many elements have this parent and signature.
    pub(super) repeats: HashMap<u64, u32, Xxh3DefaultBuilder>,
    /// The template of each block.
    pub(super) template: Vec<u32>,
    pub(super) templates: Vec<SiteTemplate>,
    /// How much of each block is repeated elsewhere on the page.
    pub(super) repetitions: Vec<Repetition>,
    /// The heading above each block: the last before it.
    pub(super) heading: Vec<Option<u32>>,
    /// One past the last block of the section that a heading opens.
    pub(super) section_end: Vec<u32>,
    /// The first main heading.
    pub(super) main_heading: Option<usize>,
    /// The containers of each block.
    pub(super) containers: Vec<[u32; CONTAINER_LEVELS]>,
    /// The images before each node.
    images_before: Vec<u32>,
    /// How much of each block is in the text that the page declares.
    pub(super) declared: Vec<i64>,
    /// The words of each block.
    pub(super) word_hashes: WordHashes,
}

impl<'t, 'a> PageBlocks<'t, 'a> {
    /// Computes shapes, contexts, sums, templates, sections and containers of the blocks of a page.
    pub(crate) fn new(page: &'t Page<'a>, heuristics: &HeuristicResult, mut blocks: Vec<Block>) -> Self {
        let tree = &page.tree;
        let contexts = contexts(page, &heuristics.pruned);
        begin_at_visible_text(tree, &contexts, &mut blocks);
        let inside = |id: usize, bit: u32| contexts[id].flags & bit != 0;
        let mut words = WordHashes::default();
        let shapes: Vec<Shape> = blocks
            .iter()
            .map(|block| shape(tree, block, |id| inside(id, flag::LINK), |id| inside(id, flag::BOLD), &mut words))
            .collect();
        let kept = kept_by_rules(tree, &blocks, &contexts, &heuristics.roots);
        let mut page_blocks = Self {
            page,
            repetitions: find_repetitions(&shapes, &words, &kept),
            kept,
            shapes,
            summary: summarize_page(page),
            forum: heuristics.forum,
            article: heuristics.article,
            sums: Vec::new(),
            before: Vec::new(),
            repeats: HashMap::default(),
            template: Vec::new(),
            templates: Vec::new(),
            heading: Vec::new(),
            section_end: Vec::new(),
            main_heading: None,
            containers: Vec::new(),
            images_before: images_before(tree),
            declared: declared_shares(tree, &words),
            word_hashes: words,
            blocks,
            contexts,
        };
        page_blocks.compute_sums();
        page_blocks.group_templates();
        page_blocks.find_sections();
        page_blocks.containers = (0..page_blocks.blocks.len()).map(|at| page_blocks.find_containers(at)).collect();
        page_blocks
    }

    /// The images between a block and the block before it, and between it and the block after it.
    pub(super) fn images_around(&self, at: usize) -> [u32; 2] {
        let Block { first, end, .. } = self.blocks[at];
        let last_end = at.checked_sub(1).map_or(0, |before| self.blocks[before].end);
        let next_first = self.blocks.get(at + 1).map_or(self.images_before.len() - 1, |next| next.first);
        let between = |from: usize, to: usize| self.images_before[to].saturating_sub(self.images_before[from]);
        [between(last_end, first), between(end, next_first)]
    }

    /// The tag of a block's element; for a definition list, that of a list, since the weights were trained on pages
    /// whose definition lists were split.
    pub(super) fn tag(&self, at: usize) -> Tag {
        let block = &self.blocks[at];
        match self.page.tree.node(block.owner).tag {
            Tag::Dl if block.kind == BlockKind::List => Tag::Ul,
            tag => tag,
        }
    }

    /// The rule that cut the block or an element around it.
    pub(crate) fn cut_rule(&self, at: usize) -> Option<CutRule> {
        self.contexts[self.blocks[at].first].cut_rule
    }

    /// Whether a class or id around the block triggers this rule.
    pub(crate) fn is_named(&self, at: usize, rule: CutRule) -> bool {
        self.contexts[self.blocks[at].first].named >> rule as u32 & 1 == 1
    }

    /// Whether the block is a formula, perhaps with a number or a full stop beside it.
    pub(crate) fn is_formula(&self, at: usize) -> bool {
        let tree = &self.page.tree;
        let Block { first, end, owner, .. } = self.blocks[at];
        let is_source = |id: usize| match tree.node(id).tag {
            Tag::Math => true,
            Tag::Script => is_tex_script(tree, id),
            _ => false,
        };
        let around = tree.ancestors(first).take_while(|id| *id != owner).find(|id| is_source(*id));
        let mut source_end = around.map_or(0, |id| tree.end(id));
        let mut has_source = around.is_some();
        (first..end).all(|id| {
            if id >= source_end && is_source(id) {
                source_end = tree.end(id);
                has_source = true;
            }
            id < source_end || !decode_entities(tree.raw_text(id), false).contains(char::is_alphabetic)
        }) && has_source
    }

    /// Whether a browser does not show the block.
    pub(crate) fn is_hidden(&self, at: usize) -> bool {
        self.page.hidden.contains(&self.page.tree, self.blocks[at].first)
    }

    /// Whether the block is long enough to be prose, and mostly not links.
    pub(crate) fn is_prose(&self, at: usize) -> bool {
        is_prose(&self.shapes[at])
    }

    /// The number of words of each block, at least one.
    pub(super) fn words(&self) -> Vec<u32> {
        self.shapes.iter().map(|shape| shape.words.max(1)).collect()
    }

    pub(super) fn heading_level(&self, at: usize) -> usize {
        self.tag(at).heading().unwrap_or(0)
    }

    fn compute_sums(&mut self) {
        let mut sum = PrefixSums::default();
        let mut before = Vec::with_capacity(self.page.tree.nodes.len() + 1);
        self.sums.push(sum);
        for (at, block) in self.blocks.iter().enumerate() {
            before.resize(block.first + 1, sum.blocks);
            let shape = &self.shapes[at];
            sum.blocks += 1;
            sum.letters += shape.letters;
            sum.linked += shape.linked;
            sum.images += shape.images;
            sum.headings += u32::from(self.heading_level(at) > 0);
            if is_prose(shape) {
                sum.prose += shape.letters;
            }
            if self.kept[at] {
                sum.kept += shape.letters;
            }
            self.sums.push(sum);
        }
        before.resize(self.page.tree.nodes.len() + 1, sum.blocks);
        self.before = before;
    }

    /// The blocks that begin in the subtree of an element.
    pub(crate) fn range(&self, id: usize) -> (usize, usize) {
        (self.before[id] as usize, self.before[self.page.tree.end(id)] as usize)
    }

    fn group_templates(&mut self) {
        let mut ids: HashMap<(u32, u32, u32), u32, Xxh3DefaultBuilder> = HashMap::default();
        for (block, shape) in self.blocks.iter().zip(&self.shapes) {
            let own = &self.contexts[block.owner];
            let key = (own.signature, own.parent_signature, own.grandparent_signature);
            let next = u32::try_from(self.templates.len()).unwrap_or(u32::MAX);
            let id = *ids.entry(key).or_insert(next);
            if id == next {
                self.templates.push(SiteTemplate::default());
            }
            let template = &mut self.templates[id as usize];
            template.blocks += 1;
            template.letters += shape.letters;
            template.linked += shape.linked;
            template.prose += u32::from(is_prose(shape));
            self.template.push(id);
        }
        for id in 1..self.page.tree.nodes.len() {
            if self.page.tree.node(id).tag != Tag::Text && self.before[id] < self.before[self.page.tree.end(id)] {
                *self.repeats.entry(self.repeat_key(id)).or_insert(0) += 1;
            }
        }
    }

    /// The key of an element in [`Self::repeats`]: siblings with the same tag and class have the same.
    pub(super) fn repeat_key(&self, id: usize) -> u64 {
        u64::from(self.page.tree.node(id).parent) << 32 | u64::from(self.contexts[id].signature)
    }

    fn find_sections(&mut self) {
        let count = self.blocks.len();
        self.section_end = vec![u32::try_from(count).unwrap_or(u32::MAX); count];
        let mut open: Option<u32> = None;
        for at in 0..count {
            if self.heading_level(at) > 0 {
                let here = u32::try_from(at).unwrap_or(u32::MAX);
                if let Some(open) = open {
                    self.section_end[open as usize] = here;
                }
                if self.heading_level(at) == 1 && self.main_heading.is_none() {
                    self.main_heading = Some(at);
                }
                self.heading.push(open);
                open = Some(here);
            } else {
                self.heading.push(open);
            }
        }
    }

    /// The heading of the section that contains a block, and the section's range of blocks; a heading belongs to the
    /// section that it opens.
    pub(super) fn section_of(&self, at: usize) -> (Option<usize>, usize, usize) {
        let heading = self.heading[at].map(|heading| heading as usize);
        let opens = if self.heading_level(at) > 0 { Some(at) } else { heading };
        let (from, to) = opens.map_or((0, at), |opens| (opens + 1, self.section_end[opens] as usize));
        (opens, from, to.max(from))
    }

    /// The nearest ancestors, each of which contains more blocks than the one before.
    fn find_containers(&self, at: usize) -> [u32; CONTAINER_LEVELS] {
        let mut found = [0; CONTAINER_LEVELS];
        let (mut level, mut held) = (0, 1);
        let owner = self.blocks[at].owner;
        for id in std::iter::once(owner).chain(self.page.tree.ancestors(owner)).take(MAX_ANCESTORS) {
            let (from, to) = self.range(id);
            if to - from > held {
                held = to - from;
                found[level] = u32::try_from(id).unwrap_or(0);
                level += 1;
                if level == CONTAINER_LEVELS {
                    break;
                }
            }
        }
        found
    }
}

/// The number of images before each node.
fn images_before(tree: &Tree<'_>) -> Vec<u32> {
    let mut sum = 0;
    let counts = tree.nodes.iter().map(|node| {
        sum += u32::from(matches!(node.tag, Tag::Img | Tag::Video | Tag::Iframe));
        sum
    });
    std::iter::once(0).chain(counts).collect()
}

/// Whether the rules keep each block: nothing around it is cut, and it is in a chosen subtree.
fn kept_by_rules(tree: &Tree<'_>, blocks: &[Block], contexts: &[NodeContext], roots: &[usize]) -> Vec<bool> {
    let in_parts = |block: &Block| roots.iter().any(|root| (*root..tree.end(*root)).contains(&block.first));
    blocks.iter().map(|block| contexts[block.first].cut_rule.is_none() && in_parts(block)).collect()
}

/// Whether a block is long enough and mostly not links.
fn is_prose(shape: &Shape) -> bool {
    shape.letters >= 40 && shape.linked * 2 <= shape.letters
}
