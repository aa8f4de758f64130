//! The settings in which a recipe differs from that of a checkpoint, for the error that names them.
//!
//! Invariant: a setting is named as `--set` names it, and its value is written as YAML.

use serde_json::Value;

/// The settings in which a run may be continued with another value: it can be longer, and use less memory.
const CHANGEABLE: [&str; 3] = ["data.steps", "data.tokens", "data.micro-sequences"];

/// One line for each difference.
#[derive(Debug, Default)]
pub(super) struct Differences(pub(super) Vec<String>);

impl Differences {
    /// Adds a difference.
    pub(super) fn push(&mut self, key: &str, old: &str, new: &str) {
        self.0.push(format!("{key}: {old} in the checkpoint, {new} now"));
    }

    /// Adds the differences of two values of the setting `key`.
    pub(super) fn compare(&mut self, key: &str, old: &Value, new: &Value) {
        if old == new || CHANGEABLE.contains(&key) {
            return;
        }
        let (Value::Object(old_keys), Value::Object(new_keys)) = (old, new) else {
            return self.push(key, &yaml(old), &yaml(new));
        };
        let only =
            |keys: &serde_json::Map<String, Value>| if keys.len() == 1 { keys.keys().next().cloned() } else { None };
        // Variants of a choice, such as the shapes of a schedule: their settings are not comparable.
        if let (Some(old_variant), Some(new_variant)) = (only(old_keys), only(new_keys))
            && old_variant != new_variant
        {
            return self.push(key, &yaml(old), &yaml(new));
        }
        let added = new_keys.keys().filter(|key| !old_keys.contains_key(*key));
        for part in old_keys.keys().chain(added) {
            self.compare(&format!("{key}.{part}"), &old[part], &new[part]);
        }
    }
}

/// A value of JSON as YAML on one line.
fn yaml(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            number.as_f64().filter(|_| number.is_f64()).map_or_else(|| number.to_string(), decimal)
        }
        Value::Array(items) => format!("[{}]", items.iter().map(yaml).collect::<Vec<_>>().join(", ")),
        Value::Object(keys) => {
            let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}: {}", yaml(value))).collect();
            format!("{{{}}}", keys.join(", "))
        }
        Value::Bool(_) => value.to_string(),
    }
}

/// A number with as few digits as identify it; a 32-bit one is not shown with the digits of its 64-bit form.
fn decimal(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "compared with the original")]
    let short = number as f32;
    #[expect(clippy::float_cmp, reason = "true only for a 32-bit number")]
    let is_short = f64::from(short) == number;
    if is_short { format!("{short:?}") } else { format!("{number:?}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compared(old: &Value, new: &Value) -> Vec<String> {
        let mut differences = Differences::default();
        differences.compare("a", old, new);
        differences.0
    }

    #[test]
    fn every_setting_that_differs_is_named() {
        let (old, new) = (json!({"b": {"c": 1, "d": 0.5}, "e": true}), json!({"b": {"c": 2, "d": 0.5}, "e": false}));
        assert_eq!(
            compared(&old, &new),
            ["a.b.c: 1 in the checkpoint, 2 now", "a.e: true in the checkpoint, false now"]
        );
        // A key of one side only, in either direction.
        let (without, with) = (json!({"b": 1}), json!({"b": 1, "muon": {"momentum": 0.95}}));
        assert_eq!(compared(&without, &with), ["a.muon: not set in the checkpoint, {momentum: 0.95} now"]);
        assert_eq!(compared(&with, &without), ["a.muon: {momentum: 0.95} in the checkpoint, not set now"]);
        assert!(compared(&with, &with).is_empty());
    }

    #[test]
    fn variants_are_compared_as_a_whole() {
        let (old, new) = (json!({"cosine": {"final-share": 0.1}}), json!({"wsd": {"decay-share": 0.2}}));
        let expected = "a: {cosine: {final-share: 0.1}} in the checkpoint, {wsd: {decay-share: 0.2}} now";
        assert_eq!(compared(&old, &new), [expected]);
        assert_eq!(
            compared(&old, &json!("constant")),
            ["a: {cosine: {final-share: 0.1}} in the checkpoint, constant now"]
        );
        let lower = json!({"cosine": {"final-share": 0.0}});
        assert_eq!(compared(&old, &lower), ["a.cosine.final-share: 0.1 in the checkpoint, 0.0 now"]);
    }

    #[test]
    fn numbers_are_short() {
        // 0.9 and 1e-8 in 32 bits, as AdamW has them.
        assert_eq!(yaml(&json!(0.9_f32)), "0.9");
        assert_eq!(yaml(&json!(1e-8_f32)), "1e-8");
        assert_eq!(yaml(&json!(0.003)), "0.003");
        assert_eq!(yaml(&json!([1, "x"])), "[1, x]");
    }
}
