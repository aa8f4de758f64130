//! Pages that a person opens from the disk: the report of a corpus, and the curves of a training run.
//!
//! Invariant: a page loads no script, font, image or style (its Content-Security-Policy forbids it, too), and text from
//! outside reaches it only through [`Text`].

mod text;

pub use text::{Text, bytes, clipped, grouped, number, percent, percent_of, plural, ratio, total};

/// Colours of the light and the dark scheme: background, text, secondary text, kept, and rejected or requested.
///
/// Lines and bar backgrounds (`--line`, `--track`) are decoration without meaning.
const COLOURS: &str = ":root{color-scheme:light dark;--page:#fcfcfa;--ink:#1d2329;--soft:#57606a;--line:#d5dadf;\
--track:#eceff1;--kept:#2a6f97;--gone:#a8480f;--notice:#fbf0e4}\
@media(prefers-color-scheme:dark){:root{--page:#15181b;--ink:#e4e6e8;--soft:#a3acb5;--line:#3a4149;--track:#262b30;\
--kept:#6fb3d9;--gone:#eb9a5c;--notice:#33281c}}";

/// A whole page from its title, the rules of its style sheet, and the content of its body.
///
/// The rules can use the colours `--page`, `--ink`, `--soft`, `--line`, `--track`, `--kept`, `--gone` and `--notice`, which
/// follow the reader's light or dark scheme. The text of `rules` and `body` is not escaped. Only system fonts: text has a
/// contrast of at least 4.5 to 1 on its background in both schemes (WCAG 2.2, criterion 1.4.3), shapes at least 3 to 1
/// (1.4.11).
pub fn document(title: &str, rules: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{}</title>\n<style>{COLOURS}{rules}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        Text(title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2) of `--name` in a scheme.
    fn luminance(scheme: &str, name: &str) -> f64 {
        let at = scheme.find(&format!("--{name}:#")).map_or_else(|| panic!("no {name}"), |at| at + name.len() + 4);
        let channel = |index: usize| {
            let value = u8::from_str_radix(&scheme[at + index * 2..at + index * 2 + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
    }

    #[test]
    fn contrast_meets_wcag() {
        let (day, night) = COLOURS.split_once("@media").unwrap();
        for scheme in [day, night] {
            let contrast = |a: &str, b: &str| {
                let (a, b) = (luminance(scheme, a), luminance(scheme, b));
                (a.max(b) + 0.05) / (a.min(b) + 0.05)
            };
            for ground in ["page", "track", "notice"] {
                assert!(contrast("ink", ground) >= 4.5, "ink on {ground}");
            }
            assert!(contrast("soft", "page") >= 4.5);
            assert!(contrast("kept", "page") >= 4.5, "links");
            assert!(contrast("kept", "track") >= 3.0 && contrast("gone", "track") >= 3.0);
        }
    }

    #[test]
    fn a_page_forbids_what_it_does_not_have() {
        let page = document("a < b", "p{margin:0}", "<p>text</p>\n");
        assert!(page.contains("<title>a &lt; b</title>") && page.contains("default-src 'none'"), "{page}");
        assert!(page.ends_with("<p>text</p>\n</body>\n</html>\n"), "{page}");
    }
}
