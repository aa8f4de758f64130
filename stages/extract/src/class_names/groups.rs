//! Words in class names and ids, grouped by meaning.
//!
//! On a document's path: read together with the words that trigger a rule. These words trigger no rule; they are
//! columns of the classifier, which has learned what each group says about the text below.
//!
//! Invariant: words of markup that are common to many sites; never a site's name, never words of the text.

use std::collections::HashMap;
use std::sync::LazyLock;

use xxhash_rust::xxh3::Xxh3DefaultBuilder;

/// Number of groups.
pub(crate) const GROUP_COUNT: usize = GROUPS.len();

/// The groups; the index of a group is its bit.
const GROUPS: [&str; 60] = [
    "description desc descr",
    "title heading headline name subtitle",
    "price prices pricing cost",
    "product products prod sku item",
    "card cards tile tiles",
    "review reviews rating ratings stars testimonial testimonials",
    "feature features benefit benefits highlights",
    "faq faqs accordion",
    "question questions qa",
    "carousel slider slide slides swiper slick scroller splide",
    "filter filters facet facets refine sort sorting",
    "cart basket bag checkout wishlist buy",
    "grid masonry gallery",
    "list lists listing listings results result feed",
    "items rows",
    "text txt copy rich prose wysiwyg richtext rte paragraph",
    "body",
    "hero jumbotron",
    "cta button btn buttons",
    "spec specs specification specifications attribute attributes detail details technical",
    "tab tabs panel panels tabpanel",
    "signature",
    "avatar user users profile member",
    "quote blockquote",
    "thread threads topic topics forum",
    "reply replies answer answers",
    "message post posts",
    "vote votes like likes count stats score views",
    "option options variant variants swatch swatches size sizes color colors quantity selector",
    "shipping delivery stock availability returns warranty",
    "summary excerpt intro lead lede abstract deck standfirst tagline",
    "logo logos brand brands partners clients",
    "country locale lang language languages currency region",
    "mega drawer offcanvas mobile",
    "tag category label labels badge",
    "hide collapse collapsed",
    "step steps process how",
    "team staff people",
    "plan plans",
    "map location address hours phone",
    "form input field search",
    "link links",
    "image img images media thumbnail thumb video picture photo",
    "section sections block module",
    "article entry story",
    "code highlight syntax",
    "alert notice warning info",
    "job jobs event events",
    "reference references citation footnote footnotes",
    "edit permalink anchor headerlink",
    "header head top",
    "bottom",
    "main",
    "side left right",
    "about",
    "sub child children",
    "more",
    "service services",
    "help support",
    "news blog",
];

static GROUP_OF_WORD: LazyLock<HashMap<&'static [u8], u8, Xxh3DefaultBuilder>> = LazyLock::new(|| {
    let numbered = (0_u8..).zip(GROUPS);
    numbered.flat_map(|(group, words)| words.split(' ').map(move |word| (word.as_bytes(), group))).collect()
});

/// The bit of the group that a lower-case word belongs to; 0 for none.
pub(crate) fn group_bit(word: &[u8]) -> u64 {
    GROUP_OF_WORD.get(word).map_or(0, |group| 1 << group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_in_one_group() {
        let words = GROUPS.iter().flat_map(|words| words.split(' ')).count();
        assert_eq!(GROUP_OF_WORD.len(), words);
        assert_eq!(group_bit(b"description"), 1);
        assert_eq!(group_bit(b"unheard"), 0);
        const { assert!(GROUP_COUNT <= 64) };
    }
}
