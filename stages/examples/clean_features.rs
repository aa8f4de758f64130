//! What training the judge of `clean` needs of pages; `scripts/train_clean.py` calls it.
//!
//! ```text
//! clean_features blocks              < pages.jsonl > blocks.jsonl
//! clean_features rows                < pages.jsonl > rows.jsonl
//! clean_features clean rules         < pages.jsonl > texts.jsonl
//! clean_features clean WEIGHTS…      < pages.jsonl > texts.jsonl
//! ```
//!
//! A page is `{"id","html"}`. `blocks` gives `{"id","texts","kept"}`: the blocks' texts, and whether the rules keep them. `rows` gives `{"id","columns","rows"}`: little-endian `i16` in base64, a row a block. `clean` gives
//! `{"id","text","confidence"}` by rules alone, or by the file of weights at place `"fold"` of the list.
//!
//! Invariant: rows are made by the code that judges pages, so training and use cannot differ.

use std::io::{BufRead as _, Write as _};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use corpusmill_stages::clean::judge::Model;
use corpusmill_stages::clean::judge::learn::sample;
use corpusmill_stages::clean::{CleanSettings, clean_with};
use serde_json::{Value, json};

#[derive(serde::Deserialize)]
struct Page {
    id: Value,
    html: String,
    #[serde(default)]
    fold: usize,
}

/// What a mode makes of a page.
type Answer = Box<dyn Fn(&Page) -> Result<Value>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let files: Vec<String> = arguments.collect();
    let answer: Answer = match mode.as_str() {
        "blocks" => Box::new(|page| {
            let sample = sample(&page.html);
            Ok(json!({ "id": page.id, "texts": sample.texts, "kept": sample.kept }))
        }),
        "rows" => Box::new(|page| Ok(rows(page))),
        "clean" => {
            let models = if files == ["rules"] { Vec::new() } else { read_models(&files)? };
            Box::new(move |page| clean_page(page, &models))
        }
        _ => bail!("unknown mode {mode:?}: there are blocks, rows and clean"),
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let page: Page = serde_json::from_str(&line?).context("a line is no page")?;
        writeln!(out, "{}", answer(&page)?)?;
    }
    Ok(out.flush()?)
}

fn rows(page: &Page) -> Value {
    let sample = sample(&page.html);
    let bytes: Vec<u8> = sample.rows.iter().flat_map(|value| value.to_le_bytes()).collect();
    let columns = sample.rows.len().checked_div(sample.kept.len()).unwrap_or(0);
    json!({ "id": page.id, "columns": columns, "rows": base64::engine::general_purpose::STANDARD.encode(bytes) })
}

fn clean_page(page: &Page, models: &[Model]) -> Result<Value> {
    let model = if models.is_empty() { None } else { Some(models.get(page.fold).context("there is no such fold")?) };
    let cleaned = clean_with(&page.html, None, &CleanSettings::default(), model);
    Ok(json!({ "id": page.id, "text": cleaned.text, "confidence": cleaned.confidence }))
}

fn read_models(files: &[String]) -> Result<Vec<Model>> {
    let read = |path: &String| Model::from_bytes(&fs_err::read(path)?).with_context(|| format!("reading {path}"));
    files.iter().map(read).collect()
}
