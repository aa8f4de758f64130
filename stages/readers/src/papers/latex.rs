//! Converts LaTeX papers to readable Markdown.
//!
//! Commands are removed and their text is kept. Sections become headings, lists become lists, listings become fenced
//! code, and tables become rows of cells. Mathematics is kept as TeX between `$` or `$$`. Comments, text that a
//! condition hides, labels, citations, graphics and the bibliography are dropped. Macros are not expanded and `\input`
//! is not followed: one file is one document.
//!
//! Invariant: no input makes the converter recurse deeper than `MAX_DEPTH`, or read the same text more often than its
//! nesting depth.

use unicode_normalization::UnicodeNormalization;

use super::latex_commands::{Command, Environment, command, environment, is_reference};
use super::latex_comments::without_comments;
use super::latex_conditions::without_hidden_text;
use super::latex_paragraphs::{BLOCK_MARK, paragraphs};
use super::latex_parts::{address, balanced_rest, delimited, listing_language, without_labels};
use super::latex_text::{Cursor, without_open_braces};
use super::scripts::{Script, base, is_script, script_text};

/// Maximum nesting depth of environments and arguments; deeper ones are dropped.
const MAX_DEPTH: usize = 40;

/// A converted paper.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LatexDocument {
    /// Markdown, with the title as its first heading.
    pub text: String,
    /// The argument of `\title`.
    pub title: Option<String>,
}

/// Converts one LaTeX file.
pub fn to_markdown(source: &str) -> LatexDocument {
    let source = without_comments(&source.replace("\r\n", "\n").replace(BLOCK_MARK, ""));
    let source = without_hidden_text(&source);
    let mut writer = Writer::default();
    let body = match source.split_once("\\begin{document}") {
        Some((preamble, body)) => {
            // Only the title is read from the preamble.
            if let Some((_, after)) = preamble.split_once("\\title") {
                let mut cursor = Cursor::new(after);
                cursor.optional();
                writer.set_title(cursor.argument());
            }
            body.split_once("\\end{document}").map_or(body, |(body, _)| body)
        }
        None => &source,
    };
    writer.run(body, 0);
    let title = writer.title;
    let body = paragraphs(&writer.out);
    let text = match &title {
        Some(title) => format!("# {title}\n\n{body}"),
        None => body,
    };
    LatexDocument { text: text.trim_end().to_owned() + if text.trim().is_empty() { "" } else { "\n" }, title }
}

/// Writes the text of LaTeX source.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) out: String,
    title: Option<String>,
}

impl Writer {
    fn set_title(&mut self, source: &str) {
        let title = render(source, MAX_DEPTH / 2);
        let title = title.split_whitespace().collect::<Vec<_>>().join(" ").replace(BLOCK_MARK, "");
        if self.title.is_none() && !title.is_empty() {
            self.title = Some(title);
        }
    }

    pub(super) fn run(&mut self, source: &str, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        let closed = without_open_braces(source);
        let mut cursor = Cursor::new(&closed);
        while let Some(character) = cursor.bump() {
            match character {
                '\\' => self.command(&mut cursor, depth),
                '$' => self.dollar(&mut cursor),
                '{' | '}' | BLOCK_MARK => {}
                '~' => self.out.push(' '),
                '`' if cursor.consume("`") => self.out.push('“'),
                '\'' if cursor.consume("'") => self.out.push('”'),
                '`' => self.out.push('‘'),
                '\'' => self.out.push('’'),
                '-' if cursor.consume("--") => self.out.push('—'),
                '-' if cursor.consume("-") => self.out.push('–'),
                other => self.out.push(other),
            }
        }
    }

    fn dollar(&mut self, cursor: &mut Cursor<'_>) {
        if cursor.consume("$") {
            let formula = cursor.until("$$");
            return self.display(formula);
        }
        // An unpaired dollar must not consume the rest of the paper: inline formulae end with their paragraph.
        let rest = cursor.rest().as_bytes();
        let (mut escaped, mut end) = (false, None);
        for (at, byte) in rest.iter().enumerate() {
            match byte {
                b'$' if !escaped => {
                    end = Some(at);
                    break;
                }
                b'\n' if rest.get(at + 1) == Some(&b'\n') => break,
                _ => escaped = *byte == b'\\' && !escaped,
            }
        }
        if let Some(end) = end {
            let formula = &cursor.rest()[..end];
            *cursor = Cursor::new(&cursor.rest()[end + 1..]);
            self.inline(formula);
        }
    }

    fn inline(&mut self, formula: &str) {
        let formula = formula.trim().replace(BLOCK_MARK, "");
        if !formula.is_empty() {
            self.out.push('$');
            self.out.push_str(&formula);
            self.out.push('$');
        }
    }

    fn display(&mut self, formula: &str) {
        let formula = without_labels(formula);
        if !formula.trim().is_empty() {
            self.block(&format!("$$\n{}\n$$", formula.trim()));
        }
    }

    /// Writes a block whose lines are kept as they are.
    pub(super) fn block(&mut self, text: &str) {
        self.out.push(BLOCK_MARK);
        self.out.push_str(&text.replace(BLOCK_MARK, ""));
        self.out.push(BLOCK_MARK);
    }

    fn command(&mut self, cursor: &mut Cursor<'_>, depth: usize) {
        let name = cursor.name();
        match name {
            "begin" => {
                let name = cursor.argument().to_owned();
                return self.environment(&name, cursor, depth);
            }
            "end" => {
                cursor.argument();
                return;
            }
            "[" => return self.display(cursor.until("\\]")),
            "(" => return self.inline(cursor.until("\\)")),
            "\\" => {
                cursor.optional();
            }
            _ => {}
        }
        match command(name) {
            Some(Command::Drop(arguments)) => drop_arguments(cursor, arguments, name, &mut self.out),
            Some(meaning) => self.write_command(meaning, cursor, depth),
            None => {}
        }
    }

    /// Writes a command that contributes to the text.
    fn write_command(&mut self, meaning: Command, cursor: &mut Cursor<'_>, depth: usize) {
        match meaning {
            Command::Drop(_) => {}
            Command::Print(characters) => self.out.push_str(characters),
            Command::Heading(level) => {
                cursor.optional();
                let title = one_line(cursor.argument(), depth);
                if !title.is_empty() {
                    self.block(&format!("{} {title}", "#".repeat(level)));
                }
            }
            Command::Wrap(mark) => {
                let inner = one_line(cursor.argument(), depth);
                if !inner.is_empty() {
                    self.out.extend([mark, &inner, mark]);
                }
            }
            Command::Title => {
                cursor.optional();
                self.set_title(cursor.argument());
            }
            Command::Footnote => {
                cursor.optional();
                let note = one_line(cursor.argument(), depth);
                self.out.extend([" (", &note, ")"]);
            }
            Command::Caption(arguments) => {
                drop_arguments(cursor, arguments, "", &mut self.out);
                cursor.optional();
                let caption = one_line(cursor.argument(), depth);
                self.out.extend(["\n\n", &caption, "\n\n"]);
            }
            Command::Address => self.out.push_str(&address(cursor)),
            Command::Link => self.link(cursor, depth),
            Command::First => {
                let text = cursor.argument();
                cursor.argument();
                self.run(text, depth + 1);
            }
            Command::Script(kind) => self.script(kind, cursor, depth),
            Command::Formula => self.inline(cursor.argument()),
            Command::Fraction => self.fraction(cursor, depth),
            Command::Quantity(quantity) => self.out.push_str(&quantity.read(cursor)),
            Command::Accent(mark) => self.accent(mark, cursor, depth),
            Command::Item => {
                let label = cursor.optional().map(|label| one_line(label, depth)).unwrap_or_default();
                self.out.extend(["\n\n", &label, " "]);
            }
            Command::Verb { has_language } => verb(cursor, has_language, &mut self.out),
            Command::Define => {
                cursor.until("{");
                *cursor = Cursor::new(balanced_rest(cursor.rest()));
            }
        }
    }

    fn link(&mut self, cursor: &mut Cursor<'_>, depth: usize) {
        cursor.optional();
        let target = address(cursor);
        let text = one_line(cursor.argument(), depth);
        self.out.extend(["[", &text, "](", &target, ")"]);
    }

    /// Writes a fraction on one line. The number before that of a unit is in brackets; other brackets hold options.
    fn fraction(&mut self, cursor: &mut Cursor<'_>, depth: usize) {
        let is_number = |options: &&str| options.starts_with(|first: char| first.is_ascii_digit());
        if let Some(number) = cursor.optional().filter(is_number) {
            self.out.extend([number, " "]);
        }
        if self.out.ends_with(char::is_numeric) {
            self.out.push(' ');
        }
        let (above, below) = (one_line(cursor.argument(), depth), one_line(cursor.argument(), depth));
        self.out.extend([above.as_str(), "/", &below]);
    }

    fn accent(&mut self, mark: char, cursor: &mut Cursor<'_>, depth: usize) {
        let base = one_line(cursor.argument(), depth).replace('ı', "i").replace('ȷ', "j");
        let mut characters = base.chars();
        let first: String = characters.next().into_iter().chain([mark]).nfc().collect();
        self.out.push_str(&first);
        self.out.push_str(characters.as_str());
    }

    fn script(&mut self, kind: Script, cursor: &mut Cursor<'_>, depth: usize) {
        let source = cursor.argument();
        let text = one_line(source, depth);
        if !is_script(&text) {
            return self.out.push_str(&text);
        }
        // A block that keeps its lines is no text to which a script belongs.
        let before = base(&self.out).filter(|before| *before != BLOCK_MARK);
        let is_plain = !source.contains(['\\', '$']);
        let written = script_text(kind, before, &text, cursor.rest().chars().next(), is_plain);
        self.out.push_str(&written);
    }

    /// Writes source as paragraphs of its own.
    pub(super) fn paragraph(&mut self, source: &str, depth: usize) {
        self.out.push_str("\n\n");
        self.run(source, depth + 1);
        self.out.push_str("\n\n");
    }

    fn environment(&mut self, full: &str, cursor: &mut Cursor<'_>, depth: usize) {
        let body = cursor.body(full);
        match environment(full) {
            Environment::Drop => {}
            Environment::Verbatim => {
                let mut inner = Cursor::new(body);
                let options = inner.optional().unwrap_or_default();
                let language =
                    if full == "minted" { inner.braced().unwrap_or_default() } else { listing_language(options) };
                self.block(&format!("```{}\n{}\n```", language.to_ascii_lowercase(), inner.rest().trim_matches('\n')));
            }
            Environment::Math(false) => self.display(body),
            Environment::Math(true) => self.display(&format!("\\begin{{{full}}}{body}\\end{{{full}}}")),
            Environment::List(numbered) => self.list(body, numbered, depth),
            Environment::Table(arguments) => self.table(body, arguments, depth),
            Environment::Abstract => {
                self.block("## Abstract");
                self.run(body, depth + 1);
                self.out.push_str("\n\n");
            }
            Environment::Named(name) => {
                let mut inner = Cursor::new(body);
                let note = inner.optional().map(|note| format!(" ({})", one_line(note, depth))).unwrap_or_default();
                self.out.extend(["\n\n**", name, "**", &note, ". "]);
                self.run(inner.rest(), depth + 1);
                self.out.push_str("\n\n");
            }
            Environment::Text => self.paragraph(body, depth),
            Environment::Layout(arguments) => {
                let mut inner = Cursor::new(body);
                while inner.optional().is_some() {}
                for _ in 0..arguments {
                    inner.braced();
                    while inner.optional().is_some() {}
                }
                self.paragraph(inner.rest(), depth);
            }
        }
    }
}

pub(super) fn render(source: &str, depth: usize) -> String {
    let mut writer = Writer::default();
    writer.run(source, depth + 1);
    writer.out
}

pub(super) fn one_line(source: &str, depth: usize) -> String {
    render(source, depth).replace(BLOCK_MARK, " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Drops the arguments of a command; a citation or reference also drops the space before it.
fn drop_arguments(cursor: &mut Cursor<'_>, arguments: usize, name: &str, out: &mut String) {
    if is_reference(name) {
        out.truncate(out.trim_end_matches([' ', '\u{a0}']).len());
    }
    // Brackets after the last argument are text, unless the command takes options there.
    let followed_by_options = match name {
        "documentclass" | "usepackage" | "RequirePackage" | "newtheorem" | "newcounter" | "raisebox" | "scalebox"
        | "multirow" | "cdashline" => arguments,
        _ => arguments.saturating_sub(1),
    };
    while cursor.optional().is_some() {}
    // How a rule is trimmed: `\cmidrule(lr){2-3}`.
    if name == "cmidrule" {
        cursor.parenthesized();
    }
    for index in 0..arguments {
        // `\newcommand\name{…}`: the name needs no braces.
        if cursor.braced().is_none() {
            cursor.argument();
        }
        while index < followed_by_options && cursor.optional().is_some() {}
    }
}

fn verb(cursor: &mut Cursor<'_>, has_language: bool, out: &mut String) {
    cursor.optional();
    if has_language {
        cursor.braced();
    }
    if let Some(code) = delimited(cursor) {
        out.extend(["`", code, "`"]);
    }
}
