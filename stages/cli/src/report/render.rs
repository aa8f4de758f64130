//! The report as one self-contained page: `report.html` of a corpus.
//!
//! Invariant: the page loads no script, font, image or style (its Content-Security-Policy forbids it too), equal data
//! give equal bytes, and document content is always shown as text.

mod charts;
mod funnel;
mod histograms;
mod languages;
mod mixture;
mod provenance;
mod rules;
mod scroll_box;
mod style;

use std::fmt::Write as _;

use super::data::ReportData;
use corpusmill_page::{Text, bytes, grouped, percent_of, plural, total};

/// Renders the page of a corpus.
pub(crate) fn render(data: &ReportData) -> String {
    let sections = [
        ("funnel", "From source to token", funnel::section(&data.funnel)),
        ("rules", "Why documents were rejected", rules::section(&data.rules)),
        ("mixture", "Mixture: requested and actual", mixture::section(data)),
        ("histograms", "Lengths and scores", histograms::section(&data.histograms)),
        ("languages", "Languages", languages::section(&data.languages)),
        ("licences", "Licences", provenance::licences(&data.mixture)),
        ("snapshots", "Snapshots", provenance::snapshots(&data.snapshots)),
    ];
    let mut out = "<a class=\"skip\" href=\"#content\">Skip to the content</a>\n<div class=\"frame\">\n".to_owned();
    let _ = write!(out, "{}<nav aria-label=\"Contents\"><ul>", header(data));
    for (id, title, _) in &sections {
        let _ = write!(out, "<li><a href=\"#{id}\">{title}</a></li>");
    }
    out.push_str("</ul></nav>\n<main id=\"content\">\n");
    for (id, title, content) in &sections {
        let _ = writeln!(out, "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{title}</h2>{content}</section>");
    }
    out.push_str(
        "<footer>Made by corpusmill from the corpus’s receipts, rejected documents and manifest. This page is self-contained: it \
         loads no other resource. Bytes are decimal (1 kB = 1,000 bytes).</footer>\n</main>\n</div>\n",
    );
    corpusmill_page::document(&format!("{} – corpus report", data.name), style::RULES, &out)
}

fn header(data: &ReportData) -> String {
    let mut out = format!("<header><p class=\"kind\">Corpus report</p><h1>{}</h1>", Text(&data.name));
    if let Some(description) = data.description.as_deref().filter(|description| !description.is_empty()) {
        let _ = write!(out, "<p class=\"lead\">{}</p>", Text(description));
    }
    let (read, read_bytes) = funnel::read(&funnel::groups(&data.funnel));
    let kept = total(data.mixture.iter().map(|row| row.documents));
    let train = total(data.mixture.iter().map(|row| row.train_tokens));
    let validation = total(data.mixture.iter().map(|row| row.validation_tokens));
    let rejected = funnel::rejected(&data.funnel);
    let scheduled = if data.shortfall > 0 {
        format!("{} fewer than requested", grouped(data.shortfall))
    } else {
        "no shortfall".to_owned()
    };
    let of_read =
        if read == 0 { "none read".to_owned() } else { format!("{} of those read", percent_of(rejected, read)) };
    out.push_str("<dl class=\"tiles\">");
    for (name, figure, more) in [
        ("Tokens scheduled", grouped(data.scheduled_tokens), scheduled),
        ("Training tokens", grouped(train), format!("and {} for validation", grouped(validation))),
        (
            "Documents kept",
            grouped(kept),
            format!("from {}", plural(u64::try_from(data.mixture.len()).unwrap_or(u64::MAX), "source")),
        ),
        ("Documents read", grouped(read), format!("{} of text", bytes(read_bytes))),
        ("Documents rejected", grouped(rejected), of_read),
        ("Vocabulary", grouped(data.vocabulary.into()), "tokens".to_owned()),
    ] {
        // Allows a line break after each thousands separator, for numbers wider than their tile.
        let figure = figure.replace(',', ",<wbr>");
        let _ = write!(out, "<div><dt>{name}</dt><dd>{figure} <small>{more}</small></dd></div>");
    }
    let _ = write!(
        out,
        "</dl><dl class=\"facts\"><dt>Corpus digest</dt><dd class=\"mono\">{}</dd><dt>Tokenizer digest</dt><dd class=\"mono\">{}</dd>",
        Text(&data.corpus_digest),
        Text(&data.tokenizer_digest)
    );
    if !data.versions.is_empty() {
        let versions: Vec<String> = data.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let _ = write!(out, "<dt>Versions</dt><dd>{}</dd>", Text(&versions.join(", ")));
    }
    out.push_str("</dl></header>\n");
    out
}

#[cfg(test)]
mod tests;
