//! Finds the name that a misspelt one was meant to be, for the hints of errors.
//!
//! Invariant: the result depends on the set of names only, not on their order.

/// Returns the name closest to `given` by Damerau-Levenshtein distance, if it is close enough to be a typo.
pub(crate) fn closest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (given.chars().count() / 3).max(1);
    names
        .map(|name| (strsim::damerau_levenshtein(&given.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}
