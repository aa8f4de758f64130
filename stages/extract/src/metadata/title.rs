//! The title: the main heading if it agrees with a declared title, otherwise the declared title without the site's
//! name.
//!
//! Invariant: no word of any language is special; words are only compared for equality.

/// Separators before or after a site's name.
const SEPARATORS: [&str; 9] = [" | ", " - ", " – ", " — ", " · ", " » ", " • ", " :: ", " / "];

/// The title of a page, and the heading that is its main one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ChosenTitle {
    pub(super) title: Option<String>,
    /// Which of the headings is the main heading; `None` if each is the site's name, or there is none.
    pub(super) main_heading: Option<usize>,
}

/// Chooses the title; `declared` is in order of precedence.
pub(super) fn title(headings: &[String], declared: &[Option<String>], site: Option<&str>) -> ChosenTitle {
    let is_site = |heading: &str| {
        site.is_some_and(|site| same_letters(site, heading))
            || declared.iter().flatten().any(|title| is_title_suffix(heading, title))
    };
    // The share of a heading that is in a declared title.
    let near = |heading: &str| declared.iter().flatten().map(|title| shared_percent(heading, title)).max().unwrap_or(0);
    // The heading nearest to a declared title; of equals, the first.
    let main_heading = (0..headings.len())
        .filter(|at| !is_site(&headings[*at]))
        .max_by(|one, other| near(&headings[*one]).cmp(&near(&headings[*other])).then(std::cmp::Ordering::Greater));
    let heading = main_heading.map(|at| &headings[at]);
    let title = match declared.iter().flatten().next() {
        None => heading.cloned(),
        Some(first) => {
            let agrees = heading.filter(|heading| near(heading) >= 50).cloned();
            Some(agrees.unwrap_or_else(|| without_site(first, site)))
        }
    };
    ChosenTitle { title, main_heading }
}

/// Whether two titles have the same letters and digits, in any case.
pub(crate) fn same_letters(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
}

/// Whether the heading is the shorter part after a separator at the end of a title: often the site's name, as on
/// forums.
fn is_title_suffix(heading: &str, title: &str) -> bool {
    let rest = title.strip_suffix(heading);
    rest.is_some_and(|rest| rest.len() > heading.len() && SEPARATORS.iter().any(|mark| rest.ends_with(mark)))
}

/// The share of the heading's letters, in percent, that are in words of the title; 100 if the title contains the
/// heading unchanged.
fn shared_percent(heading: &str, title: &str) -> usize {
    let (low, high) = (heading.to_lowercase(), title.to_lowercase());
    if letters(heading).next().is_none() {
        return 0;
    }
    if high.contains(&low) {
        return 100;
    }
    let known: std::collections::HashSet<&str> = words(&high).collect();
    let all: usize = words(&low).map(str::len).sum();
    let both: usize = words(&low).filter(|word| known.contains(word)).map(str::len).sum();
    (both * 100).checked_div(all).unwrap_or(0)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// A title without the site's name, or without the short part after its last separator.
fn without_site(title: &str, site: Option<&str>) -> String {
    if let Some(site) = site.filter(|site| !site.is_empty()) {
        let ends = [' ', '|', '-', '–', '—', '·', ':', '•', '»', '/'];
        let behind = title.strip_suffix(site).map(|rest| rest.trim_end_matches(ends));
        let before = title.strip_prefix(site).filter(|rest| rest.trim_start().starts_with(ends));
        let rest = behind.or_else(|| before.map(|rest| rest.trim_start_matches(ends)));
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            return rest.to_owned();
        }
    }
    let last = SEPARATORS.iter().filter_map(|mark| title.rfind(mark)).max();
    let cut = last.filter(|at| title.len() - at <= 40 && title.len() - at <= *at + 8);
    cut.map_or(title, |at| title[..at].trim_end()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(heading: &str, declared: &str, site: Option<&str>) -> Option<String> {
        title(&[heading.to_owned()], &[Some(declared.to_owned())], site).title
    }

    #[test]
    fn heading_is_the_title_if_declared_titles_agree() {
        assert_eq!(of("A long story", "A long story | The Site", None).as_deref(), Some("A long story"));
        assert_eq!(of("The Site", "A long story | The Site", Some("The Site")).as_deref(), Some("A long story"));
        assert_eq!(of("The Site", "A long story - The Site", None).as_deref(), Some("A long story"));
        assert_eq!(of("A long story", "Site - A long story", None).as_deref(), Some("A long story"));
        assert_eq!(of("Welcome", "A long story - Site", None).as_deref(), Some("A long story"));
        assert_eq!(of("汉语的历史", "汉语的历史_百科", None).as_deref(), Some("汉语的历史"));
        assert_eq!(title(&["Only".to_owned()], &[None], None).title.as_deref(), Some("Only"));
        assert_eq!(title(&[], &[None], None), ChosenTitle::default());
    }

    #[test]
    fn main_heading_is_not_the_name_of_the_site() {
        let main = |headings: &[&str], declared: &str, site: Option<&str>| {
            let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
            title(&headings, &[Some(declared.to_owned())], site).main_heading
        };
        assert_eq!(main(&["The Site", "A long story"], "A long story | The Site", None), Some(1));
        assert_eq!(main(&["THE SITE", "A story"], "Welcome", Some("The Site")), Some(1));
        assert_eq!(main(&["How clocks are repaired", "Then"], "Site", None), Some(0));
        assert_eq!(main(&["The Site"], "A long story | The Site", None), None);
    }
}
