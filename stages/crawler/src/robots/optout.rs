//! Opt-out statements of a page about indexing and training.
//!
//! Read from `X-Robots-Tag` and `<meta name="robots">` (noindex, nofollow, none, and DeviantArt's noai and noimageai),
//! the header and meta element of the TDM Reservation Protocol (W3C community group report, 2024), and `ai-train` of
//! Content-Signal in robots.txt (contentsignals.org).
//!
//! Invariant: statements are only added. No later header or element cancels an opt-out.

use crate::AGENT;

/// The statements found; recorded for each page and obeyed unless `obey-opt-outs` is off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent statements, each a column of the page table")]
pub struct OptOuts {
    /// `noai`: no training on the page.
    pub noai: bool,
    /// `noimageai`: no training on its images. Recorded; it does not exclude the text.
    pub noimageai: bool,
    /// `noindex` or `none`.
    pub noindex: bool,
    /// `nofollow` or `none`: its links are not followed.
    pub nofollow: bool,
    /// `tdm-reservation: 1`: text and data mining rights are reserved.
    pub tdm_reservation: bool,
    /// `ai-train` of the Content-Signal line in robots.txt.
    pub ai_train: Option<bool>,
}

impl OptOuts {
    /// Reads one `X-Robots-Tag` value: directives separated by commas; `agent:` limits those after it to one agent.
    pub(crate) fn robots_tag(&mut self, value: &str) {
        let mut ours = true;
        for part in value.split(',') {
            let mut directive = part.trim();
            if let Some((head, rest)) = directive.split_once(':') {
                // `unavailable_after: …` and `max-…: …` are directives with a value; any other prefix names an agent.
                let head = head.trim().to_ascii_lowercase();
                if head == "unavailable_after" || head.starts_with("max-") {
                    continue;
                }
                ours = head == AGENT || head == "*";
                directive = rest.trim();
            }
            if ours {
                self.directive(directive);
            }
        }
    }

    /// Reads a `<meta name=… content=…>` element.
    pub(crate) fn meta(&mut self, name: &str, content: &str) {
        let name = name.trim().to_ascii_lowercase();
        if name == "robots" || name == AGENT {
            content.split(',').for_each(|directive| self.directive(directive));
        } else if name == "tdm-reservation" {
            self.tdm(content);
        }
    }

    /// Reads a `tdm-reservation` value.
    pub(crate) fn tdm(&mut self, value: &str) {
        self.tdm_reservation |= value.trim() == "1";
    }

    fn directive(&mut self, directive: &str) {
        match directive.trim().to_ascii_lowercase().as_str() {
            "noai" => self.noai = true,
            "noimageai" => self.noimageai = true,
            "noindex" => self.noindex = true,
            "nofollow" => self.nofollow = true,
            "none" => {
                self.noindex = true;
                self.nofollow = true;
            }
            _ => {}
        }
    }

    /// The first statement that excludes the text of the page from a corpus.
    pub(crate) fn excluding_statement(self) -> Option<&'static str> {
        match self {
            Self { noai: true, .. } => Some("noai"),
            Self { tdm_reservation: true, .. } => Some("tdm-reservation"),
            Self { ai_train: Some(false), .. } => Some("ai-train=no"),
            Self { noindex: true, .. } => Some("noindex"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(value: &str) -> OptOuts {
        let mut found = OptOuts::default();
        found.robots_tag(value);
        found
    }

    #[test]
    fn robots_tags_may_be_bound_to_an_agent() {
        assert!(tag("NoAI, nofollow").noai);
        assert!(tag("noarchive, none").noindex);
        assert_eq!(tag("googlebot: noindex, noai"), OptOuts::default());
        assert!(tag("googlebot: noindex, corpusmill: noai").noai);
        assert!(!tag("googlebot: noindex, corpusmill: noai").noindex);
        assert!(tag("max-snippet: 20, unavailable_after: 25 Jun 2030 15:00:00 PST, noindex").noindex);
    }

    #[test]
    fn meta_elements_are_read_by_name() {
        let mut found = OptOuts::default();
        found.meta("Robots", "index, NOFOLLOW");
        found.meta("googlebot", "noai");
        found.meta("tdm-reservation", " 1 ");
        assert_eq!(found, OptOuts { nofollow: true, tdm_reservation: true, ..OptOuts::default() });
        found.meta("tdm-reservation", "0");
        assert_eq!(found.excluding_statement(), Some("tdm-reservation"));
    }

    #[test]
    fn nofollow_and_noimageai_do_not_exclude() {
        assert_eq!(
            OptOuts { nofollow: true, noimageai: true, ai_train: Some(true), ..OptOuts::default() }
                .excluding_statement(),
            None
        );
        assert_eq!(OptOuts { ai_train: Some(false), ..OptOuts::default() }.excluding_statement(), Some("ai-train=no"));
    }
}
