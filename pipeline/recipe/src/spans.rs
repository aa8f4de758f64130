//! Locations of the keys and values of a settings file, for checks after parsing.
//!
//! Invariant: a location is that of the YAML node itself, never of a comment or other text with the same word.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// The keys and values of a file with their locations.
#[derive(Debug)]
pub(crate) enum Node {
    Map(Vec<(Spanned<String>, SpannedNode)>),
    List(Vec<SpannedNode>),
    Scalar(String),
}

pub(crate) type SpannedNode = Spanned<Node>;

/// Follows `path` as far as it exists: keys of mappings; for lists, the index of an item from 0 or a key of an item.
/// Returns the location of the last component found, and its value.
pub(crate) fn follow<'a>(tree: &'a SpannedNode, path: &[&str]) -> (Option<Location>, &'a SpannedNode) {
    let (mut last, mut entry) = (None, tree);
    for part in path {
        let Some((location, next)) = step(entry, part) else { break };
        (last, entry) = (Some(location), next);
    }
    (last, entry)
}

fn step<'a>(entry: &'a SpannedNode, part: &str) -> Option<(Location, &'a SpannedNode)> {
    match &entry.value {
        Node::Map(entries) => {
            let (key, value) = entries.iter().find(|(key, _)| key.value == part)?;
            Some((key.referenced, value))
        }
        Node::List(items) => match part.parse::<usize>() {
            Ok(index) => items.get(index).map(|item| (item.referenced, item)),
            Err(_) => items.iter().find_map(|item| step(item, part)),
        },
        Node::Scalar(_) => None,
    }
}

/// Location of `word` as a key or value, at or below `entry`; the first in file order.
pub(crate) fn search(entry: &SpannedNode, word: &str) -> Option<Location> {
    match &entry.value {
        Node::Map(entries) => entries
            .iter()
            .find_map(|(key, entry)| (key.value == word).then_some(key.referenced).or_else(|| search(entry, word))),
        Node::List(items) => items.iter().find_map(|item| search(item, word)),
        Node::Scalar(text) => (text == word).then_some(entry.referenced),
    }
}

/// The first scalar in file order for which `wanted` is true, and its location.
pub(crate) fn find<'a>(entry: &'a SpannedNode, wanted: &dyn Fn(&str) -> bool) -> Option<(&'a str, Location)> {
    match &entry.value {
        Node::Map(entries) => entries.iter().find_map(|(_, entry)| find(entry, wanted)),
        Node::List(items) => items.iter().find_map(|item| find(item, wanted)),
        Node::Scalar(text) => wanted(text).then_some((text, entry.referenced)),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Scalar(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(String::new()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(String::new()))
    }
}
