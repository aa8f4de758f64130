//! The README and the book: links, recipes and commands are those of this version.
//!
//! Invariant: a page never shows a recipe that does not load, a flag that does not exist, or a link that leads nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use corpusmill_tests::{CodeBlock, Page, Workdir, corpusmill, pages_below, repository, shell_commands};

const BOOK: &str = "docs/src";

fn pages() -> Vec<Page> {
    let root = repository();
    let own = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(str::to_owned);
    own.into_iter().chain(pages_below(&root, BOOK)).map(|path| Page::read(&root, &path)).collect()
}

fn blocks(language: &str) -> Vec<CodeBlock> {
    let is_of = |block: &CodeBlock| block.info.split(',').next() == Some(language);
    pages().into_iter().flat_map(|page| page.blocks).filter(is_of).collect()
}

#[test]
fn links_and_anchors_exist() {
    let (root, pages) = (repository(), pages());
    let mut count = 0;
    for page in &pages {
        for (line, target) in page.links().iter().filter(|(_, target)| !target.contains("://")) {
            count += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = Path::new(&page.path).parent().expect("a page is in a folder");
            let path = if file.is_empty() { root.join(&page.path) } else { root.join(folder).join(file) };
            assert!(path.exists(), "{}:{line}: no file {target}", page.path);
            let path = fs_err::canonicalize(&path).expect("the file exists");
            let root = fs_err::canonicalize(&root).expect("the repository exists");
            let name = path.strip_prefix(&root).expect("links stay in the repository");
            let anchors = || Page::read(&root, name.to_str().expect("names are UTF-8")).anchors();
            assert!(anchor.is_empty() || anchors().contains(anchor), "{}:{line}: no heading {target}", page.path);
        }
    }
    assert!(count > 50, "only {count} links were found");
}

#[test]
fn summary_lists_every_page() {
    let root = repository();
    let summary = Page::read(&root, &format!("{BOOK}/SUMMARY.md"));
    let listed: Vec<String> = summary.links().into_iter().map(|(_, target)| format!("{BOOK}/{target}")).collect();
    let unique: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(listed.len(), unique.len(), "a page is listed twice");
    let pages = pages_below(&root, BOOK);
    let pages: BTreeSet<&String> = pages.iter().filter(|page| !page.ends_with("SUMMARY.md")).collect();
    assert_eq!(unique, pages);
}

#[test]
fn readme_is_short() {
    let lines = fs_err::read_to_string(repository().join("README.md")).unwrap().lines().count();
    assert!(lines <= 200, "README.md has {lines} lines; details belong into docs/");
}

#[test]
fn recipes_pass_check() {
    let workdir = Workdir::empty();
    let shipped: Vec<String> = fs_err::read_dir(repository().join("recipes/train"))
        .unwrap()
        .map(|entry| fs_err::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let mut recipes = 0;
    for block in blocks("yaml").iter().filter(|block| block.info == "yaml") {
        let place = format!("{}:{}", block.page, block.line);
        if block.text.contains("\nsources:") {
            let name = format!("block-{recipes}.yaml");
            workdir.write(&name, &block.text);
            let result = workdir.run(&["check", &name]);
            assert_eq!(result.code, Some(0), "{place}\n{}", result.err);
            recipes += 1;
        } else {
            // `make recipes` checks the training recipes that ship.
            let is_shipped = shipped.iter().any(|text| text.trim() == block.text.trim());
            assert!(is_shipped, "{place}: neither a recipe nor one of recipes/train/; `yaml,ignore` marks a fragment");
        }
    }
    assert!(recipes >= 3, "only {recipes} recipes were found");
}

/// The flags in a help text: words that begin with `-` before the description.
fn flags_of_help(help: &str) -> BTreeSet<String> {
    let definitions = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    definitions.flat_map(|line| flags(line.split("  ").next().unwrap_or_default())).collect()
}

fn flags(definition: &str) -> Vec<String> {
    let words = definition.split([' ', ',', '=', '[', '<']);
    words.filter(|word| word.starts_with('-')).map(str::to_owned).collect()
}

/// The flags of each subcommand of `corpusmill`, and of the subcommands of these, from their help.
fn flags_of_program() -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    add_flags_of(&[], &mut all);
    all
}

fn add_flags_of(parents: &[&str], all: &mut BTreeMap<String, BTreeSet<String>>) {
    let output = Command::new(corpusmill()).args(parents).arg("--help").output().expect("the program starts");
    let help = String::from_utf8(output.stdout).expect("help is UTF-8");
    let commands = help.split("\nCommands:").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    let is_command = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let names = commands.lines().filter(is_command).filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| *name != "help") {
        add_flags_of(&[parents, &[name]].concat(), all);
    }
    all.insert(parents.join(" "), flags_of_help(&help));
}

/// The flags of each subcommand of `corpusmill-train`, from its page; `make recipes` compares the page with the program.
fn flags_of_trainer() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs_err::read_to_string(repository().join(BOOK).join("reference/cli-train.md"));
    let page = page.expect("the page can be read");
    let mut sections = page.split("\n## ");
    let listed = |section: &str| -> BTreeSet<String> {
        let items = section.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next());
        items.flat_map(flags).collect()
    };
    let globals = sections.clone().find(|section| section.starts_with("Global")).map(listed).unwrap_or_default();
    let mut all = BTreeMap::new();
    for section in &mut sections {
        let title = section.lines().next().unwrap_or_default();
        if let Some(name) = title.strip_prefix("corpusmill-train ") {
            all.insert(name.to_owned(), listed(section).union(&globals).cloned().collect());
        }
    }
    all
}

#[test]
fn commands_and_flags_exist() {
    let programs = BTreeMap::from([("corpusmill", flags_of_program()), ("corpusmill-train", flags_of_trainer())]);
    let makefile = fs_err::read_to_string(repository().join("Makefile")).unwrap();
    let mut count = 0;
    for block in blocks("sh") {
        for words in shell_commands(&block.text) {
            let place = format!("{}:{}: {}", block.page, block.line, words.join(" "));
            if words[0] == "make" {
                assert!(makefile.contains(&format!("\n{}:", words[1])), "{place}: no such target");
            }
            let Some(commands) = programs.get(words[0].as_str()) else { continue };
            let names = (2..=words.len()).rev().map(|end| words[1..end].join(" "));
            let known = names.into_iter().find_map(|name| commands.get(&name));
            let known = known.unwrap_or_else(|| panic!("{place}: no such subcommand"));
            for word in words.iter().filter(|word| word.len() > 1 && word.starts_with('-')) {
                let flag = word.split('=').next().unwrap_or_default();
                assert!(known.contains(flag), "{place}: no flag {flag}; there are {known:?}");
            }
            count += 1;
        }
    }
    assert!(count > 30, "only {count} commands were found");
}

/// Copies a folder of the repository into a working folder.
fn copy(workdir: &Workdir, folder: &str) {
    for entry in fs_err::read_dir(repository().join(folder)).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are UTF-8");
        let name = format!("{folder}/{name}");
        if path.is_dir() {
            copy(workdir, &name);
        } else if path.extension().is_none_or(|extension| extension != "lock") {
            workdir.write(&name, fs_err::read(&path).expect("the file can be read"));
        }
    }
}

#[test]
fn marked_commands_run() {
    let mut by_page: BTreeMap<String, Vec<CodeBlock>> = BTreeMap::new();
    for block in blocks("sh").into_iter().filter(|block| block.info == "sh,run") {
        by_page.entry(block.page.clone()).or_default().push(block);
    }
    assert!(by_page.len() >= 5, "only {} pages have commands to run", by_page.len());
    for blocks in by_page.values() {
        // Blocks of a page run one after the other, in a folder with the shipped recipes.
        let workdir = Workdir::empty();
        copy(&workdir, "recipes");
        fs_err::create_dir(workdir.path().join("bin")).unwrap();
        symlink(corpusmill(), workdir.path().join("bin/corpusmill")).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", workdir.path().join("bin").display());
        for block in blocks {
            let mut command = Command::new("sh");
            command.args(["-euc", &block.text]).current_dir(workdir.path()).env("PATH", &path);
            let output = command.env_remove("CORPUSMILL_STORE").output().expect("sh can be started");
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}:{}\n{}\n{error}", block.page, block.line, block.text);
        }
    }
}
