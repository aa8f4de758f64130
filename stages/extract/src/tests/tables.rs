//! Data tables: blocks in cells, spans, captions, and the layout tables that are none.

use super::*;
use crate::data_table::is_data_table;
use crate::page::Page;

const SENTENCE: &str =
    "The old clock of the tower was repaired by a smith, and the town has heard its bell at noon since. ";

/// Whether the first table of the page is a data table.
fn is_data(html: &str) -> bool {
    let page = Page::parse(html, 512);
    let table = page.tree.first(Tag::Table).expect("the page has a table");
    is_data_table(&page, table)
}

fn plain_text(page: &str) -> String {
    by_rules(page, &CleanSettings { format: Format::Text, min_chars: 0, ..CleanSettings::default() }).text
}

/// The text of an article with these elements after its first paragraph, as the classifier keeps it.
pub(super) fn article_with(elements: &str) -> String {
    let article = page("The clock", SENTENCE, "Contact us");
    let article = article.replacen("</p><p>", &format!("</p>{elements}<p>"), 1);
    clean(&article, None, &CleanSettings::default()).text
}

#[test]
fn blocks_in_a_cell_become_one_line() {
    for (cell, wanted) in [
        ("<ul><li>10:00 - 12:00</li><li>14:00 - 18:00</li></ul>", "10:00 - 12:00; 14:00 - 18:00"),
        ("Open:<ol><li>one<ul><li>two</ul><li>three.<li>four</ol>always", "Open: one; two; three. four; always"),
        ("<p>a<p>b<p>c<p>d<p>e<p>f<p>g", "a b c d e f g"),
        ("<ul></ul><dl><dt>b<dd>c<dd>d<dt>e:<dd>f</dl>", "b: c; d; e: f"),
        ("see <pre class=sh>ls | wc</pre>", "see `ls \\| wc`"),
        ("<pre>17</pre>", "`17`"),
        ("<code>SELECT a<br>  FROM `b`<br><br>LIMIT 1</code>", "`SELECT a` `` FROM `b` `` `LIMIT 1`"),
        ("see <code>f<br></code>", "see `f`"),
        (
            "<table><tr><td>small<td><table><tr><td>10<td>mm</table><tr><td>large<td>20</table>",
            "small; 10: mm; large: 20",
        ),
        ("<table><tr><td>small<td>10<tr><td>large<td>20<td>30</table>", "small: 10; large: 20, 30"),
        ("<table><tr><th><th>S<th>M<tr><td>a<td><td>1</table>x", "S, M; a: 1; x"),
        ("<blockquote>Johann <p>Keller</blockquote>", "Johann Keller"),
    ] {
        let table = format!("<table><tr><th>Day<th>Hours<tr><td>Mon<td>{cell}<tr><td>Tue<td>Closed</table>");
        assert!(is_data(&table), "{cell}");
        let wanted = format!("Before.\n\n| Day | Hours |\n| --- | --- |\n| Mon | {wanted} |\n| Tue | Closed |");
        assert_eq!(markdown(&format!("<main><p>Before.</p>{table}</main>")), wanted, "{cell}");
    }
}

#[test]
fn cells_beside_a_list_or_an_inner_table_are_kept() {
    let text = article_with(
        "<table><tr><th>Day</th><th>Hours</th></tr><tr><td>Mon</td><td><ul><li>10:00 - 12:00</li><li>14:00 - 18:00</li></ul></td>\
         </tr><tr><td>Tue</td><td><ul><li>Closed</li></ul></td></tr></table>",
    );
    assert!(
        text.contains("| Day | Hours |\n| --- | --- |\n| Mon | 10:00 - 12:00; 14:00 - 18:00 |\n| Tue | Closed |"),
        "{text}"
    );
    let text = article_with(
        "<table><tr><th>Part<th>Sizes<tr><td>Wheel<td><table><tr><td>small<td>10<tr><td>large<td>20</table><tr><td>Axle<td>one size\
         </table>",
    );
    assert!(text.contains("| Wheel | small: 10; large: 20 |\n| Axle | one size |"), "{text}");
}

#[test]
fn cells_beside_code_of_several_lines_are_kept_and_the_code_is_unchanged() {
    let table = "<table><tr><th>Name<th>Example<tr><td>ls<td><pre>ls -l\n\n  wc</pre><tr><td>wc<td>counts</table>";
    assert!(is_data(table));
    for text in [markdown(&format!("<main><p>Before.</p>{table}</main>")), article_with(table)] {
        assert!(text.contains("Name\nExample\nls\n\n```\nls -l\n\n  wc\n```\n\nwc\ncounts"), "{text}");
    }
    let number = |cells: &str| {
        let table = format!("<table><tr><th>Name<th>Example<th>Result<tr><td>ls<td>{cells}</table>");
        markdown(&format!("<main><p>Before.</p>{table}</main>"))
    };
    for cells in [
        "<pre>ls\nwc</pre><pre>17</pre><td>",
        "<pre>17</pre><pre>ls\nwc</pre><td>",
        "<pre>17</pre><td><pre>ls\nwc</pre>",
        "<pre>1\n2\n3\n7</pre><td><pre>ls\nwc</pre>",
        "<pre>ls\nwc</pre><td><pre>17</pre>",
        "exit: <pre>1</pre><td><pre>ls\nwc</pre>",
    ] {
        let text = number(cells);
        assert!(text.contains("7\n```") || text.contains("1\n```"), "{cells}: {text}");
        assert!(text.contains("ls\nwc\n```"), "{cells}: {text}");
    }
    assert!(!number("<pre>17\n18</pre><td><pre>ls\nwc</pre>").contains("17"));
}

#[test]
fn long_cells_below_a_row_of_headers_are_kept_with_it() {
    let long = SENTENCE.repeat(20);
    let rows = format!("<tr><td>Pivot<td>{long}<tr><td>Nut<td>None");
    assert!(is_data(&format!("<table><tr><th>Part<th>Instruction{rows}</table>")));
    assert!(!is_data(&format!("<table>{rows}</table>")));
    assert!(!is_data(&format!("<table><tr><th>Part<th>Instruction{rows}<tr><td>Bolt<td>{}</table>", long.repeat(3))));
    let text = markdown(&format!("<main><table><tr><th>Part<th>Instruction{rows}</table></main>"));
    assert_eq!(text, format!("| Part | Instruction |\n| --- | --- |\n| Pivot | {} |\n| Nut | None |", long.trim()));
}

#[test]
fn rows_with_labels_need_no_header_cells() {
    let row = |first: &str| format!("<tr><td>{first}<td><ul><li>one<li>two</ul>");
    assert!(is_data(&format!("<table>{}{}</table>", row("Mon"), row("Tue"))));
    let sizes = "<tr><td>Wheel<td><table><tr><td>small<td>10<tr><td>large<td>20</table><tr><td>Axle<td>one size";
    assert_eq!(rows(sizes), ["| Wheel | small: 10; large: 20 |", "| Axle | one size |"]);
    assert!(!is_data(&format!("<table>{}{}</table>", row("Mon"), row("<a href=tue>Tue</a>"))));
    assert!(!is_data(&format!("<table>{}{}</table>", row("Mon"), row("Tue") + "<td>three")));
    assert!(!is_data(&format!("<table>{}{}</table>", row("Mon"), row(&"long ".repeat(21)))));
}

#[test]
fn layout_tables_are_not_data_tables() {
    let post = "A post of some length, which was written by a user. ".repeat(5);
    for (kind, table) in [
        (
            "columns of a page",
            "<table><tr><td><ul><li><a href=/>Home</a></ul><td><p>Text<p>More<p>End</table>".to_owned(),
        ),
        (
            "rows of a page",
            "<table><tr><td><ul><li><a href=/>Home</a></ul><td>News<tr><td><p>a<p>b<p>c<td>Imprint</table>".to_owned(),
        ),
        (
            "posts in inner tables",
            format!("<table><tr><th>Author<th>Message<tr><td>Ada<td><table><tr><td>{post}</table></table>"),
        ),
        (
            "posts by name",
            "<table><tr><th>Author<th>Message<tr><td>Ada<td><div class=post-body><ul><li>Yes</ul></div></table>"
                .to_owned(),
        ),
        ("a form", "<table><tr><th>Size<th>Number<tr><td>large<td><ul><li><input name=number></ul></table>".to_owned()),
        (
            "sections",
            "<table><tr><th>Left<th>Right<tr><td><ul><li>one</ul><td><h2>Title</h2><p>Text</table>".to_owned(),
        ),
        (
            "tables in inner tables",
            format!(
                "<table><tr><th>a<th>b<tr><td>c<td>{}d{}</table>",
                "<table><tr><td>".repeat(5),
                "</table>".repeat(5)
            ),
        ),
        (
            "long quotations",
            format!("<table><tr><th>Author<th>Message<tr><td>Ada<td><blockquote>{post}</blockquote>Yes.</table>"),
        ),
        ("a long paragraph", format!("<table><tr><th>a<th>b<tr><td>c<td><ul><li>{}</ul></table>", post.repeat(4))),
    ] {
        assert!(!is_data(&table), "{kind}");
        let text = markdown(&format!("<main><p>Before.</p>{table}</main>"));
        assert!(text.starts_with("Before.") && !text.contains('|'), "{kind}: {text}");
    }
}

/// The rows of the only table of the page, without the line under the header.
fn rows(table: &str) -> Vec<String> {
    let text = markdown(&format!("<main><p>Before.</p><table>{table}</table></main>"));
    let rows = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---"));
    rows.map(str::to_owned).collect()
}

#[test]
fn values_stand_in_the_columns_in_which_a_browser_shows_them() {
    let table = "<tr><th rowspan=2>City</th><th colspan=2>Rain</th></tr><tr><th>May</th><th>June</th></tr>\
        <tr><td>Bern</td><td>90</td><td>110</td></tr><tr><td rowspan=2>Basel</td><td>80</td><td>70</td></tr>\
        <tr><td>81</td><td>71</td></tr><tr><td colspan=2>Mean</td><td>85</td></tr>";
    let wanted = [
        "| City | Rain |  |",
        "|  | May | June |",
        "| Bern | 90 | 110 |",
        "| Basel | 80 | 70 |",
        "|  | 81 | 71 |",
        "| Mean |  | 85 |",
    ];
    assert_eq!(rows(table), wanted);
    let wanted = "City\tRain\n\tMay\tJune\nBern\t90\t110\nBasel\t80\t70\n\t81\t71\nMean\t\t85";
    assert_eq!(
        plain_text(&format!("<main><p>Before.</p><table>{table}</table></main>")),
        format!("Before.\n\n{wanted}")
    );
}

#[test]
fn spans_are_read_as_in_the_standard() {
    // A cell ends with its row group.
    assert_eq!(
        rows("<thead><tr><th rowspan=9>a<th>b</thead><tbody><tr><td>1<td>2<tr><td>3<td>4</tbody>"),
        ["| a | b |", "| 1 | 2 |", "| 3 | 4 |"]
    );
    // 0 rows are all rows to the end of the group.
    assert_eq!(
        rows("<tr><th>a<th>b<tr><td rowspan=0>1<td>2<tr><td>3<tr><td>4"),
        ["| a | b |", "| 1 | 2 |", "|  | 3 |", "|  | 4 |"]
    );
    // Columns in which no cell begins have no width.
    assert_eq!(rows("<tr><th colspan=100%>a<tr><td>1<td>2<tr><td colspan=2>3<td>4").len(), 3);
    assert_eq!(rows("<tr><th colspan=100%>a<tr><td>1<td>2")[0], "| a |  |");
    // A place that two cells cover is free after both.
    assert_eq!(
        rows("<tr><td>a<td rowspan=4>b<td>c<tr><td colspan=2 rowspan=2>d<td>e<tr><td>f<tr><td>g<td>h"),
        ["| a | b | c |", "| d |  | e |", "|  |  | f |", "| g |  | h |"]
    );
    for (value, wanted) in [
        ("2", "| a |  | b |"),
        ("' +2px'", "| a |  | b |"),
        ("2000", "| a |  |  | b |"),
        ("-2", "| a | b |  |"),
        ("0", "| a | b |  |"),
        ("x", "| a | b |  |"),
        ("''", "| a | b |  |"),
    ] {
        assert_eq!(rows(&format!("<tr><td colspan={value}>a<td>b<tr><td>1<td>2<td>3"))[0], wanted, "{value}");
    }
}

#[test]
fn spans_do_not_make_a_huge_table() {
    for (row, columns) in [
        ("<tr><td rowspan=65534 colspan=1000>a<td>b", 2),
        ("<tr><td rowspan=65534>a<td>b", 2),
        ("<tr><td colspan=1000>a<td colspan=1000>b", 2),
    ] {
        let found = rows(&row.repeat(500));
        assert_eq!(found.len(), 500, "{row}");
        assert!(found.iter().all(|line| line.matches('|').count() == columns + 1), "{row}: {:?}", found.last());
    }
}

#[test]
fn captions_and_text_outside_the_cells_stand_before_the_table() {
    let page = "<main><table><caption>Rain in <b>mm</b></caption>loose<tr><th>a<th>b<tr><td>1<td>2</table></main>";
    assert_eq!(markdown(page), "Rain in mm\n\nloose\n\n| a | b |\n| --- | --- |\n| 1 | 2 |");
}
