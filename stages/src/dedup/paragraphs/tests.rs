//! What is cut, over documents in memory, beside a definition in few lines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use corpusmill_pipeline::in_memory::InMemorySource;
use corpusmill_pipeline::progress::Silent;
use corpusmill_pipeline::runner::{self, RunnerOptions};
use corpusmill_pipeline::store::{MemoryStore, Selection, Store, Table};
use corpusmill_pipeline::task::TaskContext;
use corpusmill_pipeline::{Excerpts, PartAddress, PlanBuilder};
use proptest::prelude::*;

use super::settings::{ParagraphScope, ParagraphUnit};
use super::split::{Piece, pieces};
use super::*;

/// A document: id, source, origin, media type, text.
type Doc = (String, &'static str, String, &'static str, String);

fn doc(id: &str, text: &str) -> Doc {
    (id.to_owned(), "s", format!("https://example.org/{id}"), "text/plain", text.to_owned())
}

fn batch(docs: &[Doc]) -> RecordBatch {
    let column = |value: fn(&Doc) -> &str| -> ArrayRef {
        Arc::new(docs.iter().map(|doc| Some(value(doc))).collect::<StringArray>())
    };
    let columns = [
        ("id", column(|doc| &doc.0), false),
        ("source", column(|doc| doc.1), false),
        ("origin", column(|doc| &doc.2), false),
        ("text", column(|doc| &doc.4), false),
        ("media_type", column(|doc| doc.3), true),
        ("language", column(|_| "eng"), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// The kept texts by id, the edits by id as (rule, count, bytes), and the ids rejected.
#[derive(Debug, PartialEq)]
struct Outcome {
    texts: BTreeMap<String, String>,
    edits: BTreeMap<String, (String, u64, u64)>,
    rejected: Vec<String>,
}

fn run(settings: &DedupParagraphs, docs: &[Doc], partitions: usize) -> Outcome {
    let mut parts: Vec<Vec<Doc>> = vec![Vec::new(); partitions];
    for (index, doc) in docs.iter().enumerate() {
        parts[index % partitions].push(doc.clone());
    }
    let parts = parts.iter().map(|docs| docs.chunks(2).map(batch).collect()).collect();
    let mut builder = PlanBuilder::new(Excerpts(None));
    let read = builder.add("read", InMemorySource::new(batch(&[]).schema(), parts).unwrap(), &[]).unwrap();
    let output = settings.add_to(&mut builder, "dedup-paragraphs", &read).unwrap();
    let (plan, store) = (builder.finish(), MemoryStore::default());
    let options = RunnerOptions { threads: 2, shuffle: Some(1), context: TaskContext::default() };
    let receipts = runner::run(&plan, &store, &options, &Silent).unwrap().receipts;
    let mut outcome = Outcome { texts: BTreeMap::new(), edits: BTreeMap::new(), rejected: Vec::new() };
    for receipt in output.0.iter().flat_map(|&node| receipts.of(node)) {
        let address = PartAddress { stage: receipt.result.stage.clone(), key: receipt.result.key };
        for table in [Table::Data, Table::Rejected, Table::Edits] {
            let batches = store.read(&address, table, receipt, Selection::default()).unwrap();
            for batch in batches.into_iter().flatten() {
                let batch = batch.unwrap();
                let text = |name: &str, row: usize| {
                    batch.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned()
                };
                let number = |name: &str, row: usize| {
                    batch.column_by_name(name).unwrap().as_primitive::<UInt64Type>().value(row)
                };
                for row in 0..batch.num_rows() {
                    let id = text("id", row);
                    match table {
                        Table::Data => drop(outcome.texts.insert(id, text("text", row))),
                        Table::Rejected => outcome.rejected.push(id),
                        Table::Edits => {
                            let edit = (text("rule", row), number("count", row), number("bytes", row));
                            outcome.edits.insert(id, edit);
                        }
                    }
                }
            }
        }
    }
    outcome.rejected.sort();
    outcome
}

fn settings(min_documents: u32) -> DedupParagraphs {
    DedupParagraphs { min_documents, min_words: 2, buckets: 3, ..DedupParagraphs::default() }
}

const FOOTER: &str = "Subscribe to our Newsletter, 2021!\nAll rights reserved.\n";

#[test]
fn a_footer_is_cut_and_each_cut_is_recorded() {
    let docs: Vec<Doc> = (b'a'..b'e')
        .map(|letter| {
            let name = char::from(letter).to_string();
            // Case, punctuation and numbers do not matter.
            let footer = FOOTER.replace("2021", &format!("20{letter}"));
            doc(&name, &format!("A text about {name} only.\n\n{footer}\nThe end of {name}.\n"))
        })
        .chain([doc("only", FOOTER)])
        .collect();
    let outcome = run(&settings(5), &docs, 2);
    assert_eq!(outcome.texts["b"], "A text about b only.\n\nThe end of b.\n");
    let bytes = docs[1].4.len() - outcome.texts["b"].len();
    assert_eq!(outcome.edits["b"], ("repeated-paragraph".to_owned(), 1, bytes as u64));
    assert_eq!(outcome.rejected, ["only"]);
    assert!(!outcome.edits.contains_key("only"));
    let fewer = run(&settings(6), &docs, 2);
    assert!(fewer.edits.is_empty() && fewer.rejected.is_empty());
    assert_eq!(fewer.texts["only"], FOOTER);
}

#[test]
fn the_scope_says_which_documents_are_counted() {
    let text = "The same two words here.\n\nmore of it\n";
    let mut docs = [doc("a", text), doc("b", text), doc("c", text), doc("d", text)];
    docs[2].2 = "https://other.example/c".to_owned();
    (docs[3].1, docs[3].2) = ("t", "not a url".to_owned());
    let cut = |scope| {
        let settings = DedupParagraphs { scope, ..settings(2) };
        let outcome = run(&settings, &docs, 3);
        outcome.rejected.join("")
    };
    assert_eq!(cut(ParagraphScope::Site), "ab");
    assert_eq!(cut(ParagraphScope::Source), "abc");
    assert_eq!(cut(ParagraphScope::Corpus), "abcd");
}

#[test]
fn one_document_keeps_a_paragraph_if_it_is_to() {
    let docs: Vec<Doc> = ["a", "b", "c"]
        .iter()
        .map(|id| doc(id, &format!("Repeated text.\n\nOwn text of {id}\n\nRepeated text.\n")))
        .collect();
    let outcome = run(&DedupParagraphs { keep_first: true, ..settings(2) }, &docs, 2);
    let with: Vec<&String> = outcome.texts.values().filter(|text| text.contains("Repeated")).collect();
    assert_eq!(with.len(), 1);
    assert_eq!(with[0].matches("Repeated").count(), 1, "{with:?}");
    assert_eq!(outcome.edits.values().map(|edit| edit.1).sum::<u64>(), 5);
}

#[test]
fn code_and_short_units_stay() {
    let text = "```\nlet the same = line;\n```\none\n\nthe same line\n";
    let lines = DedupParagraphs { unit: ParagraphUnit::Line, ..settings(2) };
    let outcome = run(&lines, &[doc("a", text), doc("b", text)], 1);
    assert_eq!(outcome.texts["a"], "```\nlet the same = line;\n```\none\n");
    assert_eq!(outcome.edits["a"].0, "repeated-line");
    let mut code = [doc("a", text), doc("b", text)];
    code[0].3 = "text/x-rust";
    code[1].3 = "text/x-rust";
    let outcome = run(&lines, &code, 1);
    assert_eq!(outcome.texts["a"], text);
}

#[test]
fn settings_out_of_range_are_errors() {
    let check = |settings: DedupParagraphs| settings.check().unwrap_err().to_string();
    assert!(check(DedupParagraphs { min_documents: 1, ..DedupParagraphs::default() }).contains("at least 2"));
    assert!(check(DedupParagraphs { min_words: 0, ..DedupParagraphs::default() }).contains("at least 1"));
    assert!(check(DedupParagraphs { buckets: 0, ..DedupParagraphs::default() }).contains("1 to 4096"));
}

proptest! {
    #[test]
    fn pieces_are_the_text(text in "(a b\n|c\n|\n| \n|```\n|~~~x\n|\r\n|# d e\n|f g){0,12}") {
        for unit in [ParagraphUnit::Paragraph, ParagraphUnit::Line] {
            let joined: String = pieces(&text, unit)
                .into_iter()
                .map(|piece| match piece { Piece::Unit(text) | Piece::Blank(text) | Piece::Code(text) => text })
                .collect();
            prop_assert_eq!(&joined, &text);
        }
    }

    /// Lines of two words, each document a few of them: a line stays exactly if it is in too few documents.
    #[test]
    fn cuts_equal_their_definition(
        texts in prop::collection::vec(prop::collection::vec(0_u8..8, 1..6), 1..12),
        min_documents in 2_u32..4,
        partitions in 1_usize..4,
    ) {
        let line = |number: &u8| format!("word {}\n", char::from(b'a' + number));
        let docs: Vec<Doc> = texts
            .iter()
            .enumerate()
            .map(|(index, lines)| doc(&format!("d{index:02}"), &lines.iter().map(line).collect::<String>()))
            .collect();
        let number = |line: u8| texts.iter().filter(|lines| lines.contains(&line)).count();
        let frequent: BTreeSet<u8> = (0..8).filter(|line| number(*line) >= min_documents as usize).collect();
        let settings = DedupParagraphs { unit: ParagraphUnit::Line, ..settings(min_documents) };
        let outcome = run(&settings, &docs, partitions);
        for (doc, lines) in docs.iter().zip(&texts) {
            let kept: String = lines.iter().filter(|line| !frequent.contains(line)).map(line).collect();
            if kept.is_empty() {
                prop_assert!(outcome.rejected.contains(&doc.0));
            } else {
                prop_assert_eq!(&outcome.texts[&doc.0], &kept);
                let cut = doc.4.len() - kept.len();
                prop_assert_eq!(outcome.edits.get(&doc.0).map_or(0, |edit| edit.2), cut as u64);
            }
        }
    }
}
