//! Measures how much text, link text and prose each subtree contains.
//!
//! Text is measured in weighted letters: white space counts 0, a letter of an alphabet 1, a Han, kana or hangul
//! character 3, so that the same thresholds fit every script (an English word has about five letters, a Chinese one
//! about one and a half characters).
//!
//! Invariant: one forward and one backward pass over the arena; a removed subtree counts 0.

use crate::tree::Tree;
use corpusmill_html::tag::Tag;

/// The contents of a subtree, in weighted letters.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measure {
    /// All text.
    pub(crate) text: u32,
    /// Text inside links.
    pub(crate) link: u32,
    /// Text of blocks that are prose: long enough and mostly not links.
    pub(crate) prose: u32,
    /// Text inside code blocks.
    pub(crate) code: u32,
    /// Number of links.
    pub(crate) links: u32,
}

/// A block whose own text is shorter than this is not prose.
const MIN_PROSE_LETTERS: u32 = 40;

/// The weight of a run of undecoded characters.
pub(crate) fn weighted_letters(text: &str) -> u32 {
    let mut bytes = text.as_bytes();
    let mut weight = 0;
    while let Some(at) = memchr::memchr(b'&', bytes) {
        let reference = &bytes[at + 1..];
        weight += weighted_letters_of_bytes(&bytes[..at]) + u32::from(!reference.starts_with(b"nbsp;"));
        let name = reference.iter().take(10).position(|byte| *byte == b';');
        bytes = &reference[name.map_or(0, |length| length + 1)..];
    }
    weight + weighted_letters_of_bytes(bytes)
}

/// The weight of bytes without character references.
fn weighted_letters_of_bytes(bytes: &[u8]) -> u32 {
    /// This many bytes weigh less than 256.
    const CHUNK_BYTES: usize = 64;
    let of = |byte: u8| match byte {
        0x21..=0x7f | 0xc0..=0xe2 | 0xee..=0xff => 1,
        0xe3..=0xed => 3,
        _ => 0,
    };
    bytes.chunks(CHUNK_BYTES).map(|part| u32::from(part.iter().map(|byte| of(*byte)).sum::<u8>())).sum()
}

/// Measures every subtree; a node for which `removed` returns true does not count, nor does anything below it.
pub(crate) fn measure(tree: &Tree<'_>, removed: impl Fn(usize) -> bool) -> Vec<Measure> {
    sum_up(tree, |id| weighted_letters(tree.raw_text(id)), removed)
}

/// Same as [`measure`], but reuses the text weights of an earlier measurement.
pub(crate) fn remeasure(tree: &Tree<'_>, before: &[Measure], removed: impl Fn(usize) -> bool) -> Vec<Measure> {
    let weight = |id: usize| if before[id].text > 0 { before[id].text } else { weighted_letters(tree.raw_text(id)) };
    sum_up(tree, weight, removed)
}

fn sum_up(tree: &Tree<'_>, weight: impl Fn(usize) -> u32, removed: impl Fn(usize) -> bool) -> Vec<Measure> {
    let count = tree.nodes.len();
    let mut all = vec![Measure::default(); count];
    let mut block = vec![0_u32; count];
    let mut own = vec![(0_u32, 0_u32); count];
    let mut in_link_until = 0;
    let mut in_code_until = 0;
    let mut id = 1;
    while id < count {
        let node = tree.node(id);
        if removed(id) {
            id = tree.end(id);
            continue;
        }
        let parent = node.parent as usize;
        block[id] = if node.tag.is_block() { u32::try_from(id).unwrap_or(0) } else { block[parent] };
        match node.tag {
            Tag::Text => {
                let weight = weight(id);
                all[id].text = weight;
                let holder = &mut own[block[id] as usize];
                holder.0 += weight;
                if id < in_link_until {
                    all[id].link = weight;
                    holder.1 += weight;
                }
                if id < in_code_until {
                    all[id].code = weight;
                }
            }
            Tag::A => {
                all[id].links = 1;
                in_link_until = in_link_until.max(tree.end(id));
            }
            Tag::Pre => in_code_until = in_code_until.max(tree.end(id)),
            _ => {}
        }
        id += 1;
    }
    for id in (1..count).rev() {
        let (text, link) = own[id];
        if text >= MIN_PROSE_LETTERS && link * 2 <= text {
            all[id].prose += text - link;
        }
        let from = all[id];
        let into = &mut all[tree.node(id).parent as usize];
        into.text += from.text;
        into.link += from.link;
        into.prose += from.prose;
        into.code += from.code;
        into.links += from.links;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::parse;

    #[test]
    fn letters_weigh_by_script() {
        assert_eq!(weighted_letters("a b"), 2);
        assert_eq!(weighted_letters("中文 é"), 7);
        assert_eq!(weighted_letters("&nbsp;x&amp;"), 2);
    }

    #[test]
    fn links_and_prose_add_up_to_the_root() {
        let page = "<div><p>This is a paragraph which is long enough to be prose.</p><a href=x>home</a></div>";
        let tree = parse(page, 512);
        let all = measure(&tree, |_| false);
        assert_eq!(all[0].link, 4);
        assert_eq!(all[0].text, all[0].prose + 4);
        let gone = measure(&tree, |id| tree.node(id).tag == Tag::A);
        assert_eq!(gone[0].link, 0);
    }
}
