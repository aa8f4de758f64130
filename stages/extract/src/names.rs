//! The parsed classes and ids of a page's elements; each distinct value is parsed once.
//!
//! Invariant: equal values have equal numbers; 0 is the number of the empty and the missing value, which have no hints.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::code::names_gutter;
use super::math::{Copied, copied};
use super::tree::Node;
use super::vocabulary::{Heard, Hints, Shows, hear, tells_post};
use corpusmill_html::attribute::{Attribute, Name};
use corpusmill_html::tag::Tag;

/// The meaning of one class or id value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said {
    pub(crate) hints: Hints,
    pub(crate) shows: Shows,
    /// One bit per word group that occurs in the value.
    pub(crate) parts: u64,
    /// The value marks the element as a user's post, with a word that is rarely used for anything else.
    pub(crate) post: bool,
    /// The value marks the element as line numbers.
    pub(crate) gutter: bool,
    /// Whether the value marks the element as the rendered copy of a formula.
    pub(crate) copied: Copied,
}

/// The classes and ids of every element of a page.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The numbers of the class and the id of each node.
    numbers: Vec<[u32; 2]>,
    said: Vec<Said>,
}

impl Names {
    /// Reads the classes and ids of all nodes.
    pub(crate) fn read(page: &str, nodes: &[Node], attributes: &[Attribute]) -> Self {
        let mut seen: HashMap<&str, u32, Xxh3DefaultBuilder> = HashMap::default();
        let mut names = Self { numbers: Vec::with_capacity(nodes.len()), said: vec![Said::default()] };
        for node in nodes {
            let own: &[Attribute] =
                if node.tag == Tag::Text { &[] } else { &attributes[node.start as usize..node.stop as usize] };
            let mut numbers = [None; 2];
            for attribute in own {
                let slot = match attribute.name {
                    Name::Class => &mut numbers[0],
                    Name::Id => &mut numbers[1],
                    _ => continue,
                };
                let value = &page[attribute.start as usize..attribute.stop as usize];
                if slot.is_none() {
                    *slot = Some(if value.is_empty() {
                        0
                    } else {
                        *seen.entry(value).or_insert_with(|| names.hear(value))
                    });
                }
            }
            names.numbers.push(numbers.map(Option::unwrap_or_default));
        }
        names
    }

    fn hear(&mut self, value: &str) -> u32 {
        let Heard { hints, shows, parts } = hear(value);
        self.said.push(Said {
            hints,
            shows,
            parts,
            post: hints.post && tells_post(value),
            gutter: names_gutter(value),
            copied: copied(value),
        });
        u32::try_from(self.said.len() - 1).unwrap_or(0)
    }

    /// The meaning of an element's class.
    pub(crate) fn class(&self, id: usize) -> &Said {
        &self.said[self.numbers[id][0] as usize]
    }

    /// The meaning of an element's id.
    pub(crate) fn identity(&self, id: usize) -> &Said {
        &self.said[self.numbers[id][1] as usize]
    }

    /// The number of an element's class.
    pub(crate) fn class_number(&self, id: usize) -> u32 {
        self.numbers[id][0]
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::parse;

    #[test]
    fn equal_values_share_a_number() {
        let tree = parse("<p class=byline>a</p><p class=byline id=nav>b</p><p class=''>c</p><p>d</p>", 512);
        let at: Vec<usize> = tree.children(0).collect();
        let numbers: Vec<u32> = at.iter().map(|id| tree.names.class_number(*id)).collect();
        assert_eq!(numbers, [1, 1, 0, 0]);
        assert!(tree.names.class(at[1]).shows.author && tree.names.identity(at[1]).hints.prune.is_some());
        assert!(tree.names.class(at[3]).hints.prune.is_none());
    }
}
