//! Words in class names and ids that trigger a rule or mark content, posts, authors and dates.
//!
//! Invariant: only words that markup uses, never words of the text and never a site's name. Names are matched as whole
//! words after splitting at `-`, `_`, `:`, digits and camel case (`post-meta`, `postMeta`, `post_meta` give `post`,
//! `meta`), so `shared` does not match `share`.

use super::parts::part;
use super::rule::Rule;

/// What a class or id says about how to treat its element.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// The first rule that a word triggers.
    pub(crate) prune: Option<Rule>,
    /// A rule that applies only on a page that is one article; on other pages the word is also used for content.
    pub(crate) weak: Option<Rule>,
    /// The name marks the element as content.
    pub(crate) content: bool,
    /// The name marks the element as a user's post.
    pub(crate) post: bool,
}

/// Whether a class or id marks its element as showing an author or a date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shows {
    pub(crate) author: bool,
    pub(crate) date: bool,
}

/// Everything that is read from one class or id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) hints: Hints,
    pub(crate) shows: Shows,
    /// One bit per word group that occurs in the name.
    pub(crate) parts: u64,
}

/// Parses the value of a class or id attribute.
pub(crate) fn hear(value: &str) -> Heard {
    let mut heard = Heard::default();
    for_each_word(value, |previous, word, edge| {
        judge(previous, word, edge, &mut heard.hints);
        show(previous, word, edge.1, &mut heard.shows);
        heard.parts |= part(word);
    });
    heard
}

fn show(previous: &[u8], word: &[u8], last: bool, found: &mut Shows) {
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
pub(crate) fn tells_post(value: &str) -> bool {
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

fn judge(previous: &[u8], word: &[u8], edge: (bool, bool), found: &mut Hints) {
    let rule = pair_rule(previous, word).or_else(|| word_rule(word, edge));
    if found.prune.is_none() {
        found.prune = rule;
    }
    match word {
        b"content" | b"article" | b"entry" | b"main" | b"maincontent" | b"articlebody" | b"story" | b"postcontent" => {
            found.content = true;
        }
        b"teaser" | b"teasers" => found.weak = Some(Rule::Related),
        b"banner" | b"banners" => found.weak = Some(Rule::Advertisement),
        b"post" | b"message" | b"answer" | b"reply" | b"thread" | b"topic" | b"question" => found.post = true,
        _ => {}
    }
}

/// The rule for two words that mean boilerplate only together.
fn pair_rule(previous: &[u8], word: &[u8]) -> Option<Rule> {
    Some(match (previous, word) {
        (
            b"post" | b"entry" | b"article" | b"story",
            b"meta" | b"tags" | b"tag" | b"footer" | b"navigation" | b"info" | b"data",
        )
        | (b"author", b"bio" | b"box" | b"info" | b"card" | b"profile" | b"meta" | b"name")
        | (b"about", b"author") => Rule::Byline,
        (b"read", b"more" | b"next" | b"also")
        | (b"see", b"also")
        | (b"more", b"posts" | b"stories" | b"articles" | b"news" | b"from")
        | (b"latest" | b"recent", b"posts" | b"news" | b"articles" | b"stories" | b"comments") => Rule::Related,
        (b"sr" | b"screen", b"only" | b"reader") | (b"visually", b"hidden") | (b"d" | b"is", b"none" | b"hidden") => {
            Rule::Hidden
        }
        (b"sign", b"up" | b"in") | (b"log", b"in") | (b"call", b"out") => Rule::Overlay,
        (b"back" | b"to", b"top") | (b"table", b"contents") | (b"no" | b"d", b"print") => Rule::Navigation,
        _ => return None,
    })
}

fn word_rule(word: &[u8], (first, last): (bool, bool)) -> Option<Rule> {
    Some(match word {
        b"nav" | b"navbar" | b"navigation" | b"menu" | b"menubar" | b"submenu" | b"megamenu" | b"breadcrumb"
        | b"breadcrumbs" | b"crumbs" | b"pagination" | b"pager" | b"paginator" | b"skiplink" | b"skip" | b"toolbar"
        | b"topbar" | b"navi" | b"masthead" | b"toc" | b"mainnav" | b"subnav" | b"navbox" | b"sitemap" | b"pagenav"
        | b"prevnext" | b"postnav" | b"noprint" | b"printonly" => Rule::Navigation,
        b"footer" | b"foot" | b"copyright" | b"colophon" | b"bottombar" | b"impressum" | b"legal" | b"disclaimer"
        | b"footnav" => Rule::Footer,
        b"sidebar" | b"sidebars" | b"aside" | b"sidenav" | b"rail" | b"marginal" | b"rightcol" | b"leftcol" => {
            Rule::Sidebar
        }
        b"share" | b"sharing" | b"shares" | b"social" | b"socials" | b"sociable" | b"sharebar" | b"bookmark"
        | b"bookmarks" | b"shariff" | b"socialmedia" | b"tellafriend" => Rule::Share,
        b"related" | b"recommended" | b"recommendations" | b"recommendation" | b"suggested" | b"suggestions"
        | b"similar" | b"trending" | b"popular" | b"mostread" | b"promo" | b"promos" | b"promotion" | b"upsell"
        | b"crosssell" | b"relatedposts" | b"morenews" => Rule::Related,
        b"comment" | b"comments" | b"commentlist" | b"respond" | b"kommentare" | b"kommentar" | b"comentarios"
        | b"commentaires" | b"commenting" | b"trackback" | b"trackbacks" | b"pingback" | b"pinglist"
        | b"commentform" => Rule::Comments,
        b"ad" | b"ads" | b"advert" | b"adverts" | b"advertisement" | b"advertising" | b"sponsor" | b"sponsored"
        | b"sponsors" | b"adsense" | b"anzeige" | b"werbung" | b"dfp" | b"adslot" | b"publicidad" | b"adbox" => {
            Rule::Advertisement
        }
        b"cookie" | b"cookies" | b"consent" | b"gdpr" | b"modal" | b"popup" | b"overlay" | b"newsletter"
        | b"subscribe" | b"subscription" | b"signup" | b"login" | b"lightbox" | b"dialog" | b"tooltip"
        | b"dropdown" | b"optin" => Rule::Overlay,
        b"byline" | b"postmeta" | b"entrymeta" | b"timestamp" | b"postmetadata" | b"authorbox" | b"tags"
        | b"taglist" | b"tagcloud" | b"postinfo" | b"posted" | b"credit" | b"credits" | b"metadata" | b"dateline"
        | b"pubdate" | b"categories" | b"keywords" => Rule::Byline,
        b"author" | b"authors" | b"date" | b"datetime" | b"meta" if first || last => Rule::Byline,
        b"widget" | b"widgets" if first => Rule::Sidebar,
        b"caption" | b"captions" | b"figcaption" | b"imagecaption" => Rule::Caption,
        b"print" if first || last => Rule::Share,
        b"infobox" | b"linkbox" | b"contactbox" | b"contact" | b"appstores" | b"license" | b"licence"
            if first || last =>
        {
            Rule::Sidebar
        }
        b"hideme" | b"nosnippet" => Rule::Hidden,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_whole_words() {
        assert_eq!(hear("post-meta").hints.prune, Some(Rule::Byline));
        assert_eq!(hear("mainNav siteNav").hints.prune, Some(Rule::Navigation));
        assert_eq!(hear("shared-memory adapter").hints.prune, None);
        assert!(!hear("author-bio authors-list").shows.author);
        assert_eq!(hear("col-md-8 entry-content").hints, Hints { content: true, ..Hints::default() });
    }
}
