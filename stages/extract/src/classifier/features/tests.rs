//! The columns of a small page, with values that one can check by hand.

#![expect(clippy::redundant_closure_for_method_calls, reason = "the methods alone are not general over lifetimes")]

use super::*;
use crate::classifier::tests::described;

/// A heading of 8 letters, and a paragraph of 50 in 15 words.
const PAGE: &str = "<body><h1>The clock</h1>\
    <p>Ada sold <a href=/x>ten</a> clocks, 4 a day. She kept none of them in the house</p></body>";

/// Compares what `write` appends to the row of the paragraph with the values of these columns.
fn check(write: impl Fn(&PageBlocks<'_, '_>, usize, &mut FeatureRow<'_>), columns: &[(&str, i16)]) {
    let rows = described(PAGE, &write);
    let [_, row] = rows.as_slice() else { panic!("{} blocks", rows.len()) };
    for ((column, wanted), found) in columns.iter().zip(row) {
        assert_eq!(found, wanted, "{column}");
    }
    assert_eq!(row.len(), columns.len());
}

#[test]
fn columns_of_the_text() {
    check(
        |blocks, at, row| blocks.text_features(at, row),
        &[
            ("kind: text", 0),
            ("tag: p", 0),
            ("letters", 50),
            ("words", 15),
            ("letters per 100 words, of 1000: 50 / 1500", 33),
            ("letters in links: 3 / 50", 60),
            ("bold letters", 0),
            ("digits: 1 / 50", 20),
            ("words with a capital: 2 / 15", 133),
            ("ends of sentences", 1),
            ("tenfold ends of sentences per word: 10 / 15", 666),
            ("commas", 1),
            ("commas per word: 1 / 15", 66),
            ("symbols", 0),
            ("signs of currency", 0),
            ("links", 1),
            ("images", 0),
            ("breaks", 0),
            ("items", 0),
            ("letters per 100 links: 50 / 100", 500),
            ("letters per 100 items: no item", -1),
            ("begins with a capital", 1),
            ("ends with a letter", 2),
            ("same blocks before", 0),
            ("is the title", 0),
            ("is in the description", 0),
            ("blocks of the template", 1),
            ("letters of a block of the template", 50),
            ("letters of the template in links: 3 / 50", 60),
            ("prose of the template: 1 / 1", 1000),
            ("share of the page: 50 / 58", 862),
        ],
    );
}

#[test]
fn columns_of_the_position_and_the_section() {
    check(
        |blocks, at, row| blocks.position_features(at, row),
        &[
            ("blocks before", 1),
            ("blocks from here on", 1),
            ("share of the blocks before: 1 / 2", 500),
            ("share of the letters before: 8 / 58", 137),
            ("share of the prose before: 0 / 50", 0),
            ("share of the kept letters before: 8 / 58", 137),
            ("letters before", 8),
            ("letters from here on", 50),
            ("blocks since the main heading", 1),
            ("share of the page: 50 / 58", 862),
        ],
    );
    check(
        |blocks, at, row| blocks.section_features(at, row),
        &[
            ("level of this heading: none", 0),
            ("blocks since the heading", 1),
            ("level of the heading", 1),
            ("letters of the section", 50),
            ("blocks of the section", 1),
            ("letters of the section in links: 3 / 50", 60),
            ("prose of the section: 50 / 50", 1000),
            ("kept letters of the section: 50 / 50", 1000),
            ("the heading is kept", 1),
        ],
    );
}
