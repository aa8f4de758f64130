//! No file of a crate depends on a file that depends on it: a newcomer can read each crate from the leaves up.
//!
//! A file depends on another if it names it, or an item of it, in a `use` declaration or in a path that begins with `crate::`,
//! `super::`, `self::` or the name of a child module. An item that a parent module re-exports counts as an item of the file that defines it. Tests are left out.
#![allow(missing_docs, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use corpusmill_tests::repository;
use regex::Regex;

/// The crates whose files are checked, by folder.
const CRATES: [&str; 15] = [
    "pipeline",
    "pipeline/codec",
    "pipeline/page",
    "pipeline/recipe",
    "pipeline/shards",
    "pipeline/terminal",
    "stages",
    "stages/cli",
    "stages/crawler",
    "stages/extract",
    "stages/html",
    "stages/query",
    "stages/readers",
    "stages/warc",
    "trainer",
];

/// The files of one crate: the path of each module (empty for `lib.rs`) and its text, without comments and tests.
struct Sources(BTreeMap<String, String>);

impl Sources {
    fn read(crate_dir: &Path) -> Self {
        let root = crate_dir.join("src");
        let comment = Regex::new(r"//[^\n]*").expect("a valid pattern");
        let mut texts = BTreeMap::new();
        for path in rust_files(&root) {
            let relative = path.strip_prefix(&root).expect("below the root").with_extension("");
            let name = relative.to_string_lossy().replace('/', "::");
            let is_test = name.split("::").any(|part| part == "tests" || part.ends_with("_tests") || part == "fixture");
            if is_test || name == "main" {
                continue;
            }
            let name = name.strip_suffix("::mod").unwrap_or(&name);
            let name = if name == "lib" { "" } else { name };
            let text = fs_err::read_to_string(&path).expect("a source file can be read");
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            texts.insert(name.to_owned(), comment.replace_all(text, "").into_owned());
        }
        Self(texts)
    }

    /// The file that `path`, as written in the module `from`, leads to.
    fn resolve(&self, from: &str, path: &str) -> Option<String> {
        let mut base: Vec<&str> = from.split("::").filter(|part| !part.is_empty()).collect();
        let mut parts: Vec<&str> = path.split("::").collect();
        match parts.first() {
            Some(&"crate") => {
                base.clear();
                parts.remove(0);
            }
            Some(&("self" | "super")) => {
                while let Some(first @ ("self" | "super")) = parts.first().copied() {
                    parts.remove(0);
                    if first == "super" {
                        base.pop();
                    }
                }
            }
            _ => {}
        }
        let whole: Vec<&str> = base.iter().chain(&parts).copied().collect();
        let length = (0..=whole.len()).rev().find(|&length| self.0.contains_key(&whole[..length].join("::")))?;
        let file = whole[..length].join("::");
        // A path into another crate leads nowhere but to the module itself.
        let is_relative = path.starts_with("crate") || path.starts_with("self") || path.starts_with("super");
        if !is_relative && length <= base.len() {
            return None;
        }
        match whole.get(length).and_then(|item| self.re_export(&file, item)) {
            Some(definition) => Some(definition),
            None => Some(file),
        }
    }

    /// The file from which the module `file` re-exports `item`.
    fn re_export(&self, file: &str, item: &str) -> Option<String> {
        let text = self.0.get(file)?;
        let declaration = Regex::new(r"(?m)^\s*pub(?:\([a-z ]+\))? use ([^;]+);").expect("a valid pattern");
        let paths = declaration.captures_iter(text).flat_map(|found| expand(&found[1]));
        let path = paths.into_iter().find(|(_, name)| name == item)?.0;
        self.resolve(file, &path).filter(|target| target != file)
    }

    /// Which files each file depends on.
    fn graph(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let declaration = Regex::new(r"(?m)^\s*(pub(?:\([a-z ]+\))? )?use ([^;]+);").expect("a valid pattern");
        let inline = Regex::new(r"\b((?:super|crate|self)(?:::\w+)+)").expect("a valid pattern");
        let plain = Regex::new(r"(?:^|[^:\w])((\w+)(?:::\w+)+)").expect("a valid pattern");
        let mut graph = BTreeMap::new();
        for (module, text) in &self.0 {
            let mut paths = Vec::new();
            for found in declaration.captures_iter(text) {
                // A module that re-exports its own parts stays a table of contents.
                if found.get(1).is_none() {
                    paths.extend(expand(&found[2]).into_iter().map(|(path, _)| path));
                }
            }
            let body = declaration.replace_all(text, "");
            paths.extend(inline.captures_iter(&body).map(|found| found[1].to_owned()));
            let is_child = |name: &str| {
                let child = if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") };
                self.0.contains_key(&child)
            };
            paths.extend(
                plain.captures_iter(&body).filter(|found| is_child(&found[2])).map(|found| found[1].to_owned()),
            );
            let files =
                paths.iter().filter_map(|path| self.resolve(module, path)).filter(|file| file != module).collect();
            graph.insert(module.as_str(), files);
        }
        graph
    }
}

/// The `.rs` files below a folder.
fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(dir).expect("a source folder can be listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The paths of a `use` declaration, each with the name that it brings into scope.
fn expand(declaration: &str) -> Vec<(String, String)> {
    let text = declaration.trim();
    let Some((head, group)) = text.strip_suffix('}').and_then(|text| text.split_once('{')) else {
        let (path, name) = text.split_once(" as ").unwrap_or((text, text.rsplit("::").next().unwrap_or(text)));
        let path = path.trim().trim_end_matches("::self");
        return vec![(path.to_owned(), name.trim().to_owned())];
    };
    let (mut depth, mut current, mut entries) = (0, String::new(), Vec::new());
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if character == ',' && depth == 0 {
            entries.push(std::mem::take(&mut current));
        } else {
            current.push(character);
        }
    }
    entries.push(current);
    let entries = entries.iter().filter(|entry| !entry.trim().is_empty());
    entries.flat_map(|entry| expand(&format!("{}{}", head.trim(), entry.trim()))).collect()
}

/// A way from `start` back to itself, if there is one.
fn circle<'a>(graph: &'a BTreeMap<&str, BTreeSet<String>>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut reached: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        for next in graph.get(file).into_iter().flatten() {
            if next == start {
                let mut way = vec![file];
                while let Some(&before) = reached.get(way[way.len() - 1]) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if !reached.contains_key(next.as_str()) {
                reached.insert(next, file);
                open.push(next);
            }
        }
    }
    None
}

#[test]
fn no_circle_of_files() {
    let mut circles = Vec::new();
    for name in CRATES {
        let sources = Sources::read(&repository().join(name));
        let graph = sources.graph();
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for file in graph.keys() {
            if known.contains(file) {
                continue;
            }
            if let Some(way) = circle(&graph, file) {
                known.extend(&way);
                circles.push(format!("{name}/src: {} → {}", way.join(" → "), way[0]));
            }
        }
    }
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n"));
}

#[test]
fn a_circle_is_found() {
    let sources = Sources(BTreeMap::from([
        (String::new(), "mod a;\nmod b;\npub use a::{A, inner::B};\n".to_owned()),
        ("a".to_owned(), "use crate::b::{self, C as D};\n".to_owned()),
        ("b".to_owned(), "fn f() -> super::A { todo() }\n".to_owned()),
    ]));
    let graph = sources.graph();
    assert_eq!(circle(&graph, "a"), Some(vec!["a", "b"]));
    assert_eq!(circle(&graph, ""), None);
    let sources = Sources(BTreeMap::from([
        (String::new(), "mod a;\npub struct Args;\nenum Command { A(a::Command) }\n".to_owned()),
        ("a".to_owned(), "use crate::Args;\nstruct Command(Args);\n".to_owned()),
    ]));
    assert!(circle(&sources.graph(), "").is_some());
}
