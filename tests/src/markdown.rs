//! The Markdown pages of the repository: code blocks, links and anchors.
//!
//! Invariant: a link inside a code block or a code span is not a link.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A fenced code block.
#[derive(Debug, Clone)]
pub struct CodeBlock {
    /// The page, relative to the repository.
    pub page: String,
    /// The line of the opening fence, from 1.
    pub line: usize,
    /// The info string, such as `sh,run`.
    pub info: String,
    /// The text between the fences; included files are inserted.
    pub text: String,
}

/// A page, read and split into code blocks and the rest.
#[derive(Debug, Clone)]
pub struct Page {
    /// The path, relative to the repository.
    pub path: String,
    /// The fenced code blocks, in order.
    pub blocks: Vec<CodeBlock>,
    /// The lines outside code blocks, with their numbers, from 1; code spans are blanked.
    prose: Vec<(usize, String)>,
    headings: Vec<String>,
}

impl Page {
    /// Reads a page of the repository.
    pub fn read(repository: &Path, path: &str) -> Self {
        let file = repository.join(path);
        let text = fs_err::read_to_string(&file).expect("the page can be read");
        let mut page = Self { path: path.to_owned(), blocks: Vec::new(), prose: Vec::new(), headings: Vec::new() };
        let mut open: Option<CodeBlock> = None;
        for (number, line) in (1..).zip(text.lines()) {
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (Some(_), Some("")) => page.blocks.extend(open.take()),
                (Some(block), _) => {
                    block.text.push_str(&included(&file, line).unwrap_or_else(|| line.to_owned()));
                    block.text.push('\n');
                }
                (None, Some(info)) => {
                    let (page, info) = (path.to_owned(), info.trim().to_owned());
                    open = Some(CodeBlock { page, line: number, info, text: String::new() });
                }
                (None, None) => {
                    if line.starts_with('#') {
                        page.headings.push(line.trim_start_matches('#').trim().to_owned());
                    }
                    page.prose.push((number, without_code_spans(line)));
                }
            }
        }
        assert!(open.is_none(), "{path}: a code block is not closed");
        page
    }

    /// The targets of all links, with their lines; `[text][name]` gives the target of `[name]: target`.
    pub fn links(&self) -> Vec<(usize, String)> {
        let definition = |line: &str| {
            let (name, target) = line.strip_prefix('[')?.split_once("]: ")?;
            Some((name.to_owned(), target.trim().to_owned()))
        };
        let definitions: Vec<(String, String)> = self.prose.iter().filter_map(|(_, line)| definition(line)).collect();
        let mut links = Vec::new();
        for (number, line) in &self.prose {
            for rest in line.split("](").skip(1) {
                links.push((*number, rest.split(')').next().unwrap_or_default().to_owned()));
            }
            for rest in line.split("][").skip(1) {
                let name = rest.split(']').next().unwrap_or_default();
                let target = definitions.iter().find(|(known, _)| known == name).map(|(_, target)| target.clone());
                links.push((*number, target.unwrap_or_else(|| format!("undefined reference {name}"))));
            }
        }
        links
    }

    /// The anchors of the headings, as forges and mdBook make them.
    pub fn anchors(&self) -> BTreeSet<String> {
        let anchor = |heading: &String| {
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
        };
        self.headings.iter().map(anchor).collect()
    }
}

/// The pages below a folder of the repository, sorted.
pub fn pages_below(repository: &Path, folder: &str) -> Vec<String> {
    let mut open = vec![repository.join(folder)];
    let mut found = Vec::new();
    while let Some(dir) = open.pop() {
        for entry in fs_err::read_dir(dir).expect("the folder can be listed").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let relative = path.strip_prefix(repository).expect("the page is in the repository");
                found.push(relative.to_str().expect("page names are UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The file that mdBook's `{{#include PATH}}` inserts.
fn included(page: &Path, line: &str) -> Option<String> {
    let path: PathBuf = line.trim().strip_prefix("{{#include ")?.strip_suffix("}}")?.into();
    let file = page.parent().expect("a page is in a folder").join(path);
    Some(fs_err::read_to_string(file).expect("the included file can be read"))
}

fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("code")
}
