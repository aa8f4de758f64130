//! Words in class names and ids, grouped by meaning.
//!
//! Runs together with the words that trigger a rule. These words trigger no rule: each group is a feature of the
//! classifier, which has learned what the group says about the text below.
//!
//! Invariant: words of markup that are common to many sites; never a site's name, never words of the text.

/// Number of groups.
pub(crate) const GROUP_COUNT: usize = 60;

/// The bit of the group that a lower-case word belongs to; 0 for none.
#[expect(clippy::too_many_lines, reason = "one group per line")]
pub(crate) fn group_bit(word: &[u8]) -> u64 {
    let group = match word {
        b"description" | b"desc" | b"descr" => 0,
        b"title" | b"heading" | b"headline" | b"name" | b"subtitle" => 1,
        b"price" | b"prices" | b"pricing" | b"cost" => 2,
        b"product" | b"products" | b"prod" | b"sku" | b"item" => 3,
        b"card" | b"cards" | b"tile" | b"tiles" => 4,
        b"review" | b"reviews" | b"rating" | b"ratings" | b"stars" | b"testimonial" | b"testimonials" => 5,
        b"feature" | b"features" | b"benefit" | b"benefits" | b"highlights" => 6,
        b"faq" | b"faqs" | b"accordion" => 7,
        b"question" | b"questions" | b"qa" => 8,
        b"carousel" | b"slider" | b"slide" | b"slides" | b"swiper" | b"slick" | b"scroller" | b"splide" => 9,
        b"filter" | b"filters" | b"facet" | b"facets" | b"refine" | b"sort" | b"sorting" => 10,
        b"cart" | b"basket" | b"bag" | b"checkout" | b"wishlist" | b"buy" => 11,
        b"grid" | b"masonry" | b"gallery" => 12,
        b"list" | b"lists" | b"listing" | b"listings" | b"results" | b"result" | b"feed" => 13,
        b"items" | b"rows" => 14,
        b"text" | b"txt" | b"copy" | b"rich" | b"prose" | b"wysiwyg" | b"richtext" | b"rte" | b"paragraph" => 15,
        b"body" => 16,
        b"hero" | b"jumbotron" => 17,
        b"cta" | b"button" | b"btn" | b"buttons" => 18,
        b"spec" | b"specs" | b"specification" | b"specifications" | b"attribute" | b"attributes" | b"detail"
        | b"details" | b"technical" => 19,
        b"tab" | b"tabs" | b"panel" | b"panels" | b"tabpanel" => 20,
        b"signature" => 21,
        b"avatar" | b"user" | b"users" | b"profile" | b"member" => 22,
        b"quote" | b"blockquote" => 23,
        b"thread" | b"threads" | b"topic" | b"topics" | b"forum" => 24,
        b"reply" | b"replies" | b"answer" | b"answers" => 25,
        b"message" | b"post" | b"posts" => 26,
        b"vote" | b"votes" | b"like" | b"likes" | b"count" | b"stats" | b"score" | b"views" => 27,
        b"option" | b"options" | b"variant" | b"variants" | b"swatch" | b"swatches" | b"size" | b"sizes" | b"color"
        | b"colors" | b"quantity" | b"selector" => 28,
        b"shipping" | b"delivery" | b"stock" | b"availability" | b"returns" | b"warranty" => 29,
        b"summary" | b"excerpt" | b"intro" | b"lead" | b"lede" | b"abstract" | b"deck" | b"standfirst" | b"tagline" => {
            30
        }
        b"logo" | b"logos" | b"brand" | b"brands" | b"partners" | b"clients" => 31,
        b"country" | b"locale" | b"lang" | b"language" | b"languages" | b"currency" | b"region" => 32,
        b"mega" | b"drawer" | b"offcanvas" | b"mobile" => 33,
        b"tag" | b"category" | b"label" | b"labels" | b"badge" => 34,
        b"hide" | b"collapse" | b"collapsed" => 35,
        b"step" | b"steps" | b"process" | b"how" => 36,
        b"team" | b"staff" | b"people" => 37,
        b"plan" | b"plans" => 38,
        b"map" | b"location" | b"address" | b"hours" | b"phone" => 39,
        b"form" | b"input" | b"field" | b"search" => 40,
        b"link" | b"links" => 41,
        b"image" | b"img" | b"images" | b"media" | b"thumbnail" | b"thumb" | b"video" | b"picture" | b"photo" => 42,
        b"section" | b"sections" | b"block" | b"module" => 43,
        b"article" | b"entry" | b"story" => 44,
        b"code" | b"highlight" | b"syntax" => 45,
        b"alert" | b"notice" | b"warning" | b"info" => 46,
        b"job" | b"jobs" | b"event" | b"events" => 47,
        b"reference" | b"references" | b"citation" | b"footnote" | b"footnotes" => 48,
        b"edit" | b"permalink" | b"anchor" | b"headerlink" => 49,
        b"header" | b"head" | b"top" => 50,
        b"bottom" => 51,
        b"main" => 52,
        b"side" | b"left" | b"right" => 53,
        b"about" => 54,
        b"sub" | b"child" | b"children" => 55,
        b"more" => 56,
        b"service" | b"services" => 57,
        b"help" | b"support" => 58,
        b"news" | b"blog" => 59,
        _ => return 0,
    };
    1 << group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_has_a_bit_of_its_own() {
        assert_eq!(group_bit(b"description"), 1);
        assert_eq!(group_bit(b"blog"), 1 << (GROUP_COUNT - 1));
        assert_eq!(group_bit(b"unheard"), 0);
        const { assert!(GROUP_COUNT <= 64) };
    }
}
