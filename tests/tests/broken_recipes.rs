//! Broken recipes of every kind: each gets its own message with its position in the file, and no message shows
//! internals of the program.
//!
//! Invariant: all messages are in one snapshot, so that a person reviews every change.

use std::fmt::Write as _;
use std::path::Path;

use corpusmill_recipe::{Overrides, RecipeError};
use corpusmill_stages::recipe::LoadedRecipe;

/// A faulty recipe, with the expected position and a phrase of the message.
struct BrokenRecipe {
    fault: &'static str,
    /// The recipe; `…` is replaced by [`REST`].
    text: &'static str,
    /// `line:column`, if the fault has a position in the file.
    position: Option<&'static str>,
    phrase: &'static str,
}

/// The required part of a recipe, for faults elsewhere.
const REST: &str = "name: toy\nsources:\n  docs:\n    - files: { paths: [docs] }\n";

const fn at(fault: &'static str, text: &'static str, position: &'static str, phrase: &'static str) -> BrokenRecipe {
    BrokenRecipe { fault, text, position: Some(position), phrase }
}

const fn whole(fault: &'static str, text: &'static str, phrase: &'static str) -> BrokenRecipe {
    BrokenRecipe { fault, text, position: None, phrase }
}

/// Faults of the YAML itself.
const SYNTAX: &[BrokenRecipe] = &[
    whole("empty file", "", "the recipe is empty"),
    whole("only comments", "# nothing\n\n  # here\n", "the recipe is empty"),
    at("tab indentation", "name: toy\nsources:\n\tdocs: []\n", "3:1", "a tab in the indentation"),
    at("tab after spaces", "name: toy\nsources:\n  docs:\n  \t- files: {}\n", "4:3", "a tab in the indentation"),
    at("unclosed quote", "name: \"toy\nsources: {}\n", "1:7", "quote"),
    at("unclosed bracket", "name: toy\nsources: { docs: [ { files: {} } }\n", "2:18", "bracket"),
    at("list never closed", "…steps: [ { dedup: {} }\n", "5:8", "bracket"),
    at("stray colon", "name: toy: mill\nsources: {}\n", "1:10", "a second `: ` in one value"),
    at("uneven indentation", "…steps:\n  - dedup: {}\n - clean: {}\n", "7:2", "indent"),
    at("unknown alias", "…steps: *all\n", "5:8", "unknown alias `*all`"),
    at(
        "anchor bomb",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n\
         c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n\
         e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\nname: [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\n",
        "1:1",
        "unknown key `a`",
    ),
    at("two documents", "…---\nname: other\n", "5:1", "a second document"),
    at("tag", "name: !!binary toy\nsources: {}\n", "1:16", "a tag"),
];

/// Lines that are indented too much or too little, or begin a list where there is none.
const LAYOUT: &[BrokenRecipe] = &[
    at(
        "key indented below a value",
        "…mixture:\n  max-epochs: 2\n    seed: 42\n",
        "6:15",
        "begin `seed` in line 7 in the same column as `max-epochs`",
    ),
    at("no space after the colon", "name: toy\npartitions:4\n", "2:1", "end the key with a colon and a space"),
    at(
        "settings beside their step",
        "…steps:\n  - filter:\n    gopher-repetition: {}\n",
        "6:11",
        "indent `gopher-repetition` in line 7 more than `filter`",
    ),
    at(
        "settings as a list",
        "…steps:\n  - filter:\n    - gopher-repetition: {}\n",
        "7:7",
        "remove the `- `, which begins a list: `gopher-repetition: {}`",
    ),
    at(
        "a source that is no list",
        "name: toy\nsources:\n  docs:\n    files: { paths: [docs] }\n",
        "4:5",
        "begin each item of a list with `- `: `- files: { paths: [docs] }`",
    ),
];

/// Keys and values of another form than expected.
const SHAPE: &[BrokenRecipe] = &[
    at("list at top level", "- name: toy\n", "1:1", "a group of settings"),
    at("text at top level", "toy\n", "1:1", "a group of settings"),
    at("missing name", "sources:\n  docs:\n    - files: { paths: [docs] }\n", "1:1", "the key `name` is missing"),
    at("missing sources", "name: toy\n", "1:1", "the key `sources` is missing"),
    at("name without value", "name:\nsources: {}\n", "1:5", "nothing was given"),
    at("unknown key", "…colour: green\n", "5:1", "unknown key `colour`"),
    at("misspelt key", "…partitons: 4\n", "5:1", "did you mean `partitions`?"),
    at("misspelt nested key", "…tokenizer: { train: { vocab-sise: 4096 } }\n", "5:23", "did you mean `vocab-size`?"),
    at("wrong case of a key", "…tokenizer: { train: { vocab_size: 4096 } }\n", "5:23", "did you mean `vocab-size`?"),
    at(
        "misspelt key behind wide characters",
        "name: toy\nsources:\n  docs:\n    - files: { paths: [\"茶叶茶叶\"], licenze: MIT }\n",
        "4:33",
        "did you mean `licence`?",
    ),
    at("duplicate key", "…name: again\n", "5:1", "duplicate key `name`"),
    at("duplicate source", "…  docs:\n    - files: { paths: [more] }\n", "5:3", "duplicate key `docs`"),
    at("text for a number", "…partitions: many\n", "5:13", "`many` was given, but a whole number"),
    at("fraction for a whole number", "…partitions: 1.5\n", "5:13", "`1.5` was given, but a whole number"),
    at("negative number", "…partitions: -4\n", "5:13", "`-4` was given, but a whole number, zero or more"),
    at("number too large", "…partitions: 99999999999999999999\n", "5:13", "is too large here"),
    at("list for a number", "…shards: [4]\n", "5:9", "a list was given"),
    at("number for a mapping", "…mixture: 5\n", "5:10", "a group of settings"),
    at("text for a list", "name: toy\nsources:\n  docs: files\n", "3:9", "list"),
    at("mapping for a list", "…steps: { dedup: {} }\n", "5:8", "list"),
    at("bad boolean", "…steps: [ { dedup: { near: yes } } ]\n", "5:27", "true or false"),
    at("text for a threshold", "…steps: [ { filter: { toxicity: { max-score: high } } } ]\n", "5:45", "a number"),
    at("not a number", "…mixture: { max-epochs: .nan }\n", "5:24", "`.nan` is not a finite number"),
    at(
        "infinite threshold",
        "…steps: [ { filter: { gopher-quality: { min-words: -.INF } } } ]\n",
        "5:51",
        "`-.inf` is not a finite number",
    ),
];

/// Invalid names and numbers.
const MEANING: &[BrokenRecipe] = &[
    at("unknown step", "…steps: [ { translate: {} } ]\n", "5:12", "unknown name `translate`"),
    at("misspelt step", "…steps: [ { deduplicate: {} } ]\n", "5:12", "did you mean `dedup`?"),
    at("step without settings", "…steps: [dedup]\n", "5:9", "the step `dedup` has no settings"),
    at(
        "step without settings in a block",
        "…steps:\n  - dedup\n  - clean: {}\n",
        "6:5",
        "the step `dedup` has no settings",
    ),
    at("source without anything", "name: toy\nsources:\n  docs:\n", "3:7", "nothing was given, but a list"),
    at("two steps in one item", "…steps:\n  - dedup: {}\n    clean: {}\n", "7:5", "only one"),
    at("empty name", "name: \"\"\nsources: {}\n", "1:1", "cannot be the name"),
    at("name with a slash", "name: a/b\nsources: {}\n", "1:7", "`a/b` cannot be the name"),
    at("name that hides", "name: .toy\nsources: {}\n", "1:7", "does not begin with `.`"),
    at(
        "bad name of a source",
        "name: toy\nsources:\n  my docs: [{ files: { paths: [a] } }]\n",
        "3:3",
        "`my docs` cannot be the name of a source",
    ),
    at("empty sources", "name: toy\nsources: {}\n", "2:1", "the recipe has no source"),
    at("source without steps", "name: toy\nsources:\n  docs: []\n", "3:3", "the source `docs` has no steps"),
    at(
        "source that acquires nothing",
        "name: toy\nsources:\n  docs:\n    - clean: {}\n",
        "4:7",
        "the first step of a source cannot be `clean`, which does not acquire input",
    ),
    at(
        "acquiring twice",
        "name: toy\n# files first\nsources:\n  docs:\n    - files: { paths: [docs] }\n    - files: { paths: [more] }\n",
        "6:7",
        "can only be the first step of a source",
    ),
    at("acquiring in steps", "…steps:\n  - files: { paths: [docs] }\n", "6:5", "move it to `sources`"),
    at("files without paths", "name: toy\nsources:\n  docs:\n    - files: {}\n", "4:7", "`paths` is empty"),
    at(
        "bad glob",
        "name: toy\nsources:\n  docs:\n    - files: { paths: [\"docs/[a-\"] }\n",
        "4:24",
        "`docs/[a-` is neither a file nor a glob",
    ),
    at(
        "bad licence of files",
        "name: toy\nsources:\n  docs:\n    - files: { paths: [docs], licence: free }\n",
        "4:40",
        "`free` is not an SPDX licence",
    ),
    at(
        "unknown side of a tree",
        "name: toy\nsources:\n  docs:\n    - files: { paths: [docs], code: { split-by-media: video } }\n",
        "4:55",
        "unknown name `video`",
    ),
    at("crawl without seeds", "name: toy\nsources:\n  web:\n    - crawl: {}\n", "4:7", "no page to start from"),
    at(
        "crawl without contact",
        "name: toy\n# contact: nobody\nsources:\n  web:\n    - crawl: { seeds: [\"https://docs.rs/\"] }\n",
        "5:7",
        "public hosts require a contact",
    ),
    at(
        "placeholder contact",
        "name: toy\nsources:\n  web:\n    - crawl: { seeds: [\"https://docs.rs/\"], contact: you@example.com }\n",
        "4:54",
        "`you@example.com` is a placeholder",
    ),
    at(
        "silence without a bound",
        "name: toy\nsources:\n  web:\n    - crawl: { seeds: [\"http://127.0.0.1/\"], idle-timeout-seconds: 0 }\n",
        "4:46",
        "crawl: `idle-timeout-seconds`: 0 is out of range",
    ),
    at(
        "no page of any host",
        "name: toy\nsources:\n  web:\n    - crawl: { seeds: [\"http://127.0.0.1/\"], max-pages-per-host: 0 }\n",
        "4:46",
        "`max-pages-per-host`: nothing would be fetched",
    ),
    at("remote without files", "name: toy\nsources:\n  far:\n    - remote: {}\n", "4:7", "there is nothing to fetch"),
    at(
        "remote without contact",
        "name: toy\nsources:\n  far:\n    - remote: { urls: [\"https://data.commoncrawl.org/x.warc.gz\"] }\n",
        "4:7",
        "remote: `contact`: public hosts require a contact",
    ),
    at(
        "remote file that is local",
        "name: toy\nsources:\n  far:\n    - remote: { urls: [data/x.parquet] }\n",
        "4:24",
        "`data/x.parquet` is not a URL of a file",
    ),
    at(
        "dataset without a file",
        "name: toy\nsources:\n  far:\n    - remote: { urls: [\"hf://datasets/o/n\"] }\n",
        "4:24",
        "is not a file of a dataset",
    ),
    at(
        "broken glob on a hub",
        "name: toy\nsources:\n  far:\n    - remote: { urls: [\"hf://datasets/o/n/[a.parquet\"] }\n",
        "4:24",
        "is not a valid glob",
    ),
    at(
        "remote licence that is none",
        "name: toy\nsources:\n  far:\n    - remote: { urls: [\"hf://datasets/o/n/x.jsonl\"], licence: Free }\n",
        "4:63",
        "remote: `Free` is not an SPDX licence",
    ),
    at("seed that is no page", "name: toy\nsources:\n  web:\n    - crawl: { seeds: [docs.rs] }\n", "4:24", "`docs.rs`"),
    at("filter without rules", "…steps: [ { filter: {} } ]\n", "5:12", "no rule is on"),
    at("bad licence id", "…steps: [ { filter: { licence: { allow: [MITT] } } } ]\n", "5:41", "MITT"),
    at("bad language", "…steps: [ { filter: { language: { allow: [en] } } } ]\n", "5:42", "did you mean `eng`?"),
    at(
        "override of an unknown rule",
        "…steps: [ { filter: { gopher-quality: { languages: { cmn: { too-few-wrods: 9 } } } } } ]\n",
        "5:60",
        "no such rule",
    ),
    at(
        "key with a new name",
        "…steps: [ { filter: { code: { max-packed: 0.5 } } } ]\n",
        "5:30",
        "renamed to `max-minified`",
    ),
    at(
        "override of a rule with a new name",
        "…steps: [ { filter: { length: { languages: { cmn: { fewer-characters: 9 } } } } } ]\n",
        "5:52",
        "renamed to `too-few-characters`",
    ),
    at("no bands", "…steps: [ { dedup: { bands: 0 } } ]\n", "5:21", "bands"),
    at("no buckets", "…steps: [ { dedup: { buckets: 0 } } ]\n", "5:21", "buckets is 0, allowed are 1 to 4096"),
    at(
        "value of a name without one",
        "…steps: [ { dedup: { keep: { first: x } } } ]\n",
        "5:36",
        "the name before it has no value",
    ),
    at("preferred source missing", "…steps: [ { dedup: { prefer: [dosc] } } ]\n", "5:30", "did you mean `docs`?"),
    at("no partitions", "…partitions: 0\n", "5:1", "it must be 1 to 65536"),
    at("no shards", "…shards: 0\n", "5:1", "it must be 1 to 99999"),
    at("vocabulary too small", "…tokenizer: { train: { vocab-size: 100 } }\n", "5:23", "the 256 bytes"),
    at("two tokenizers", "…tokenizer: { train: {}, load: t.json }\n", "5:25", "only one"),
];

/// Faults of mixtures and examples.
const MIXTURE: &[BrokenRecipe] = &[
    at("weight without source", "…mixture: { phases: [ { weights: { dosc: 1 } } ] }\n", "5:35", "did you mean `docs`?"),
    at("negative weight", "…mixture: { phases: [ { weights: { docs: -1 } } ] }\n", "5:35", "-1 is not a weight"),
    at("all weights zero", "…mixture:\n  phases:\n    - weights: { docs: 0 }\n", "7:7", "all are 0"),
    at("negative budget", "…mixture: { phases: [ { tokens: -20M } ] }\n", "5:32", "it is negative"),
    at("zero budget", "…mixture: { phases: [ { tokens: 0 } ] }\n", "5:24", "0 tokens"),
    at("budget in words", "…mixture: { phases: [ { tokens: 20 million } ] }\n", "5:32", "is not a number of tokens"),
    at("small letter for millions", "…mixture: { phases: [ { tokens: 20m } ] }\n", "5:32", "capital"),
    at("no passes", "…mixture: { max-epochs: 0 }\n", "5:12", "0 is not a number of passes"),
    at("everything held out", "…mixture: { validation-share: 1 }\n", "5:12", "1 is not a share"),
    at(
        "example of an unknown source",
        "…examples:\n  - { text: a, source: dosc, expect: kept }\n",
        "6:24",
        "did you mean `docs`?",
    ),
    at("example without text", "…examples:\n  - { expect: kept }\n", "6:7", "the key `text` is missing"),
    at("example without fate", "…examples:\n  - { text: a }\n", "6:7", "the key `expect` is missing"),
    at("bad fate", "…examples:\n  - { text: a, expect: maybe }\n", "6:24", "unknown name `maybe`"),
    at("fate without rule", "…examples:\n  - { text: a, expect: rejected }\n", "6:33", "a single value is missing"),
    at(
        "rule without stage",
        "…examples:\n  - { text: a, expect: { rejected: too-few-words } }\n",
        "6:36",
        "`filter.too-few-words`",
    ),
    at(
        "rule with a new name",
        "…examples:\n  - { text: a, expect: { rejected: filter.no-licence } }\n",
        "6:36",
        "renamed to `filter.licence-missing`",
    ),
];

/// Words that only programmers know.
const INTERNAL: &[&str] = &[
    "struct ",
    "enum ",
    "variant",
    "Option",
    "Vec<",
    "u8",
    "u16",
    "u32",
    "u64",
    "i64",
    "i128",
    "f64",
    "usize",
    "String",
    "corpusmill_",
    "::",
    "serde",
    "unit ",
    "newtype",
    "identifier",
    "panicked",
    "sequence",
    "scalar",
    "EOF",
];

fn load(path: &Path, overrides: &Overrides) -> Result<LoadedRecipe, RecipeError> {
    corpusmill_recipe::load(path, overrides)
}

fn recipe(dir: &Path, bytes: &[u8]) -> std::path::PathBuf {
    let path = dir.join("broken.yaml");
    fs_err::write(&path, bytes).expect("a temporary folder is writable");
    path
}

/// The error message for a recipe, without the folder.
fn message(path: &Path, overrides: &Overrides) -> String {
    let error = load(path, overrides).expect_err("the recipe is broken").to_string();
    let folder = format!("{}/", path.parent().expect("a file is in a folder").display());
    assert!(error.contains(&path.display().to_string()), "the message does not name the file: {error}");
    error.replace(&folder, "")
}

/// The faults of a message, if any.
fn faults(broken: &BrokenRecipe, message: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !message.contains(broken.phrase) {
        faults.push(format!("does not contain `{}`", broken.phrase));
    }
    match broken.position {
        Some(position) if !message.contains(&format!("--> broken.yaml:{position}\n")) => {
            faults.push(format!("is not at {position}"));
        }
        Some(_) if !message.contains('^') => faults.push("has no caret".to_owned()),
        None if message.contains('^') => faults.push("has a caret".to_owned()),
        _ => {}
    }
    // The user's own text may contain any word.
    let own: String = message.lines().filter(|line| !line.contains(" | ")).collect::<Vec<_>>().join("\n");
    faults.extend(INTERNAL.iter().filter(|word| own.contains(**word)).map(|word| format!("contains `{word}`")));
    faults
}

#[test]
fn every_fault_has_its_message_and_place() {
    let dir = tempfile::tempdir().unwrap();
    let (mut all, mut wrong) = (String::new(), String::new());
    for broken in [SYNTAX, LAYOUT, SHAPE, MEANING, MIXTURE].into_iter().flatten() {
        let path = recipe(dir.path(), broken.text.replace('…', REST).as_bytes());
        let message = message(&path, &Overrides::default());
        for fault in faults(broken, &message) {
            let _ = writeln!(wrong, "{} {fault}:\n{message}\n", broken.fault);
        }
        let _ = write!(all, "# {}\n{message}\n\n", broken.fault);
    }
    assert!(wrong.is_empty(), "{wrong}");
    insta::assert_snapshot!(all);
}

#[test]
fn the_rest_is_valid() {
    let dir = tempfile::tempdir().unwrap();
    let path = recipe(dir.path(), REST.as_bytes());
    assert_eq!(load(&path, &Overrides::default()).unwrap().recipe.name, "toy");
}

#[test]
fn files_that_cannot_be_read_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let broken = |fault, phrase| BrokenRecipe { fault, text: "", position: None, phrase };
    let long = format!("name: toy\n# {}\n", "x".repeat(5 << 20));
    let missing = dir.path().join("missing.yaml");
    let beneath = recipe(dir.path(), REST.as_bytes()).join("recipe.yaml");
    let folder = dir.path().join("folder.yaml");
    let sub = dir.path().join("sub");
    fs_err::create_dir(&folder).unwrap();
    fs_err::create_dir(&sub).unwrap();
    let mut messages = vec![
        (broken("missing file", "cannot read the recipe: entity not found"), message(&missing, &Overrides::default())),
        (broken("folder", "cannot read the recipe: is a directory"), message(&folder, &Overrides::default())),
        (broken("path through a file", "cannot read the recipe: not a directory"), {
            let error = load(&beneath, &Overrides::default()).unwrap_err().to_string();
            error.replace(&format!("{}/", dir.path().display()), "")
        }),
    ];
    for (fault, bytes, phrase) in [
        ("not UTF-8", &b"name: caf\xe9\nsources: {}\n"[..], "the recipe is not UTF-8 text"),
        ("UTF-16", &b"\xff\xfen\0a\0m\0e\0:\0 \0a\0\n\0"[..], "the recipe is not UTF-8 text"),
        ("too long", long.as_bytes(), "the recipe is longer than 4 MiB"),
    ] {
        let path = recipe(&sub, bytes);
        messages.push((broken(fault, phrase), message(&path, &Overrides::default())));
    }
    let mut all = String::new();
    for (broken, message) in &messages {
        assert_eq!(faults(broken, message), Vec::<String>::new(), "{}:\n{message}", broken.fault);
        let _ = write!(all, "# {}\n{message}\n\n", broken.fault);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn changes_on_the_command_line_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let path = recipe(dir.path(), REST.as_bytes());
    let mut all = String::new();
    for (set, phrase) in [
        ("partitions", "a setting has the form path.to.key=value"),
        ("=4", "unknown key"),
        ("partitons=4", "did you mean `partitions`?"),
        ("partitions=many", "`many`"),
        ("partitions=0", "it must be 1 to 65536"),
        ("partitions.of=4", "cannot be set inside a single value"),
        ("sources.docs.clean.tables=false", "`clean` is not in this list of 1"),
        ("sources.docs.3.files.hidden=true", "there is no item 3 in this list of 1"),
        ("sources.docs.files.hidden=[", "bracket"),
        ("sources.docs.files.hidden=yes", "true or false"),
        ("mixture.phases.0.tokens=lots", "is not a number of tokens"),
        ("name=a/b", "`a/b` cannot be the name"),
        ("steps=[translate]", "translate"),
        ("sources.docs=[{clean: {}}]", "the first step of a source cannot be `clean`"),
        ("sources.docs=[]", "the source has no steps"),
        ("steps=[{filter: {code: {packed-line: 9}}}]", "renamed to `min-minified-line-length`"),
    ] {
        let overrides = Overrides { set: vec![set.to_owned()], name: None };
        let error = load(&path, &overrides).expect_err(set).to_string();
        let message = error.replace(&format!("{}/", dir.path().display()), "");
        let broken = BrokenRecipe { fault: set, text: "", position: None, phrase };
        let mut faults = faults(&broken, &message);
        faults.retain(|fault| fault != "has a caret");
        assert_eq!(faults, Vec::<String>::new(), "--set {set}:\n{message}");
        assert!(message.contains(&format!("--set {set}")), "--set {set} is not in the message:\n{message}");
        let _ = write!(all, "# --set {set}\n{message}\n\n");
    }
    let overrides = Overrides { set: Vec::new(), name: Some("../toy".to_owned()) };
    let error = load(&path, &overrides).unwrap_err().to_string();
    assert!(error.contains("`../toy` cannot be the name") && error.contains("--name ../toy"), "{error}");
    insta::assert_snapshot!(all);
}

#[test]
fn tabs_in_the_text_of_an_example_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{REST}examples:\n  - text: |\n      if (on)\n      \treturn 1;\n    expect: kept\n");
    let path = recipe(dir.path(), text.as_bytes());
    let loaded = load(&path, &Overrides::default()).unwrap();
    assert_eq!(loaded.recipe.examples[0].text, "if (on)\n\treturn 1;\n");
}

#[test]
fn no_prefix_of_a_good_recipe_panics() {
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tiny = fs_err::read_to_string(root.join("recipes/tiny.yaml")).unwrap();
    for (end, _) in tiny.char_indices().step_by(13) {
        let path = recipe(dir.path(), &tiny.as_bytes()[..end]);
        // Some prefixes are valid recipes; the others must give an error.
        if let Err(error) = load(&path, &Overrides::default()) {
            assert!(error.to_string().contains("broken.yaml"), "{error}");
        }
    }
}
