//! Locations of the keys and values of a settings file, for checks after parsing.
//!
//! Invariant: a location is that of the YAML node itself, never of a comment or other text with the same word.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// The keys and values of a file with their locations.
#[derive(Debug)]
pub(super) enum Outline {
    Map(Vec<(Spanned<String>, Entry)>),
    List(Vec<Entry>),
    Scalar(String),
}

pub(super) type Entry = Spanned<Outline>;

/// Follows `path` as far as it exists: keys of mappings; for lists, the index of an item from 0 or a key of an item.
/// Returns the location of the last component found, and its value.
pub(super) fn follow<'a>(outline: &'a Entry, path: &[&str]) -> (Option<Location>, &'a Entry) {
    let (mut place, mut entry) = (None, outline);
    for part in path {
        let Some((location, next)) = step(entry, part) else { break };
        (place, entry) = (Some(location), next);
    }
    (place, entry)
}

fn step<'a>(entry: &'a Entry, part: &str) -> Option<(Location, &'a Entry)> {
    match &entry.value {
        Outline::Map(entries) => {
            let (key, value) = entries.iter().find(|(key, _)| key.value == part)?;
            Some((key.referenced, value))
        }
        Outline::List(items) => match part.parse::<usize>() {
            Ok(index) => items.get(index).map(|item| (item.referenced, item)),
            Err(_) => items.iter().find_map(|item| step(item, part)),
        },
        Outline::Scalar(_) => None,
    }
}

/// Location of `word` as a key or value, at or below `entry`; the first in file order.
pub(super) fn search(entry: &Entry, word: &str) -> Option<Location> {
    match &entry.value {
        Outline::Map(entries) => entries
            .iter()
            .find_map(|(key, entry)| (key.value == word).then_some(key.referenced).or_else(|| search(entry, word))),
        Outline::List(items) => items.iter().find_map(|item| search(item, word)),
        Outline::Scalar(text) => (text == word).then_some(entry.referenced),
    }
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Builder)
    }
}

struct Builder;

impl<'de> Visitor<'de> for Builder {
    type Value = Outline;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Outline::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Outline, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Outline::List(items))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Outline, D::Error> {
        Outline::deserialize(deserializer)
    }

    fn visit_str<E>(self, text: &str) -> Result<Outline, E> {
        Ok(Outline::Scalar(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Outline, E> {
        Ok(Outline::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Outline, E> {
        Ok(Outline::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Outline, E> {
        Ok(Outline::Scalar(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Outline, E> {
        Ok(Outline::Scalar(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Outline, E> {
        Ok(Outline::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Outline, E> {
        Ok(Outline::Scalar(value.to_string()))
    }

    fn visit_none<E>(self) -> Result<Outline, E> {
        Ok(Outline::Scalar(String::new()))
    }

    fn visit_unit<E>(self) -> Result<Outline, E> {
        Ok(Outline::Scalar(String::new()))
    }
}
