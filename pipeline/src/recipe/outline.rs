//! Where each key and value of a settings file stands, for checks that come after parsing.
//!
//! Invariant: a place is that of the YAML node itself; comments and other texts that hold the same word are never meant.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// The keys and values of a file with their locations.
#[derive(Debug)]
pub(super) enum Outline {
    Map(Vec<(Spanned<String>, Entry)>),
    List(Vec<Entry>),
    Scalar(String),
}

pub(super) type Entry = Spanned<Outline>;

impl Outline {
    /// Follows `path` as far as it leads: keys of mappings; numbers, from 0, or keys of their items for lists; the
    /// text of a value. Gives how many parts of the path were found, and where the last of them stands.
    pub(super) fn follow<'a>(&'a self, path: &[&str]) -> (usize, Option<Location>, &'a Self) {
        let (mut node, mut place) = (self, None);
        for (depth, part) in path.iter().enumerate() {
            let Some((location, next)) = node.step(part) else { return (depth, place, node) };
            (node, place) = (next, Some(location));
        }
        (path.len(), place, node)
    }

    fn step(&self, part: &str) -> Option<(Location, &Self)> {
        match self {
            Self::Map(entries) => {
                let (key, value) = entries.iter().find(|(key, _)| key.value == part)?;
                Some((key.referenced, &value.value))
            }
            Self::List(items) => match part.parse::<usize>() {
                Ok(index) => items.get(index).map(|item| (item.referenced, &item.value)),
                Err(_) => items.iter().find_map(|item| match &item.value {
                    Self::Map(_) => item.value.step(part),
                    Self::Scalar(text) => (text == part).then_some((item.referenced, &item.value)),
                    Self::List(_) => None,
                }),
            },
            Self::Scalar(_) => None,
        }
    }

    /// Where `word` stands as a key or value, here or below; the first in the order of the file.
    pub(super) fn search(&self, word: &str) -> Option<Location> {
        let value = |entry: &Entry| match &entry.value {
            Self::Scalar(text) => (text == word).then_some(entry.referenced),
            below => below.search(word),
        };
        match self {
            Self::Map(entries) => entries
                .iter()
                .find_map(|(key, entry)| (key.value == word).then_some(key.referenced).or_else(|| value(entry))),
            Self::List(items) => items.iter().find_map(value),
            Self::Scalar(_) => None,
        }
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

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Outline, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Outline::Scalar(String::new()))
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
