//! Blocks that the classifier keeps as one: definition lists, headings with permalinks.

use super::tables::article_with;

#[test]
fn a_definition_list_among_paragraphs_is_kept_as_one() {
    let text = article_with("<dl><dt>gear</dt><dd>a wheel with teeth</dd><dt>axle</dt><dd>a rod</dd></dl>");
    assert!(text.contains("\n\ngear\na wheel with teeth\naxle\na rod\n\n"), "{text}");
}

#[test]
fn a_heading_loses_its_permalink_only() {
    for heading in [
        "<h3>Second part</h3>",
        "<h3><a class=anchor aria-hidden=true href=#y>#</a>Second part</h3>",
        "<h3><a class=anchor aria-hidden=true href=#y>Link to this part</a> Second part</h3>",
        "<h3><a aria-hidden=true href=#y><span>§</span></a><b>Second</b> part</h3>",
    ] {
        let text = article_with(heading);
        assert!(text.contains("\n\n### Second part\n\n"), "{heading}\n\n{text}");
    }
}
