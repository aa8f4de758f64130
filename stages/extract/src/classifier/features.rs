//! The features of the classifier: a row of integers for each block.
//!
//! A column has no name: the weights know it by its place in the row, and a value by its number. So the order in which
//! the functions below append values, and the numbers of tags, rules, kinds and characters, are part of the
//! weights. To change or add a feature, train new weights (`tools/train_clean.py`), which reads the rows of this
//! module through `training_rows`; tests compare the width of a row with the weights, and the values of one page with
//! those of the release.
//!
//! Invariant: training reads the rows that this module writes, so training and inference cannot differ; a row takes
//! constant time, so a page takes time linear in its size.

use super::block::BlockKind;
use super::cards::Cards;
use super::context::flag;
use super::page_blocks::PageBlocks;
use super::page_summary::{DESCRIBED_LETTERS, KINDS, is_described, is_title};
use super::row::{FeatureRow, rule_code, tag_code};
use super::text_column::TextColumn;
use crate::class_names::groups::GROUP_COUNT;
use crate::rule::CutRule;

/// Maximum number of ancestor levels whose names are read.
const MAX_LEVELS: i64 = 24;
/// The level of a word group that no element names.
const UNNAMED_LEVEL: i64 = 30;
/// The distance to the main heading of a page that has none.
const NO_MAIN_HEADING: i64 = -1000;
/// Every value of a neighbour before the first block or after the last.
const NO_NEIGHBOUR: i64 = -2;
/// Number of columns of a neighbour.
const NEIGHBOUR_COLUMNS: usize = 5;
/// Places of the neighbours that a row describes, relative to the block.
const NEIGHBOURS: [isize; 6] = [-3, -2, -1, 1, 2, 3];
/// Number of blocks before and after the block over which a row has sums.
const SURROUNDINGS: [usize; 2] = [4, 12];
/// Number of flags among the features of the elements around; the later ones are at the end of the row.
const EARLY_FLAGS: u32 = 28;
/// Bytes of a block that are compared with the page's description: enough for its letters, white space and signs.
const DESCRIBED_BYTES: usize = 60;

/// Writes the rows of a page.
pub(crate) struct RowWriter<'p, 't, 'a> {
    page: &'p PageBlocks<'t, 'a>,
    column: TextColumn,
    cards: Cards,
    /// Share of each block's words (‰) that occur in another block of the text column; −1 if it has none.
    column_words: Vec<i64>,
}

impl<'p, 't, 'a> RowWriter<'p, 't, 'a> {
    /// Finds the text column and the cards of a page.
    pub(crate) fn new(page: &'p PageBlocks<'t, 'a>) -> Self {
        let column = TextColumn::find(page);
        let column_words = column.shared_words(page, &page.word_hashes);
        Self { page, cards: Cards::find(page), column, column_words }
    }

    /// Appends the row of a block.
    pub(crate) fn write(&self, at: usize, out: &mut Vec<i16>) {
        let mut row = FeatureRow(out);
        self.page.own_features(at, &mut row);
        self.surrounding_features(at, &mut row);
    }

    /// Features of the text column, of cards, of images before and after, and of declarations. They are younger than
    /// the others, and at the end of the row, as new ones should be, so that the columns before them keep their places.
    fn surrounding_features(&self, at: usize, row: &mut FeatureRow<'_>) {
        let page = self.page;
        self.column.write(page, at, row);
        self.cards.write(page, at, row);
        for count in page.images_around(at) {
            row.count(count);
        }
        row.push(page.declared[at]);
        row.count(page.shapes[at].rights);
        page.link_features(at, row);
        row.push(self.column_words[at]);
        let own = &page.contexts[page.blocks[at].first];
        for bit in [flag::ITALIC, flag::COMMENT_TYPE, flag::ARTICLE_TYPE] {
            row.flag(own.flags & bit != 0);
        }
    }
}

impl PageBlocks<'_, '_> {
    /// Appends the features of a block, its neighbours and containers, and its page.
    fn own_features(&self, at: usize, row: &mut FeatureRow<'_>) {
        self.text_features(at, row);
        self.context_features(at, row);
        self.position_features(at, row);
        self.section_features(at, row);
        self.container_features(at, row);
        self.neighbour_features(at, row);
        self.page_features(row);
        self.class_name_features(at, row);
        self.repetitions[at].write(row);
    }

    /// Features of the text itself.
    fn text_features(&self, at: usize, row: &mut FeatureRow<'_>) {
        let (block, shape) = (&self.blocks[at], &self.shapes[at]);
        row.push(match block.kind {
            BlockKind::Text => 0,
            BlockKind::Code => 1,
            BlockKind::Table => 2,
            BlockKind::List => 3,
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
        row.count(self.repetitions[at].before);
        row.flag(is_title(&self.summary, shape));
        let may_be_described = shape.letters as usize >= DESCRIBED_LETTERS && !self.summary.description.is_empty();
        row.flag(
            may_be_described && {
                let text = self.page.tree.collapsed_range(block.first, block.end, DESCRIBED_BYTES);
                is_described(&self.summary, &text)
            },
        );
        let template = &self.templates[self.template[at] as usize];
        row.count(template.blocks);
        row.share(template.letters, template.blocks.saturating_mul(1000));
        row.share(template.linked, template.letters);
        row.share(template.prose, template.blocks);
        row.share(template.letters, self.sums[self.blocks.len()].letters);
    }

    /// Features of the elements around the block.
    fn context_features(&self, at: usize, row: &mut FeatureRow<'_>) {
        let own = &self.contexts[self.blocks[at].first];
        for bit in 0..EARLY_FLAGS {
            row.flag(own.flags >> bit & 1 == 1);
        }
        for rule in CutRule::ALL {
            if rule.is_named() {
                row.flag(own.named >> rule as u32 & 1 == 1);
            }
        }
        row.push(rule_code(own.nearest));
        row.push(i64::from(own.nearest_distance));
        row.push(rule_code(own.cut_rule));
        row.flag(self.kept[at]);
        row.push(i64::from(own.depth));
    }

    /// Features of the position on the page.
    fn position_features(&self, at: usize, row: &mut FeatureRow<'_>) {
        let (all, here) = (self.sums[self.blocks.len()], self.sums[at]);
        row.count(here.blocks);
        row.count(all.blocks - here.blocks);
        row.share(here.blocks, all.blocks);
        row.share(here.letters, all.letters);
        row.share(here.prose, all.prose);
        row.share(here.kept, all.kept);
        row.count(here.letters);
        row.count(all.letters - here.letters);
        row.push(self.main_heading.map_or(NO_MAIN_HEADING, |heading| distance(at, heading)));
        row.share(self.shapes[at].letters, all.letters);
    }

    /// Features of the heading above and the section it opens.
    fn section_features(&self, at: usize, row: &mut FeatureRow<'_>) {
        row.push(i64::try_from(self.heading_level(at)).unwrap_or(0));
        let heading = self.heading[at].map(|heading| heading as usize);
        row.push(heading.map_or(-1, |heading| distance(at, heading)));
        row.push(heading.map_or(0, |heading| i64::try_from(self.heading_level(heading)).unwrap_or(0)));
        let (opens, from, to) = self.section_of(at);
        let inside = self.sums[to].minus(self.sums[from]);
        row.count(inside.letters);
        row.count(inside.blocks);
        row.share(inside.linked, inside.letters);
        row.share(inside.prose, inside.letters);
        row.share(inside.kept, inside.letters);
        row.flag(opens.is_some_and(|opens| self.kept[opens]));
    }

    /// Features of the containers.
    fn container_features(&self, at: usize, row: &mut FeatureRow<'_>) {
        let here = u32::try_from(at).unwrap_or(u32::MAX);
        for id in self.containers[at] {
            let id = id as usize;
            let (from, to) = self.range(id);
            let inside = self.sums[to].minus(self.sums[from]);
            row.count(inside.blocks);
            row.count(inside.letters);
            row.share(inside.linked, inside.letters);
            row.share(inside.prose, inside.letters);
            row.share(inside.letters, inside.blocks.saturating_mul(1000));
            row.share(inside.headings, inside.blocks);
            row.share(inside.images, inside.blocks);
            row.share(inside.letters, self.sums[self.blocks.len()].letters);
            row.share(here - self.before[id], inside.blocks);
            row.push(tag_code(self.page.tree.node(id).tag));
            row.count(self.repeats.get(&self.repeat_key(id)).copied().unwrap_or(0));
        }
    }

    /// Features of the blocks before and after.
    fn neighbour_features(&self, at: usize, row: &mut FeatureRow<'_>) {
        for step in NEIGHBOURS {
            let other = at.checked_add_signed(step).filter(|other| *other < self.blocks.len());
            let Some(other) = other else {
                (0..NEIGHBOUR_COLUMNS).for_each(|_| row.push(NO_NEIGHBOUR));
                continue;
            };
            let shape = &self.shapes[other];
            row.count(shape.letters);
            row.share(shape.linked, shape.letters);
            row.push(tag_code(self.tag(other)));
            row.flag(self.kept[other]);
            row.flag(self.template[other] == self.template[at]);
        }
        for width in SURROUNDINGS {
            let (from, to) = (at.saturating_sub(width), (at + width + 1).min(self.blocks.len()));
            let inside = self.sums[to].minus(self.sums[from]);
            row.share(inside.letters, inside.blocks.saturating_mul(1000));
            row.share(inside.linked, inside.letters);
            row.share(inside.prose, inside.letters);
            row.share(inside.kept, inside.letters);
        }
    }

    /// For each word group, the number of levels up to the nearest element that it names.
    fn class_name_features(&self, at: usize, row: &mut FeatureRow<'_>) {
        let mut levels = [UNNAMED_LEVEL; GROUP_COUNT];
        let mut seen = 0;
        let owner = self.blocks[at].owner;
        for (level, id) in (0..MAX_LEVELS).zip(std::iter::once(owner).chain(self.page.tree.ancestors(owner))) {
            let own = self.page.class_names.class_hints(id).groups | self.page.class_names.id_hints(id).groups;
            let mut new = own & !seen;
            seen |= own;
            while new != 0 {
                levels[new.trailing_zeros() as usize] = level;
                new &= new - 1;
            }
        }
        for level in levels {
            row.push(level);
        }
    }

    /// Features of the page.
    fn page_features(&self, row: &mut FeatureRow<'_>) {
        let all = self.sums[self.blocks.len()];
        row.magnitude(all.blocks);
        row.magnitude(all.letters / 10);
        row.share(all.linked, all.letters);
        row.share(all.prose, all.letters);
        row.share(all.kept, all.letters);
        row.share(all.headings, all.blocks);
        row.share(all.images, all.blocks);
        for kind in 0..KINDS {
            row.flag(self.summary.kinds >> kind & 1 == 1);
        }
        for count in self.summary.counts {
            row.magnitude(count);
        }
        row.magnitude(self.summary.posts);
        row.count(self.summary.path_depth);
        row.flag(self.forum);
        row.flag(self.article);
        row.push(self.main_heading.map_or(-1, |heading| i64::try_from(heading).unwrap_or(0)));
    }
}

/// The number of blocks from one to another, negative if it is before.
fn distance(at: usize, from: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX) - i64::try_from(from).unwrap_or(0)
}

#[cfg(test)]
mod tests;
