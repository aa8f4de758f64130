//! A temporary folder with a recipe and its input, and the subfolders for the results of runs.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{CommandResult, code, corpusmill, page, prose};

/// The miniature recipe: three sources and most stages; runs in about half a second.
pub const RECIPE: &str = "\
name: mini
partitions: 4
sources:
  notes:
    - files: { paths: [input/notes], licence: MIT, language: eng }
    - filter:
        length: { min-characters: 40 }
  code:
    - files: { paths: [input/code], licence: MIT, code: {} }
    - filter: { licence: {}, code: {} }
  pages:
    - files: { paths: [input/pages] }
    - clean: {}
    - dedup-paragraphs: { unit: line, min-documents: 3, min-words: 1 }
steps:
  - filter: { redact: {} }
  - dedup: { buckets: 2, verify: 0.7, signatures: true }
tokenizer: { train: { vocab-size: 400 } }
shards: 2
mixture:
  seed: 7
  max-epochs: 2
  phases:
    - weights: { notes: 0.5, code: 0.3, pages: 0.2 }
";

/// A temporary working folder, removed on drop.
#[derive(Debug)]
pub struct Workdir {
    dir: tempfile::TempDir,
}

impl Default for Workdir {
    fn default() -> Self {
        Self::empty()
    }
}

impl Workdir {
    /// Creates an empty folder.
    pub fn empty() -> Self {
        Self { dir: folder(&std::env::temp_dir()).expect("a temporary folder can be made") }
    }

    /// Creates a folder with the miniature recipe as `recipe.yaml`, and its input: notes with a pair of exact
    /// duplicates (`n3`, `n3-copy`), a pair of near duplicates (`n5`, `n5-near`), a short one and an e-mail address;
    /// Rust modules; HTML pages.
    pub fn mini() -> Self {
        // In memory if possible: a run syncs more than a hundred files, and SIGKILL loses no synced page.
        let workdir = folder(Path::new("/dev/shm")).map_or_else(|_| Self::empty(), |dir| Self { dir });
        workdir.write("recipe.yaml", RECIPE);
        for number in 0..16 {
            let mut note = prose(number, 12);
            if number == 7 {
                note.push_str("Write to the miller: someone.real@millhouse.org\n");
            }
            workdir.write(&format!("input/notes/n{number}.txt"), note);
        }
        workdir.write("input/notes/n3-copy.txt", prose(3, 12));
        workdir.write("input/notes/n5-near.txt", prose(5, 12).replacen(" and a ", " and the ", 1));
        workdir.write("input/notes/short.txt", "Too short.\n");
        for number in 0..12 {
            workdir.write(&format!("input/code/c{number}.rs"), code(100 + number, 6));
            workdir.write(&format!("input/pages/p{number}.html"), page(200 + number, 5));
        }
        workdir
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file and creates its parent folders.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs_err::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder can be made");
        fs_err::write(&path, bytes).expect("the file can be written");
        path
    }

    /// Reads a file as text.
    pub fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.path().join(name)).expect("the file can be read")
    }

    /// A command for the binary under test in this folder, without arguments and without settings in the environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(corpusmill());
        command.current_dir(self.path()).stdin(Stdio::null());
        for variable in ["CORPUSMILL_STORE", "RUST_LOG", "HF_ENDPOINT", "HF_TOKEN"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs the binary with these arguments.
    pub fn run(&self, args: &[&str]) -> CommandResult {
        finish(self.command().args(args))
    }

    /// Runs a command to its end.
    pub fn finish(&self, command: &mut Command) -> CommandResult {
        finish(command)
    }

    /// Runs the binary with these arguments and this standard input.
    pub fn run_with_input(&self, args: &[&str], input: impl AsRef<[u8]>) -> CommandResult {
        let mut command = self.command();
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let command_line = format!("{command:?}");
        let mut child = command.spawn().expect("corpusmill can be started");
        let mut stdin = child.stdin.take().expect("standard input is piped");
        let input = input.as_ref().to_owned();
        // A process that ends early closes the pipe; its exit code shows the failure.
        let feeder = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("corpusmill can be waited for");
        let _ = feeder.join().expect("the feeder does not panic");
        CommandResult::new(command_line, &output)
    }

    /// A subfolder for a store and a corpus.
    pub fn run_dir(&self, name: &str) -> RunDir<'_> {
        RunDir { workdir: self, name: name.to_owned() }
    }
}

fn folder(parent: &Path) -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("corpusmill-").tempdir_in(parent)
}

fn finish(command: &mut Command) -> CommandResult {
    let command_line = format!("{command:?}");
    let output = command.output().expect("corpusmill can be started");
    CommandResult::new(command_line, &output)
}

/// A subfolder with its own store, lock and corpora.
#[derive(Debug)]
pub struct RunDir<'a> {
    workdir: &'a Workdir,
    name: String,
}

impl RunDir<'_> {
    /// The path of the subfolder.
    pub fn path(&self) -> PathBuf {
        self.workdir.path().join(&self.name)
    }

    /// The folder of the corpus of this name.
    pub fn corpus(&self, name: &str) -> PathBuf {
        self.path().join("corpus").join(name)
    }

    /// Runs `corpusmill SUBCOMMAND --store …` with these arguments.
    pub fn subcommand(&self, args: &[&str]) -> CommandResult {
        finish(&mut self.subcommand_command(args))
    }

    /// The command of [`RunDir::subcommand`], not started.
    pub fn subcommand_command(&self, args: &[&str]) -> Command {
        let mut command = self.workdir.command();
        command.args(args).args(["--store", &format!("{}/work", self.name)]);
        command
    }

    /// Runs `recipe.yaml` with these additional arguments.
    pub fn run(&self, args: &[&str]) -> CommandResult {
        finish(&mut self.run_command(args))
    }

    /// Runs a command to its end.
    pub fn finish(&self, command: &mut Command) -> CommandResult {
        finish(command)
    }

    /// The command of [`RunDir::run`], not started.
    pub fn run_command(&self, args: &[&str]) -> Command {
        let mut command = self.subcommand_command(&["run", "recipe.yaml"]);
        command.args(self.lock()).args(["--output", &format!("{}/corpus", self.name)]).args(args);
        command
    }

    /// The output of `plan --explain` with these additional arguments.
    pub fn explain(&self, args: &[&str]) -> String {
        let mut command = self.subcommand_command(&["plan", "recipe.yaml", "--explain"]);
        command.args(self.lock()).args(args);
        finish(&mut command).ok().out
    }

    fn lock(&self) -> [String; 2] {
        ["--lock".to_owned(), format!("{}/lock", self.name)]
    }

    /// Runs a query; returns one JSON object per row.
    pub fn query(&self, sql: &str) -> Vec<serde_json::Value> {
        self.subcommand(&["query", "--format", "json", sql]).ok().json_lines()
    }

    /// The receipts of the last run: maps node and partition to the value of `column`.
    pub fn receipts(&self, column: &str) -> BTreeMap<(String, u64), String> {
        let rows = self.query(&format!("SELECT node, partition, {column} FROM receipts"));
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().expect("the column is text").to_owned();
        let number = |row: &serde_json::Value| row["partition"].as_u64().expect("a partition is a number");
        rows.iter().map(|row| ((text(row, "node"), number(row)), text(row, column))).collect()
    }

    /// The manifest of the corpus of this name.
    pub fn manifest(&self, name: &str) -> serde_json::Value {
        let bytes = fs_err::read(self.corpus(name).join("manifest.json")).expect("the corpus has a manifest");
        serde_json::from_slice(&bytes).expect("the manifest is JSON")
    }

    /// The corpus digest of the corpus of this name.
    pub fn digest(&self, name: &str) -> String {
        self.manifest(name)["corpus_digest"].as_str().expect("the manifest has a corpus digest").to_owned()
    }

    /// The files of a corpus that must be reproducible: manifest, tokenizer, signatures and shards, by path.
    pub fn reproducible_files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut all = files_below(&self.corpus(name));
        let whole = ["manifest.json", "tokenizer.json", "signatures.parquet"];
        all.retain(|path, _| path.starts_with("shards/") || whole.contains(&path.as_str()));
        assert!(
            all.keys().filter(|path| path.starts_with("shards/")).count() > 1,
            "there are shards: {:?}",
            all.keys()
        );
        all
    }

    /// The stored files whose path has this ending, such as `/data.parquet`, sorted; without unfinished parts.
    pub fn stored_files(&self, ending: &str) -> Vec<PathBuf> {
        let store = self.path().join("work/store");
        let mut all = paths_below(&store);
        all.retain(|path| path.to_string_lossy().ends_with(ending) && !path.starts_with(store.join("tmp")));
        all
    }
}

/// All regular files below a folder, by path relative to it.
pub fn files_below(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let name =
        |path: &Path| path.strip_prefix(dir).expect("the path is below the folder").to_string_lossy().into_owned();
    let read = |path: PathBuf| (name(&path), fs_err::read(&path).expect("the file can be read"));
    paths_below(dir).into_iter().map(read).collect()
}

/// The paths of all regular files below a folder, sorted. Ignores folders that a running process removes meanwhile.
fn paths_below(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        let entries = match fs_err::read_dir(&next) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.expect("the folder can be listed"),
        };
        for entry in entries {
            let path = entry.expect("the folder can be listed").path();
            if path.is_dir() { &mut open } else { &mut all }.push(path);
        }
    }
    all.sort();
    all
}
