//! Plans on a corpus, without one, and of sizes.

use clap::Parser;

use super::*;
use crate::data::fixture;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    plan: PlanCommand,
}

fn command(arguments: &[&str]) -> PlanCommand {
    Cli::try_parse_from(["plan"].iter().chain(arguments)).unwrap().plan
}

const RECIPE: &str = "
name: t
model: { new: { layers: 2, hidden-size: 64, heads: 4, key-value-heads: 2 } }
data: { sequence-length: 16, batch-sequences: 4, micro-sequences: 2 }
";

/// A folder with a recipe; its corpus is in `corpus`.
fn recipe(corpus: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("t.yaml"), format!("{RECIPE}corpus: {}\n", corpus.display())).unwrap();
    folder
}

fn input(folder: &Path, arguments: &[&str]) -> PlanInput {
    let path = folder.join("t.yaml");
    let command = command(&[&["--recipe", path.to_str().unwrap()], arguments].concat());
    command.recipe_input(&path, &Printer::default()).unwrap()
}

#[test]
fn vocabulary_and_tokens_are_those_of_the_corpus() {
    let corpus = fixture::corpus(60, 2.0);
    let folder = recipe(corpus.path());
    let found = input(folder.path(), &[]);
    assert_eq!(found.config.vocab_size, 64);
    assert_eq!(found.vocabulary_origin, corpus.path().display().to_string());
    let opened = Corpus::open(corpus.path()).unwrap();
    // A step has 64 tokens.
    let scheduled = opened.manifest().schedule.phases.iter().map(|phase| phase.tokens).sum::<u64>();
    let steps = found.steps.unwrap();
    assert!(steps > 0 && steps * 64 <= scheduled && (steps + 2) * 64 > scheduled, "{steps} {scheduled}");
    assert_eq!(found.tokens, Some(("whole corpus", to_float(steps * 64))));
    // The recipe and the command line state other tokens; a recipe of more than the corpus keeps what it states.
    assert_eq!(input(folder.path(), &["--set", "data.steps=3"]).tokens, Some(("recipe", 192.0)));
    assert_eq!(input(folder.path(), &["--set", "data.steps=1000000"]).tokens, Some(("recipe", 64e6)));
    assert_eq!(input(folder.path(), &["--tokens", "5k"]).tokens, Some(("--tokens", 5000.0)));
    assert_eq!(input(folder.path(), &["--vocabulary", "1000"]).config.vocab_size, 1024);
}

#[test]
fn without_a_corpus_the_vocabulary_is_assumed() {
    let folder = recipe(Path::new("nowhere/at/all"));
    let found = input(folder.path(), &[]);
    assert_eq!((found.config.vocab_size, found.steps, found.tokens), (32_000, None, None));
    assert!(found.vocabulary_origin.starts_with("assumed"), "{}", found.vocabulary_origin);
    let path = folder.path().join("t.yaml");
    let missing = command(&["--recipe", path.to_str().unwrap(), "--corpus", "nowhere"]);
    let error = missing.recipe_input(&path, &Printer::default()).map(|found| found.steps).unwrap_err().to_string();
    assert!(error.contains("there is no corpus in `nowhere`"), "{error}");
}

#[test]
fn no_line_is_wider_than_a_terminal() {
    let corpus = fixture::corpus(60, 2.0);
    let folder = recipe(corpus.path());
    let mut small = input(folder.path(), &[]);
    small.vocabulary_origin = "corpus/tiny".to_owned();
    let plain = command(&["--parameters", "70B"]);
    let priced = ["--parameters", "70B", "--devices", "1000", "--price-per-hour", "2.5", "--tokens", "15T"];
    let texts = [
        plain.text(&small).unwrap(),
        plain.text(&plain.sized_input().unwrap()).unwrap(),
        command(&priced).text(&command(&priced).sized_input().unwrap()).unwrap(),
    ];
    for text in texts {
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80 && !text.contains(" \n"), "{widest}:\n{text}");
    }
}

#[test]
fn sums_of_the_memory_table_are_its_total() {
    let plain = command(&["--parameters", "1.1B", "--hardware", "l4"]);
    let text = plain.text(&plain.sized_input().unwrap()).unwrap();
    let column = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let parts: f64 = ["weights", "gradients", "optimizer", "activations", "loss"].map(column).iter().sum();
    assert!((parts - column("total")).abs() < 0.01, "{text}");
    assert_eq!(text.matches("\nl4 ").count(), 2, "{text}");
}
