//! What the judge looks at: a row of whole numbers for each block.
//!
//! Invariant: training reads the rows that this module writes, so training and use cannot differ; a row takes constant time, so a
//! page takes time linear in its size.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::super::ladder::Ruled;
use super::super::rule::Rule;
use super::super::tag::Tag;
use super::super::tree::Tree;
use super::block::{Block, Kind};
use super::context::{Context, contexts, flag};
use super::page::{KINDS, Page, is_described, is_title, page};
use super::shape::{Shape, shape};

/// Sums over the blocks before a place.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    blocks: u32,
    letters: u32,
    linked: u32,
    prose: u32,
    headings: u32,
    kept: u32,
    images: u32,
}

impl Sums {
    fn since(self, before: Self) -> Self {
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

/// The blocks that share an element name, class and surroundings: what one template wrote.
#[derive(Debug, Clone, Copy, Default)]
struct Template {
    blocks: u32,
    letters: u32,
    linked: u32,
    prose: u32,
}

/// Levels of containers that a row describes.
const LEVELS: usize = 4;
/// Ancestors looked at to find them.
const MOST_STEPS: usize = 24;

/// A page's blocks with all that rows are made from.
pub(crate) struct Board<'t, 'a> {
    pub(crate) tree: &'t Tree<'a>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) shapes: Vec<Shape>,
    contexts: Vec<Context>,
    page: Page,
    forum: bool,
    article: bool,
    /// The rules keep the block.
    pub(crate) kept: Vec<bool>,
    /// Sums over the blocks before each.
    sums: Vec<Sums>,
    /// How many blocks begin before each node.
    before: Vec<u32>,
    /// How often an element with this parent and signature is there.
    repeats: HashMap<u64, u32, Xxh3DefaultBuilder>,
    /// The template of each block.
    template: Vec<u32>,
    templates: Vec<Template>,
    /// How often the same letters came before on the page.
    copies: Vec<u32>,
    /// The heading that each block stands under.
    heading: Vec<Option<u32>>,
    /// The block behind the section that a heading opens.
    section_end: Vec<u32>,
    /// The first main heading.
    main_heading: Option<usize>,
    /// The containers of each block.
    containers: Vec<[u32; LEVELS]>,
}

impl<'t, 'a> Board<'t, 'a> {
    /// Lays out a page.
    pub(crate) fn new(tree: &'t Tree<'a>, ruled: &Ruled, blocks: Vec<Block>) -> Self {
        let contexts = contexts(tree, &ruled.pruned);
        let inside = |id: usize, bit: u32| contexts[id].flags & bit != 0;
        let shapes: Vec<Shape> = blocks
            .iter()
            .map(|block| shape(tree, block, |id| inside(id, flag::LINK), |id| inside(id, flag::BOLD)))
            .collect();
        let mut board = Self {
            tree,
            kept: kept_by_rules(tree, &blocks, &contexts, &ruled.parts),
            shapes,
            page: page(tree),
            forum: ruled.forum,
            article: ruled.article,
            sums: Vec::new(),
            before: Vec::new(),
            repeats: HashMap::default(),
            template: Vec::new(),
            templates: Vec::new(),
            copies: Vec::new(),
            heading: Vec::new(),
            section_end: Vec::new(),
            main_heading: None,
            containers: Vec::new(),
            blocks,
            contexts,
        };
        board.add_up();
        board.group();
        board.find_sections();
        board.containers = (0..board.blocks.len()).map(|at| board.find_containers(at)).collect();
        board
    }

    fn tag(&self, at: usize) -> Tag {
        self.tree.node(self.blocks[at].owner).tag
    }

    /// The rule that cut what the block stands in.
    pub(crate) fn verdict(&self, at: usize) -> Option<Rule> {
        let verdict = usize::from(self.contexts[self.blocks[at].first].verdict);
        verdict.checked_sub(1).map(|place| Rule::ALL[place])
    }

    /// Whether a name around the block calls for this rule.
    pub(crate) fn is_named(&self, at: usize, rule: Rule) -> bool {
        self.contexts[self.blocks[at].first].named >> rule as u32 & 1 == 1
    }

    /// Whether the block is long enough to be prose, and mostly not links.
    pub(crate) fn is_prose(&self, at: usize) -> bool {
        is_prose(&self.shapes[at])
    }

    fn heading_level(&self, at: usize) -> usize {
        self.tag(at).heading().unwrap_or(0)
    }

    fn add_up(&mut self) {
        let mut sum = Sums::default();
        let mut before = Vec::with_capacity(self.tree.nodes.len() + 1);
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
        before.resize(self.tree.nodes.len() + 1, sum.blocks);
        self.before = before;
    }

    /// The blocks that begin in the subtree of an element.
    pub(crate) fn range(&self, id: usize) -> (usize, usize) {
        (self.before[id] as usize, self.before[self.tree.end(id)] as usize)
    }

    fn group(&mut self) {
        let mut ids: HashMap<(u32, u32, u32), u32, Xxh3DefaultBuilder> = HashMap::default();
        let mut letters: HashMap<u64, u32, Xxh3DefaultBuilder> = HashMap::default();
        for (block, shape) in self.blocks.iter().zip(&self.shapes) {
            let own = &self.contexts[block.owner];
            let key = (own.signature, own.above, own.higher);
            let next = u32::try_from(self.templates.len()).unwrap_or(u32::MAX);
            let id = *ids.entry(key).or_insert(next);
            if id == next {
                self.templates.push(Template::default());
            }
            let template = &mut self.templates[id as usize];
            template.blocks += 1;
            template.letters += shape.letters;
            template.linked += shape.linked;
            template.prose += u32::from(is_prose(shape));
            self.template.push(id);
            let count = letters.entry(shape.hash).or_insert(0);
            self.copies.push(*count);
            *count += 1;
        }
        for id in 1..self.tree.nodes.len() {
            if self.tree.node(id).tag != Tag::Text && self.before[id] < self.before[self.tree.end(id)] {
                *self.repeats.entry(self.repeat_key(id)).or_insert(0) += 1;
            }
        }
    }

    fn repeat_key(&self, id: usize) -> u64 {
        u64::from(self.tree.node(id).parent) << 32 | u64::from(self.contexts[id].signature)
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

    /// The nearest ancestors that hold more and more blocks.
    fn find_containers(&self, at: usize) -> [u32; LEVELS] {
        let mut found = [0; LEVELS];
        let (mut level, mut held) = (0, 1);
        let owner = self.blocks[at].owner;
        for id in std::iter::once(owner).chain(self.tree.ancestors(owner)).take(MOST_STEPS) {
            let (from, to) = self.range(id);
            if to - from > held {
                held = to - from;
                found[level] = u32::try_from(id).unwrap_or(0);
                level += 1;
                if level == LEVELS {
                    break;
                }
            }
        }
        found
    }
}

/// Whether the rules keep each block: nothing around it was cut, and it stands in a chosen part.
fn kept_by_rules(tree: &Tree<'_>, blocks: &[Block], contexts: &[Context], parts: &[usize]) -> Vec<bool> {
    let in_parts = |block: &Block| parts.iter().any(|part| (*part..tree.end(*part)).contains(&block.first));
    blocks.iter().map(|block| contexts[block.first].verdict == 0 && in_parts(block)).collect()
}

/// Long enough, and mostly not links.
fn is_prose(shape: &Shape) -> bool {
    shape.letters >= 40 && shape.linked * 2 <= shape.letters
}

/// A row that is being written.
struct Row<'r>(&'r mut Vec<i16>);

impl Row<'_> {
    fn push(&mut self, value: i64) {
        let value = value.clamp(i64::from(i16::MIN), i64::from(i16::MAX));
        self.0.push(i16::try_from(value).unwrap_or(0));
    }

    fn count(&mut self, value: u32) {
        self.push(i64::from(value));
    }

    fn flag(&mut self, value: bool) {
        self.push(i64::from(value));
    }

    /// `part` of `whole` in thousandths; −1 of nothing.
    fn share(&mut self, part: u32, whole: u32) {
        self.push(if whole == 0 { -1 } else { i64::from(part) * 1000 / i64::from(whole) });
    }
}

/// The tag of a block or container as a number: kinds that behave alike lie near each other.
fn tag_code(tag: Tag) -> i64 {
    match tag {
        Tag::P => 0,
        Tag::Blockquote => 1,
        Tag::Pre | Tag::Listing | Tag::Xmp | Tag::Plaintext => 2,
        Tag::Dd => 3,
        Tag::Dt => 4,
        Tag::Summary | Tag::Details => 5,
        Tag::H1 => 6,
        Tag::H2 => 7,
        Tag::H3 => 8,
        Tag::H4 => 9,
        Tag::H5 | Tag::H6 => 10,
        Tag::Div => 11,
        Tag::Li => 12,
        Tag::Ul => 13,
        Tag::Ol => 14,
        Tag::Table => 15,
        Tag::Td => 16,
        Tag::Th => 17,
        Tag::Tr | Tag::Tbody | Tag::Thead => 18,
        Tag::Article => 19,
        Tag::Main => 20,
        Tag::Section => 21,
        Tag::Body | Tag::Html | Tag::Root => 22,
        Tag::Figure | Tag::Figcaption => 23,
        Tag::Address => 24,
        Tag::Header => 25,
        Tag::Form | Tag::Fieldset | Tag::Legend => 26,
        Tag::Button => 27,
        Tag::Footer => 28,
        Tag::Aside => 29,
        Tag::Nav | Tag::Menu => 30,
        _ => 31,
    }
}

impl Board<'_, '_> {
    /// Appends the row of a block.
    pub(crate) fn row(&self, at: usize, out: &mut Vec<i16>) {
        let mut row = Row(out);
        self.own(at, &mut row);
        self.around(at, &mut row);
        self.place(at, &mut row);
        self.section(at, &mut row);
        self.held_by(at, &mut row);
        self.neighbours(at, &mut row);
        self.whole(&mut row);
    }

    /// The text itself.
    fn own(&self, at: usize, row: &mut Row<'_>) {
        let (block, shape) = (&self.blocks[at], &self.shapes[at]);
        row.push(match block.kind {
            Kind::Text => 0,
            Kind::Code => 1,
            Kind::Table => 2,
            Kind::List => 3,
        });
        row.push(tag_code(self.tag(at)));
        row.count(shape.letters);
        row.count(shape.words);
        row.share(shape.letters, shape.words.saturating_mul(100));
        row.share(shape.linked, shape.letters);
        row.share(shape.bold, shape.letters);
        row.share(shape.digits, shape.letters);
        row.share(shape.capitals, shape.words);
        row.count(shape.sentence_ends);
        row.share(shape.sentence_ends * 10, shape.words);
        row.count(shape.commas);
        row.share(shape.commas, shape.words);
        for count in [shape.symbols, shape.currency, shape.links, shape.images, shape.breaks, shape.items] {
            row.count(count);
        }
        row.share(shape.letters, shape.links.saturating_mul(100));
        row.share(shape.letters, shape.items.saturating_mul(100));
        row.push(i64::from(shape.begins));
        row.push(i64::from(shape.ends));
        row.count(self.copies[at]);
        row.flag(is_title(&self.page, shape));
        let text = if shape.letters >= 24 && !self.page.description.is_empty() {
            self.tree.squashed_range(block.first, block.end, 60)
        } else {
            String::new()
        };
        row.flag(is_described(&self.page, &text));
        let template = &self.templates[self.template[at] as usize];
        row.count(template.blocks);
        row.share(template.letters, template.blocks.saturating_mul(1000));
        row.share(template.linked, template.letters);
        row.share(template.prose, template.blocks);
        row.share(template.letters, self.sums[self.blocks.len()].letters);
    }

    /// What it stands in.
    fn around(&self, at: usize, row: &mut Row<'_>) {
        let own = &self.contexts[self.blocks[at].first];
        for bit in 0..28 {
            row.flag(own.flags >> bit & 1 == 1);
        }
        for rule in Rule::ALL {
            if rule.is_named() {
                row.flag(own.named >> rule as u32 & 1 == 1);
            }
        }
        row.push(i64::from(own.nearest));
        row.push(i64::from(own.nearest_distance));
        row.push(i64::from(own.verdict));
        row.flag(self.kept[at]);
        row.push(i64::from(own.depth));
    }

    /// Where on the page.
    fn place(&self, at: usize, row: &mut Row<'_>) {
        let (all, here) = (self.sums[self.blocks.len()], self.sums[at]);
        row.count(here.blocks);
        row.count(all.blocks - here.blocks);
        row.share(here.blocks, all.blocks);
        row.share(here.letters, all.letters);
        row.share(here.prose, all.prose);
        row.share(here.kept, all.kept);
        row.count(here.letters);
        row.count(all.letters - here.letters);
        let heading = self.main_heading.map_or(-1000, |heading| distance(at, heading));
        row.push(heading);
        row.share(self.shapes[at].letters, all.letters);
    }

    /// The heading above and the section it opens.
    fn section(&self, at: usize, row: &mut Row<'_>) {
        row.push(i64::try_from(self.heading_level(at)).unwrap_or(0));
        let heading = self.heading[at].map(|heading| heading as usize);
        row.push(heading.map_or(-1, |heading| distance(at, heading)));
        row.push(heading.map_or(0, |heading| i64::try_from(self.heading_level(heading)).unwrap_or(0)));
        let (opens, from, to) = self.section_of(at);
        let inside = self.sums[to].since(self.sums[from]);
        row.count(inside.letters);
        row.count(inside.blocks);
        row.share(inside.linked, inside.letters);
        row.share(inside.prose, inside.letters);
        row.share(inside.kept, inside.letters);
        row.flag(opens.is_some_and(|opens| self.kept[opens]));
    }

    /// The heading of the section that a block stands in, and the section's blocks; a heading speaks for the one that it opens.
    fn section_of(&self, at: usize) -> (Option<usize>, usize, usize) {
        let heading = self.heading[at].map(|heading| heading as usize);
        let opens = if self.heading_level(at) > 0 { Some(at) } else { heading };
        let (from, to) = opens.map_or((0, at), |opens| (opens + 1, self.section_end[opens] as usize));
        (opens, from, to.max(from))
    }

    /// The containers.
    fn held_by(&self, at: usize, row: &mut Row<'_>) {
        let here = u32::try_from(at).unwrap_or(u32::MAX);
        for id in self.containers[at] {
            let id = id as usize;
            let (from, to) = self.range(id);
            let inside = self.sums[to].since(self.sums[from]);
            row.count(inside.blocks);
            row.count(inside.letters);
            row.share(inside.linked, inside.letters);
            row.share(inside.prose, inside.letters);
            row.share(inside.letters, inside.blocks.saturating_mul(1000));
            row.share(inside.headings, inside.blocks);
            row.share(inside.images, inside.blocks);
            row.share(inside.letters, self.sums[self.blocks.len()].letters);
            row.share(here - self.before[id], inside.blocks);
            row.push(tag_code(self.tree.node(id).tag));
            row.count(self.repeats.get(&self.repeat_key(id)).copied().unwrap_or(0));
        }
    }

    /// The blocks before and behind.
    fn neighbours(&self, at: usize, row: &mut Row<'_>) {
        for step in [-3, -2, -1, 1, 2, 3] {
            let other = at.checked_add_signed(step).filter(|other| *other < self.blocks.len());
            let Some(other) = other else {
                for _ in 0..5 {
                    row.push(-2);
                }
                continue;
            };
            let shape = &self.shapes[other];
            row.count(shape.letters);
            row.share(shape.linked, shape.letters);
            row.push(tag_code(self.tag(other)));
            row.flag(self.kept[other]);
            row.flag(self.template[other] == self.template[at]);
        }
        for width in [4, 12] {
            let (from, to) = (at.saturating_sub(width), (at + width + 1).min(self.blocks.len()));
            let inside = self.sums[to].since(self.sums[from]);
            row.share(inside.letters, inside.blocks.saturating_mul(1000));
            row.share(inside.linked, inside.letters);
            row.share(inside.prose, inside.letters);
            row.share(inside.kept, inside.letters);
        }
    }

    /// The page.
    fn whole(&self, row: &mut Row<'_>) {
        let all = self.sums[self.blocks.len()];
        row.count(all.blocks);
        row.count(all.letters / 10);
        row.share(all.linked, all.letters);
        row.share(all.prose, all.letters);
        row.share(all.kept, all.letters);
        row.share(all.headings, all.blocks);
        row.share(all.images, all.blocks);
        for kind in 0..KINDS {
            row.flag(self.page.kinds >> kind & 1 == 1);
        }
        for count in self.page.counts {
            row.count(count);
        }
        row.count(self.page.posts);
        row.count(self.page.path_depth);
        row.flag(self.forum);
        row.flag(self.article);
        row.push(self.main_heading.map_or(-1, |heading| i64::try_from(heading).unwrap_or(0)));
    }
}

fn distance(at: usize, from: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX) - i64::try_from(from).unwrap_or(0)
}
