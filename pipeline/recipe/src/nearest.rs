//! Suggestions for misspelt names.
//!
//! Invariant: a name that differs in more than a quarter of its letters and one more is never suggested, unless one name
//! begins with the other.

/// The most similar of some names, if one is similar: few letters differ, or one begins with the other.
pub fn did_you_mean<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |name: &str| {
        let begins = name.len().min(found.len()) >= 3 && (name.starts_with(found) || found.starts_with(name));
        if begins { 1 } else { strsim::damerau_levenshtein(found, name) }
    };
    names
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count().max(found.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let names = ["files", "crates", "dedup"];
        assert_eq!(did_you_mean("deduplicate", names), Some("dedup"));
        assert_eq!(did_you_mean("flies", names), Some("files"));
        assert_eq!(did_you_mean("translate", names), None);
    }
}
