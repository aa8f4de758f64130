//! Computes training data for the classifier of `clean`; `tools/train_clean.py` calls it.
//!
//! ```text
//! clean_features blocks              < pages.jsonl > blocks.jsonl
//! clean_features rows                < pages.jsonl > rows.jsonl
//! clean_features clean rules         < pages.jsonl > texts.jsonl
//! clean_features clean WEIGHTS…      < pages.jsonl > texts.jsonl
//! clean_features precise WEIGHTS…    < pages.jsonl > texts.jsonl
//! ```
//!
//! A page is `{"id","html"}`, with an optional `"fold"`. `blocks` writes `{"id","texts","kept"}`: the text of each
//! block, and whether the rules keep it. `rows` writes `{"id","columns","rows"}`: little-endian `i16` in base64, one
//! row per block. `clean` writes `{"id","text","confidence"}`, computed by the rules alone, or with the weights file at
//! index `"fold"` of the list. `precise` is `clean` with the profile `precision`.
//!
//! Invariant: rows are computed by the code that classifies pages, so training and inference cannot differ.

use std::io::{BufRead as _, Write as _};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use corpusmill_extract::classifier::GradientBoostedTrees;
use corpusmill_extract::classifier::training_rows::training_rows;
use corpusmill_extract::{CleanSettings, Profile, clean_with};
use serde_json::{Value, json};

#[derive(serde::Deserialize)]
struct Page {
    id: Value,
    html: String,
    #[serde(default)]
    fold: usize,
}

/// The function that computes a mode's output for a page.
type PageOutput = Box<dyn Fn(&Page) -> Result<Value>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let files: Vec<String> = arguments.collect();
    let output_of: PageOutput = match mode.as_str() {
        "blocks" => Box::new(|page| {
            let training_rows = training_rows(&page.html);
            Ok(json!({ "id": page.id, "texts": training_rows.texts, "kept": training_rows.kept }))
        }),
        "rows" => Box::new(|page| Ok(rows(page))),
        "clean" | "precise" => {
            let profile = if mode == "clean" { Profile::Balanced } else { Profile::Precision };
            let settings = CleanSettings { profile, ..CleanSettings::default() };
            let models = if files == ["rules"] { Vec::new() } else { read_models(&files)? };
            Box::new(move |page| clean_page(page, &settings, &models))
        }
        _ => bail!("unknown mode {mode:?}; use blocks, rows, clean or precise"),
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let page: Page = serde_json::from_str(&line?)
            .context("a line of standard input is not a page; expected JSON with \"id\" and \"html\"")?;
        writeln!(out, "{}", output_of(&page)?)?;
    }
    Ok(out.flush()?)
}

fn rows(page: &Page) -> Value {
    let training_rows = training_rows(&page.html);
    let bytes: Vec<u8> = training_rows.rows.iter().flat_map(|value| value.to_le_bytes()).collect();
    let columns = training_rows.rows.len().checked_div(training_rows.kept.len()).unwrap_or(0);
    json!({ "id": page.id, "columns": columns, "rows": base64::engine::general_purpose::STANDARD.encode(bytes) })
}

fn clean_page(page: &Page, settings: &CleanSettings, models: &[GradientBoostedTrees]) -> Result<Value> {
    let model = if models.is_empty() {
        None
    } else {
        Some(models.get(page.fold).context("the page's fold has no weights file; pass one file per fold")?)
    };
    let cleaned = clean_with(&page.html, None, settings, model);
    Ok(json!({ "id": page.id, "text": cleaned.text, "confidence": cleaned.confidence }))
}

fn read_models(files: &[String]) -> Result<Vec<GradientBoostedTrees>> {
    let read = |path: &String| {
        GradientBoostedTrees::from_bytes(&fs_err::read(path)?)
            .with_context(|| format!("cannot read weights from {path}"))
    };
    files.iter().map(read).collect()
}
