//! A source of a recipe: how its input is acquired, and the steps that process its documents.
//!
//! Invariant: a source is read and written as one list of steps, the first of which acquires.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq as _, Serializer};

use crate::sources::acquire::Acquire;
use crate::step::Step;

/// A source: a list of steps, the first of which acquires.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The first step of the list.
    pub acquire: Acquire,
    /// The other steps, which process the documents of this source.
    pub steps: Vec<Step>,
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(1 + self.steps.len()))?;
        list.serialize_element(&self.acquire)?;
        self.steps.iter().try_for_each(|step| list.serialize_element(step))?;
        list.end()
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Source;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of steps")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Source, A::Error> {
        let acquire = list.next_element()?.ok_or_else(|| A::Error::custom("the source has no steps"))?;
        let mut steps = Vec::new();
        while let Some(step) = list.next_element()? {
            steps.push(step);
        }
        Ok(Source { acquire, steps })
    }
}

impl JsonSchema for Source {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Source".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (acquire, step) = (generator.subschema_for::<Acquire>(), generator.subschema_for::<Step>());
        // `items` is for editors that do not support `prefixItems`: it must allow the first step, too.
        json_schema!({
            "type": "array",
            "minItems": 1,
            "prefixItems": [acquire],
            "items": { "anyOf": [step, acquire] },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_written_as_the_list_that_it_was_read_from() {
        let text = r#"[{"files":{"paths":["docs"]}},{"dedup":{"near":false}},{"clean":{}}]"#;
        let source: Source = serde_json::from_str(text).unwrap();
        assert_eq!((source.acquire.name(), source.steps.len()), ("files", 2));
        let list = serde_json::to_value(&source).unwrap();
        let steps: Vec<serde_json::Value> =
            source.steps.iter().map(|step| serde_json::to_value(step).unwrap()).collect();
        let acquire = serde_json::to_value(&source.acquire).unwrap();
        assert_eq!(list, serde_json::Value::from([vec![acquire], steps].concat()));
        assert_eq!(serde_json::from_value::<Source>(list).unwrap(), source);
    }

    #[test]
    fn only_the_first_step_acquires() {
        for (list, fault) in [
            ("[]", "the source has no steps"),
            (r#"[{"clean":{}}]"#, "unknown variant `clean`"),
            (r#"[{"files":{}},{"files":{}}]"#, "unknown variant `files`"),
        ] {
            let error = serde_json::from_str::<Source>(list).unwrap_err().to_string();
            assert!(error.contains(fault), "{list}: {error}");
        }
    }
}
