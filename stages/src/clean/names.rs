//! What the classes and ids of a page's elements say; each distinct value is read once.
//!
//! Invariant: equal values have equal numbers; 0 is the empty value and the missing one, which say nothing.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::attribute::{Attribute, Name};
use super::code::names_gutter;
use super::math::{Copied, copied};
use super::tag::Tag;
use super::tree::Node;
use super::vocabulary::{Heard, Hints, Shows, hear, tells_post};

/// What one value says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said {
    pub(crate) hints: Hints,
    pub(crate) shows: Shows,
    /// A bit for each group of [`parts`](super::parts) that is named.
    pub(crate) parts: u64,
    /// It calls the element a user's post, in a word that few other things are called by.
    pub(crate) post: bool,
    /// It calls the element line numbers.
    pub(crate) gutter: bool,
    /// It calls the element the rendered copy of a formula.
    pub(crate) copied: Copied,
}

/// The names of every element of a page.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The numbers of each node's class and id.
    numbers: Vec<[u32; 2]>,
    said: Vec<Said>,
}

impl Names {
    /// Reads the names of all nodes.
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

    /// What an element's class says.
    pub(crate) fn class(&self, id: usize) -> &Said {
        &self.said[self.numbers[id][0] as usize]
    }

    /// What an element's id says.
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
    fn equal_values_are_one_and_missing_ones_say_nothing() {
        let tree = parse("<p class=byline>a</p><p class=byline id=nav>b</p><p class=''>c</p><p>d</p>", 512);
        let at: Vec<usize> = tree.children(0).collect();
        let numbers: Vec<u32> = at.iter().map(|id| tree.names.class_number(*id)).collect();
        assert_eq!(numbers, [1, 1, 0, 0]);
        assert!(tree.names.class(at[1]).shows.author && tree.names.identity(at[1]).hints.prune.is_some());
        assert!(tree.names.class(at[3]).hints.prune.is_none());
    }
}
