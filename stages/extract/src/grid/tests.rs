//! Tests of the places of cells.

use super::*;

fn span(columns: usize, rows: usize) -> Span {
    Span { columns, rows }
}

/// A table of rows of cells; two groups are separated by an empty row.
fn table(rows: &[&[(&str, Span)]]) -> String {
    let mut grid = Grid::default();
    let mut group = 0;
    for row in rows {
        group += usize::from(row.is_empty());
        grid.begin_row(group);
        for (text, span) in *row {
            grid.push((*text).to_owned(), *span);
        }
    }
    grid.place().markdown().unwrap_or_default()
}

#[test]
fn a_spanned_cell_is_written_once_and_the_others_keep_their_columns() {
    let one = Span::default();
    let rows: &[&[(&str, Span)]] = &[
        &[("Group", one), ("Dose", one), ("n", one)],
        &[("A", span(1, 2)), ("5 mg", one), ("17", one)],
        &[("9 mg", one), ("21", one)],
        &[("Total", span(2, 1)), ("38", one)],
    ];
    let expected = "| Group | Dose | n |\n| --- | --- | --- |\n| A | 5 mg | 17 |\n|  | 9 mg | 21 |\n| Total |  | 38 |";
    assert_eq!(table(rows), expected);
}

#[test]
fn spans_end_with_their_group_and_empty_columns_have_no_place() {
    let one = Span::default();
    let rows: &[&[(&str, Span)]] =
        &[&[("a", span(2, usize::MAX)), ("b", one)], &[("c", one)], &[], &[("d", span(2, 1)), ("e|f", one)]];
    assert_eq!(table(rows), "| a | b |\n| --- | --- |\n|  | c |\n| d | e\\|f |");
    assert_eq!(table(&[]), "");
    assert_eq!(table(&[&[("", one)]]), "");
}

#[test]
fn a_cell_may_name_its_first_column() {
    let mut grid = Grid::default();
    grid.push("a".to_owned(), Span::default());
    grid.push("b".to_owned(), span(1, 2));
    grid.push("c".to_owned(), Span::default());
    grid.begin_row(0);
    grid.push_from("d".to_owned(), Span::default(), 1);
    grid.push_from("e".to_owned(), Span::default(), 0);
    // The second column is covered, and no column before the last cell is free.
    assert_eq!(grid.place().markdown().unwrap(), "| a | b | c |  |\n| --- | --- | --- | --- |\n|  |  | d | e |");
}

#[test]
fn work_and_places_are_bounded() {
    let wide = span(MAX_COLUMN_SPAN, MAX_ROW_SPAN);
    let rows: Vec<Vec<(&str, Span)>> = vec![vec![("x", wide); 100]; 100];
    let rows: Vec<&[(&str, Span)]> = rows.iter().map(Vec::as_slice).collect();
    let text = table(&rows);
    assert_eq!(text.matches('x').count(), 10_000);
    assert!(text.lines().all(|line| line.matches('|').count() == 101), "{}", &text[..200]);
    let mut long = vec![vec![("x", Span::default()); 1000]];
    long.extend(vec![vec![("y", Span::default())]; 1000]);
    let long: Vec<&[(&str, Span)]> = long.iter().map(Vec::as_slice).collect();
    assert_eq!(table(&long).lines().last(), Some("| y |"));
}

#[test]
fn spans_have_the_limits_of_html() {
    assert_eq!(Span::new(None, None), span(1, 1));
    assert_eq!(Span::new(Some(0), Some(0)), span(1, usize::MAX));
    assert_eq!(Span::new(Some(9999), Some(usize::MAX)), span(MAX_COLUMN_SPAN, MAX_ROW_SPAN));
    for (value, number) in
        [("2", Some(2)), (" +3px", Some(3)), ("-2", None), ("", None), ("99999999999999999999", Some(usize::MAX))]
    {
        assert_eq!(Span::number(value), number, "{value}");
    }
}
