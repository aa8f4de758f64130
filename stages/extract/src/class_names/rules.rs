//! Words in class names and ids that trigger a rule or mark content, posts, authors and dates.
//!
//! Invariant: only words that markup uses, never words of the text and never a site's name. Names are matched as whole
//! words after splitting at `-`, `_`, `:`, digits and camel case (`post-meta`, `postMeta`, `post_meta` give `post`,
//! `meta`), so `shared` does not match `share`.

use crate::class_names::groups::group_bit;
use crate::rule::CutRule;

/// What a class or id says about how to treat its element.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RuleHints {
    /// The first rule that a word triggers.
    pub(crate) prune: Option<CutRule>,
    /// A rule that applies only on a page that is one article; on other pages the word is also used for content.
    pub(crate) weak: Option<CutRule>,
    /// The name marks the element as content.
    pub(crate) content: bool,
    /// The name marks the element as a user's post.
    pub(crate) post: bool,
}

/// Whether a class or id marks its element as showing an author or a date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MetadataHints {
    pub(crate) author: bool,
    pub(crate) date: bool,
}

/// Everything that is read from one class or id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WordHints {
    pub(crate) hints: RuleHints,
    pub(crate) metadata_hints: MetadataHints,
    /// One bit per word group that occurs in the name.
    pub(crate) groups: u64,
}

/// Parses the value of a class or id attribute.
pub(crate) fn parse_class_name(value: &str) -> WordHints {
    let mut parsed = WordHints::default();
    for_each_word(value, |previous, word, edge| {
        match_rule_word(previous, word, edge, &mut parsed.hints);
        match_metadata_word(previous, word, edge.1, &mut parsed.metadata_hints);
        parsed.groups |= group_bit(word);
    });
    parsed
}

fn match_metadata_word(previous: &[u8], word: &[u8], last: bool, found: &mut MetadataHints) {
    match word {
        b"author" | b"byline" | b"username" | b"writer" | b"poster" | b"contributor" | b"nickname" | b"autor"
        | b"auteur" => found.author |= last,
        b"name" => found.author |= last && matches!(previous, b"author" | b"user" | b"writer" | b"byline" | b"creator"),
        b"date" | b"time" | b"timestamp" | b"datetime" | b"posted" | b"published" | b"pubdate" | b"dateline"
        | b"updated" | b"meta" => found.date = true,
        _ => {}
    }
}

/// Whether a class name marks its element as a post with a word that is rarely used for anything else.
pub(crate) fn is_post_name(value: &str) -> bool {
    ["post", "message", "answer", "reply", "Post", "Message", "Reply"].iter().any(|word| value.contains(word))
}

/// Calls `each` for every word of the value, in lower case, with the previous word of the same name, the word, and
/// whether it is the first and the last of its name. Words are truncated to 24 bytes; names after the 24th are ignored.
fn for_each_word(value: &str, mut each: impl FnMut(&[u8], &[u8], (bool, bool))) {
    for token in value.split_ascii_whitespace().take(24) {
        let mut word = [0_u8; 24];
        let mut previous: [u8; 24] = [0; 24];
        let (mut length, mut previous_length, mut words) = (0, 0, 0);
        let bytes = token.as_bytes();
        for at in 0..=bytes.len() {
            let byte = bytes.get(at).copied().unwrap_or(b'-');
            let camel = byte.is_ascii_uppercase() && at > 0 && bytes[at - 1].is_ascii_lowercase();
            if (!byte.is_ascii_alphabetic() && byte < 0x80) || camel {
                if length > 0 {
                    words += 1;
                    each(&previous[..previous_length], &word[..length], (words == 1, at == bytes.len()));
                    previous = word;
                    previous_length = length;
                }
                length = 0;
            }
            if (byte.is_ascii_alphabetic() || byte >= 0x80) && length < word.len() {
                word[length] = byte.to_ascii_lowercase();
                length += 1;
            }
        }
    }
}

fn match_rule_word(previous: &[u8], word: &[u8], edge: (bool, bool), found: &mut RuleHints) {
    let rule = pair_rule(previous, word).or_else(|| word_rule(word, edge));
    if found.prune.is_none() {
        found.prune = rule;
    }
    match word {
        b"content" | b"article" | b"entry" | b"main" | b"maincontent" | b"articlebody" | b"story" | b"postcontent" => {
            found.content = true;
        }
        b"teaser" | b"teasers" => found.weak = Some(CutRule::Related),
        b"banner" | b"banners" => found.weak = Some(CutRule::Advertisement),
        b"post" | b"message" | b"answer" | b"reply" | b"thread" | b"topic" | b"question" => found.post = true,
        _ => {}
    }
}

/// The rule for two words that mean boilerplate only together.
fn pair_rule(previous: &[u8], word: &[u8]) -> Option<CutRule> {
    Some(match (previous, word) {
        (
            b"post" | b"entry" | b"article" | b"story",
            b"meta" | b"tags" | b"tag" | b"footer" | b"navigation" | b"info" | b"data",
        )
        | (b"author", b"bio" | b"box" | b"info" | b"card" | b"profile" | b"meta" | b"name")
        | (b"about", b"author") => CutRule::Byline,
        (b"read", b"more" | b"next" | b"also")
        | (b"see", b"also")
        | (b"more", b"posts" | b"stories" | b"articles" | b"news" | b"from")
        | (b"latest" | b"recent", b"posts" | b"news" | b"articles" | b"stories" | b"comments") => CutRule::Related,
        (b"sr" | b"screen", b"only" | b"reader") | (b"visually", b"hidden") | (b"d" | b"is", b"none" | b"hidden") => {
            CutRule::Hidden
        }
        (b"sign", b"up" | b"in") | (b"log", b"in") | (b"call", b"out") => CutRule::Overlay,
        (b"back" | b"to", b"top") | (b"table", b"contents") | (b"no" | b"d", b"print") => CutRule::Navigation,
        _ => return None,
    })
}

fn word_rule(word: &[u8], (first, last): (bool, bool)) -> Option<CutRule> {
    Some(match word {
        b"nav" | b"navbar" | b"navigation" | b"menu" | b"menubar" | b"submenu" | b"megamenu" | b"breadcrumb"
        | b"breadcrumbs" | b"crumbs" | b"pagination" | b"pager" | b"paginator" | b"skiplink" | b"skip" | b"toolbar"
        | b"topbar" | b"navi" | b"masthead" | b"toc" | b"mainnav" | b"subnav" | b"navbox" | b"sitemap" | b"pagenav"
        | b"prevnext" | b"postnav" | b"noprint" | b"printonly" => CutRule::Navigation,
        b"footer" | b"foot" | b"copyright" | b"colophon" | b"bottombar" | b"impressum" | b"legal" | b"disclaimer"
        | b"footnav" => CutRule::Footer,
        b"sidebar" | b"sidebars" | b"aside" | b"sidenav" | b"rail" | b"marginal" | b"rightcol" | b"leftcol" => {
            CutRule::Sidebar
        }
        b"share" | b"sharing" | b"shares" | b"social" | b"socials" | b"sociable" | b"sharebar" | b"bookmark"
        | b"bookmarks" | b"shariff" | b"socialmedia" | b"tellafriend" => CutRule::Share,
        b"related" | b"recommended" | b"recommendations" | b"recommendation" | b"suggested" | b"suggestions"
        | b"similar" | b"trending" | b"popular" | b"mostread" | b"promo" | b"promos" | b"promotion" | b"upsell"
        | b"crosssell" | b"relatedposts" | b"morenews" => CutRule::Related,
        b"comment" | b"comments" | b"commentlist" | b"respond" | b"kommentare" | b"kommentar" | b"comentarios"
        | b"commentaires" | b"commenting" | b"trackback" | b"trackbacks" | b"pingback" | b"pinglist"
        | b"commentform" => CutRule::Comments,
        b"ad" | b"ads" | b"advert" | b"adverts" | b"advertisement" | b"advertising" | b"sponsor" | b"sponsored"
        | b"sponsors" | b"adsense" | b"anzeige" | b"werbung" | b"dfp" | b"adslot" | b"publicidad" | b"adbox" => {
            CutRule::Advertisement
        }
        b"cookie" | b"cookies" | b"consent" | b"gdpr" | b"modal" | b"popup" | b"overlay" | b"newsletter"
        | b"subscribe" | b"subscription" | b"signup" | b"login" | b"lightbox" | b"dialog" | b"tooltip"
        | b"dropdown" | b"optin" => CutRule::Overlay,
        b"byline" | b"postmeta" | b"entrymeta" | b"timestamp" | b"postmetadata" | b"authorbox" | b"tags"
        | b"taglist" | b"tagcloud" | b"postinfo" | b"posted" | b"credit" | b"credits" | b"metadata" | b"dateline"
        | b"pubdate" | b"categories" | b"keywords" => CutRule::Byline,
        b"author" | b"authors" | b"date" | b"datetime" | b"meta" if first || last => CutRule::Byline,
        b"widget" | b"widgets" if first => CutRule::Sidebar,
        b"caption" | b"captions" | b"figcaption" | b"imagecaption" => CutRule::Caption,
        b"print" if first || last => CutRule::Share,
        b"infobox" | b"linkbox" | b"contactbox" | b"contact" | b"appstores" | b"license" | b"licence"
            if first || last =>
        {
            CutRule::Sidebar
        }
        b"hideme" | b"nosnippet" => CutRule::Hidden,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_whole_words() {
        assert_eq!(parse_class_name("post-meta").hints.prune, Some(CutRule::Byline));
        assert_eq!(parse_class_name("mainNav siteNav").hints.prune, Some(CutRule::Navigation));
        assert_eq!(parse_class_name("shared-memory adapter").hints.prune, None);
        assert!(!parse_class_name("author-bio authors-list").metadata_hints.author);
        assert_eq!(
            parse_class_name("col-md-8 entry-content").hints,
            RuleHints { content: true, ..RuleHints::default() }
        );
    }
}
