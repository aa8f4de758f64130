//! Measures of one model in several forms.

use serde_json::{Value, json};

use super::*;
use crate::checkpoint_io::gguf::tests::writer::{Metadata, convert_with};
use crate::checkpoint_io::{ExportOptions, StagedFolder};
use crate::model::tests::fixture;

const TEXT: &str = "hello world hello <|im_end|> world";

/// The table of a model on a text.
fn table(model: &Path, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.txt");
    fs_err::write(&path, text).unwrap();
    let device = DeviceArgs { device: "cpu".parse().unwrap() };
    let (model, sequence_length) = (model.to_owned(), Some(8));
    let command = PerplexityCommand { model, corpus: None, text: Some(path), sequence_length, baseline: false, device };
    command.table(&Printer::default()).unwrap()
}

/// The number of tokens in a table of one line.
fn tokens(table: &str) -> usize {
    table.lines().last().unwrap().split_whitespace().nth(2).unwrap().parse().unwrap()
}

fn tokenizer_json() -> Value {
    serde_json::from_slice(&fs_err::read(fixture("tokenizer").join("tokenizer.json")).unwrap()).unwrap()
}

/// The fixture `llama` with this tokenizer.
fn model(tokenizer: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs_err::copy(fixture("llama").join(file), folder.path().join(file)).unwrap();
    }
    fs_err::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    folder
}

#[test]
fn the_table_is_narrower_than_a_terminal() {
    let mut evaluation = Evaluation::new(2);
    evaluation.loss_sum.nats = vec![9e9, 1.5e9];
    evaluation.loss_sum.tokens = vec![1e9, 5e8];
    evaluation.bytes = vec![4e9, 2e9];
    let mut table = Table::default();
    table.add("5-gram", &["a-source-of-documents".to_owned(), "b".to_owned()], &evaluation);
    // exp(9) is 8103.08, exp(3) is 20.09 and exp(7) 1096.63; 9e9 nats of 4e9 bytes are 3.2461 bits per byte.
    let expected = "\
model   source                        tokens  nats/token  perplexity  bits/byte
5-gram  a-source-of-documents  1,000,000,000      9.0000     8103.08     3.2461
5-gram  b                        500,000,000      3.0000       20.09     1.0820
5-gram  all                    1,500,000,000      7.0000     1096.63     2.5247
";
    assert_eq!(table.to_string(), expected);
    assert!(expected.lines().all(|line| line.len() <= 80));
}

#[test]
fn one_measured_source_has_no_sum() {
    let mut evaluation = Evaluation::new(2);
    (evaluation.loss_sum.nats[1], evaluation.loss_sum.tokens[1]) = (2.0, 1.0);
    let mut table = Table::default();
    table.add("model", &["without".to_owned(), "notes".to_owned()], &evaluation);
    let sources: Vec<&str> = table.rows.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(sources, ["notes"]);
}

#[test]
fn stored_truncation_and_padding_do_not_change_the_measure() {
    let mut stored = tokenizer_json();
    let whole = table(model(&stored).path(), TEXT);
    stored["truncation"] = json!({ "direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0 });
    stored["padding"] = json!({ "strategy": { "Fixed": 64 }, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 3, "pad_type_id": 0, "pad_token": "<|pad|>" });
    assert_eq!(table(model(&stored).path(), TEXT), whole);
}

#[test]
fn control_tokens_in_a_text_are_measured_as_text() {
    // Ten characters, each of which is one token; the first is not predicted, and one more begins the second window.
    let table = table(model(&tokenizer_json()).path(), "<|im_end|>");
    assert_eq!(tokens(&table), 8, "{table}");
}

#[test]
fn a_gguf_file_and_its_import_have_the_same_measure() {
    let file = tokenizer_json();
    let mut vocabulary: Vec<(u64, String)> = file["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(token, id)| (id.as_u64().unwrap(), token.clone()))
        .collect();
    vocabulary.sort();
    let merges = file["model"]["merges"].as_array().unwrap().iter();
    let merges = merges.map(|pair| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
    // The first four are special tokens.
    let kinds = (0..vocabulary.len()).map(|id| if id < 4 { 3 } else { 1 });
    let bytes = convert_with(
        &fixture("llama"),
        "llama",
        &[
            ("tokenizer.ggml.model", Metadata::Text("gpt2")),
            ("tokenizer.ggml.tokens", Metadata::Texts(vocabulary.iter().map(|(_, token)| token.clone()).collect())),
            ("tokenizer.ggml.merges", Metadata::Texts(merges.collect())),
            ("tokenizer.ggml.token_type", Metadata::Numbers(kinds.collect())),
        ],
    );
    let folder = tempfile::tempdir().unwrap();
    let (gguf, imported) = (folder.path().join("model.gguf"), folder.path().join("imported"));
    fs_err::write(&gguf, bytes).unwrap();
    let loaded = LoadedModel::read(&gguf, &burn::tensor::Device::flex()).unwrap();
    let staged = StagedFolder::begin(&imported).unwrap();
    loaded.write(&staged, &ExportOptions::default()).unwrap();
    staged.publish().unwrap();
    let found = table(&gguf, TEXT);
    assert_eq!(found, table(&imported, TEXT));
    assert_eq!(found, table(model(&file).path(), TEXT));
}
