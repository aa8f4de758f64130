//! The rules that rejected documents, with examples of the documents.
//!
//! Invariant: document content is shown as text, isolated in its own direction, and cut to a bounded length.

use std::fmt::Write as _;

use super::charts::outlined;
use crate::report::data::{RejectedDocument, RuleRow};
use corpusmill_page::{Text, bytes, clipped, grouped, number, percent_of, plural, ratio, total};

/// Number of rules shown at once; the others are collapsed.
const MAX_RULES_SHOWN: usize = 25;
/// Maximum number of characters shown of a document.
const MAX_EXCERPT_CHARACTERS: usize = 1_000;
/// Maximum number of characters shown of an origin or a detail.
const MAX_ORIGIN_CHARACTERS: usize = 240;
/// Maximum number of characters shown of a rule's name.
const MAX_NAME_CHARACTERS: usize = 120;

/// Renders the section's content.
pub(super) fn section(rules: &[RuleRow]) -> String {
    if rules.is_empty() {
        return "<p>No document was rejected.</p>".to_owned();
    }
    let all = total(rules.iter().map(|rule| rule.count));
    let max = rules.iter().map(|rule| rule.count).max().unwrap_or(0);
    let count = u64::try_from(rules.len()).unwrap_or(u64::MAX);
    let mut out = format!(
        "<p>{} rejected {}, {} of text. Shares are of all rejected documents; the longest bar is the rule with the \
         most rejections. Each document is counted once, for the rule that rejected it.</p>",
        plural(count, "rule"),
        plural(all, "document"),
        bytes(total(rules.iter().map(|rule| rule.bytes)))
    );
    let (first, rest) = rules.split_at(rules.len().min(MAX_RULES_SHOWN));
    out.push_str(&list(first, 1, max, all));
    if !rest.is_empty() {
        let count = u64::try_from(rest.len()).unwrap_or(u64::MAX);
        let documents = total(rest.iter().map(|rule| rule.count));
        let _ = write!(
            out,
            "<details class=\"group\"><summary><b>{}</b> <span class=\"soft\">{}, {}</span></summary>{}</details>",
            plural(count, "more rule"),
            plural(documents, "document"),
            percent_of(documents, all),
            list(rest, MAX_RULES_SHOWN + 1, max, all)
        );
    }
    out
}

fn list(rules: &[RuleRow], start: usize, max: u64, all: u64) -> String {
    let mut out = format!("<ol class=\"rules\" start=\"{start}\">");
    for rule in rules {
        let name = clipped(&rule.rule, MAX_NAME_CHARACTERS);
        let title = format!("{name}: {}", plural(rule.count, "document"));
        let _ = write!(
            out,
            "<li><div class=\"rule\"><code>{}</code>{}<span class=\"figures\"><b>{}</b> \
             <span class=\"soft\">{} · {}</span></span></div>{}</li>",
            Text(&name),
            outlined(ratio(rule.count, max), &title),
            grouped(rule.count),
            percent_of(rule.count, all),
            bytes(rule.bytes),
            samples(&rule.samples)
        );
    }
    out.push_str("</ol>");
    out
}

fn samples(samples: &[RejectedDocument]) -> String {
    if samples.is_empty() {
        return String::new();
    }
    let count = u64::try_from(samples.len()).unwrap_or(u64::MAX);
    let mut out = format!("<details><summary>{}</summary><ul class=\"samples\">", plural(count, "example"));
    for sample in samples {
        let _ = write!(
            out,
            "<li><p class=\"origin\"><bdi>{}</bdi></p>",
            Text(&clipped(&sample.origin, MAX_ORIGIN_CHARACTERS))
        );
        let measured = measured(sample);
        if !measured.is_empty() {
            let _ = write!(out, "<p class=\"measured\">{measured}</p>");
        }
        match &sample.excerpt {
            Some(excerpt) => {
                let _ = write!(
                    out,
                    "<blockquote dir=\"auto\">{}</blockquote>",
                    Text(&clipped(excerpt, MAX_EXCERPT_CHARACTERS))
                );
            }
            None => out.push_str("<p class=\"soft\">No excerpt is recorded.</p>"),
        }
        out.push_str("</li>");
    }
    out.push_str("</ul></details>");
    out
}

/// Formats the measured value, the threshold and the detail. A rule without a measurement records 0 and 0.
fn measured(sample: &RejectedDocument) -> String {
    let mut parts = Vec::new();
    if sample.value != 0.0 || sample.threshold != 0.0 {
        parts.push(format!("measured {}, threshold {}", number(sample.value), number(sample.threshold)));
    }
    if let Some(detail) = sample.detail.as_deref().filter(|detail| !detail.is_empty()) {
        parts.push(format!("<bdi>{}</bdi>", Text(&clipped(detail, MAX_ORIGIN_CHARACTERS))));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, count: u64, samples: Vec<RejectedDocument>) -> RuleRow {
        RuleRow { rule: name.to_owned(), count, bytes: count * 1000, samples }
    }

    fn sample(origin: &str, excerpt: Option<&str>) -> RejectedDocument {
        let excerpt = excerpt.map(str::to_owned);
        RejectedDocument {
            origin: origin.to_owned(),
            value: 12.0,
            threshold: 50.0,
            detail: Some("words <i>".to_owned()),
            excerpt,
        }
    }

    #[test]
    fn a_rule_is_shown_with_its_numbers_and_examples() {
        let page = section(&[
            rule("filter.short", 3, vec![sample("a\"b", Some("<script>x</script>"))]),
            rule("dedup.exact", 1, vec![]),
        ]);
        for shown in [
            "2 rules rejected 4 documents, 4.0 kB of text",
            "<code>filter.short</code>",
            "<b>3</b> <span class=\"soft\">75.0 % · 3.0 kB</span>",
            "1 example<",
            "<bdi>a&quot;b</bdi>",
            "measured 12, threshold 50 · <bdi>words &lt;i&gt;</bdi>",
            "<blockquote dir=\"auto\">&lt;script&gt;x&lt;/script&gt;</blockquote>",
        ] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
    }

    #[test]
    fn long_words_are_cut_and_counted() {
        let word = "x".repeat(10_000);
        let page = section(&[rule("r.r", 1, vec![sample(&word, Some(&word)), sample("b", None)])]);
        assert!(page.contains("… (9,760 more characters)") && page.contains("… (9,000 more characters)"));
        assert!(page.contains("No excerpt is recorded"));
        assert!(page.len() < 4_000, "{}", page.len());
    }

    #[test]
    fn many_rules_are_collapsed() {
        let rules: Vec<RuleRow> =
            (0..200).map(|index| rule(&format!("filter.r{index}"), 200 - index, vec![])).collect();
        let page = section(&rules);
        assert!(page.contains("<b>175 more rules</b>") && page.contains("<ol class=\"rules\" start=\"26\">"));
        assert_eq!(page.matches("<code>filter.r").count(), 200);
        assert!(section(&[]).contains("No document was rejected"));
    }
}
