//! The parsed classes and ids of a page's elements; each distinct value is parsed once.
//!
//! Runs after `build`; its result is part of a `page`.
//!
//! Invariant: equal values have equal numbers; 0 is the number of the empty and the missing value, which have no hints.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use crate::class_names::exact::{RenderedCopy, is_gutter_class, rendered_copy};
use crate::class_names::rules::{MetadataHints, RuleHints, WordHints, is_post_name, parse_class_name};
use crate::node::Node;
use corpusmill_html::attribute::{Attribute, AttributeName};
use corpusmill_html::tag::Tag;

/// The meaning of one class or id value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClassHints {
    pub(crate) hints: RuleHints,
    pub(crate) metadata_hints: MetadataHints,
    /// One bit per word group that occurs in the value.
    pub(crate) groups: u64,
    /// The value marks the element as a user's post, with a word that is rarely used for anything else.
    pub(crate) post: bool,
    /// The value marks the element as line numbers.
    pub(crate) gutter: bool,
    /// Whether the value marks the element as the rendered copy of a formula.
    pub(crate) rendered_copy: RenderedCopy,
}

/// The classes and ids of every element of a page.
#[derive(Debug, Default)]
pub(crate) struct ClassNames {
    /// The numbers of the class and the id of each node.
    numbers: Vec<[u32; 2]>,
    hints_by_number: Vec<ClassHints>,
}

impl ClassNames {
    /// Reads the classes and ids of all nodes.
    pub(crate) fn read(html: &str, nodes: &[Node], attributes: &[Attribute]) -> Self {
        let mut seen: HashMap<&str, u32, Xxh3DefaultBuilder> = HashMap::default();
        let mut names = Self { numbers: Vec::with_capacity(nodes.len()), hints_by_number: vec![ClassHints::default()] };
        for node in nodes {
            let own: &[Attribute] =
                if node.tag == Tag::Text { &[] } else { &attributes[node.start as usize..node.stop as usize] };
            let mut numbers = [None; 2];
            for attribute in own {
                let slot = match attribute.name {
                    AttributeName::Class => &mut numbers[0],
                    AttributeName::Id => &mut numbers[1],
                    _ => continue,
                };
                let value = &html[attribute.start as usize..attribute.stop as usize];
                if slot.is_none() {
                    *slot = Some(if value.is_empty() {
                        0
                    } else {
                        *seen.entry(value).or_insert_with(|| names.intern(value))
                    });
                }
            }
            names.numbers.push(numbers.map(Option::unwrap_or_default));
        }
        names
    }

    fn intern(&mut self, value: &str) -> u32 {
        let WordHints { hints, metadata_hints, groups } = parse_class_name(value);
        self.hints_by_number.push(ClassHints {
            hints,
            metadata_hints,
            groups,
            post: hints.post && is_post_name(value),
            gutter: is_gutter_class(value),
            rendered_copy: rendered_copy(value),
        });
        u32::try_from(self.hints_by_number.len() - 1).unwrap_or(0)
    }

    /// The meaning of an element's class.
    pub(crate) fn class_hints(&self, id: usize) -> &ClassHints {
        &self.hints_by_number[self.numbers[id][0] as usize]
    }

    /// The meaning of an element's id.
    pub(crate) fn id_hints(&self, id: usize) -> &ClassHints {
        &self.hints_by_number[self.numbers[id][1] as usize]
    }

    /// The number of an element's class.
    pub(crate) fn class_number(&self, id: usize) -> u32 {
        self.numbers[id][0]
    }
}

#[cfg(test)]
mod tests {
    use crate::page::Page;

    #[test]
    fn equal_values_share_a_number() {
        let page = Page::parse("<p class=byline>a</p><p class=byline id=nav>b</p><p class=''>c</p><p>d</p>", 512);
        let at: Vec<usize> = page.tree.children(0).collect();
        let numbers: Vec<u32> = at.iter().map(|id| page.class_names.class_number(*id)).collect();
        assert_eq!(numbers, [1, 1, 0, 0]);
        assert!(
            page.class_names.class_hints(at[1]).metadata_hints.author
                && page.class_names.id_hints(at[1]).hints.prune.is_some()
        );
        assert!(page.class_names.class_hints(at[3]).hints.prune.is_none());
    }
}
