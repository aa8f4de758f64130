//! The command-line reference of a program, as one page of Markdown.
//!
//! Both programs write their page of the book from the same clap definition that parses their arguments.
//!
//! Invariant: the page depends only on the definition, not on the terminal, the environment or the machine.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// Writes the reference of `command` and its subcommands; `written_by` is the command line that writes the page.
pub fn cli_reference(mut command: Command, written_by: &str) -> String {
    command.build();
    let name = command.get_name().to_owned();
    let mut out = format!("# `{name}`\n\nWritten by `{written_by}`.\n\n{}\n", about(&command));
    section(&mut out, "## Global options", command.get_arguments().filter(|arg| arg.is_global_set()));
    subcommands(&mut out, &name, &mut command);
    if let Some(text) = command.get_after_help() {
        let _ = write!(out, "\n## Exit codes and examples\n\n```text\n{}\n```\n", text.to_string().trim_end());
    }
    out
}

/// The sections of the subcommands of `command`, whose full name is `name`, and of theirs.
fn subcommands(out: &mut String, name: &str, command: &mut Command) {
    for subcommand in command.get_subcommands_mut().filter(|subcommand| subcommand.get_name() != "help") {
        let name = format!("{name} {}", subcommand.get_name());
        if subcommand.has_subcommands() && subcommand.is_subcommand_required_set() {
            subcommands(out, &name, subcommand);
            continue;
        }
        let usage = subcommand.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").to_owned();
        let _ = write!(out, "\n## {name}\n\n");
        let _ = write!(out, "{}\n\n```text\n{usage}\n```\n", about(subcommand));
        section(out, "Arguments:", subcommand.get_arguments().filter(|arg| arg.is_positional()));
        let is_own = |arg: &&Arg| !arg.is_positional() && !arg.is_global_set();
        section(out, "Options:", subcommand.get_arguments().filter(is_own));
        if let Some(text) = subcommand.get_after_help() {
            let _ = write!(out, "\n```text\n{}\n```\n", text.to_string().trim_end());
        }
        subcommands(out, &name, subcommand);
    }
}

fn about(command: &Command) -> String {
    sentence(command.get_long_about().or(command.get_about()).map(ToString::to_string))
}

/// The text with a full stop, which clap cuts off.
fn sentence(text: Option<String>) -> String {
    let text = text.unwrap_or_default();
    if text.is_empty() || text.ends_with(['.', '!', '?', ':']) { text } else { text + "." }
}

/// A heading and a list of arguments; nothing if there are none.
fn section<'a>(out: &mut String, heading: &str, arguments: impl Iterator<Item = &'a Arg>) {
    let is_listed = |arg: &&Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    let lines: Vec<String> = arguments.filter(is_listed).map(argument).collect();
    if !lines.is_empty() {
        let _ = write!(out, "\n{heading}\n\n{}", lines.concat());
    }
}

/// One argument as an item of a list.
fn argument(arg: &Arg) -> String {
    let short = arg.get_short().filter(|_| !arg.is_positional()).map(|short| format!("-{short}, ")).unwrap_or_default();
    let help = sentence(arg.get_long_help().or(arg.get_help()).map(ToString::to_string)).replace('\n', "\n  ");
    let mut line = format!("- `{short}{}`: {help}", arg.to_string().trim_end_matches("..."));
    if arg.get_action().takes_values() {
        let values: Vec<String> =
            arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        if !values.is_empty() {
            let _ = write!(line, " One of {}.", values.join(", "));
        }
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        if !defaults.is_empty() {
            let _ = write!(line, " Default: {}.", defaults.join(", "));
        }
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(line, " Environment variable: `{}`.", variable.to_string_lossy());
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use clap::{ArgAction, value_parser};

    use super::*;

    fn example() -> Command {
        let threads = Arg::new("threads").long("threads").short('j').value_name("N").global(true).default_value("2");
        let seed = Arg::new("seed").long("seed").value_parser(value_parser!(u64)).hide(true);
        let format = Arg::new("format").long("format").value_parser(["csv", "json"]).env("EXAMPLE_FORMAT");
        let quiet = Arg::new("quiet").long("quiet").action(ArgAction::SetTrue).help("Print less");
        let input = Arg::new("input").value_name("FILE").required(true).help("The input.");
        let run = Command::new("run").about("Run it").args([input, format.help("The form."), quiet, seed]);
        Command::new("example").about("An example").version("1").arg(threads.help("Threads.")).subcommand(run)
    }

    #[test]
    fn page_lists_arguments_with_defaults_values_and_variables() {
        let page = cli_reference(example(), "example --reference");
        assert!(page.starts_with("# `example`\n\nWritten by `example --reference`.\n\nAn example.\n"), "{page}");
        assert!(page.contains("## Global options\n\n- `-j, --threads <N>`: Threads. Default: `2`.\n"), "{page}");
        assert!(page.contains("## example run\n\nRun it.\n\n```text\nexample run [OPTIONS] <FILE>\n```\n"), "{page}");
        assert!(page.contains("Arguments:\n\n- `<FILE>`: The input.\n"), "{page}");
        let format = "- `--format <format>`: The form. One of `csv`, `json`. Environment variable: `EXAMPLE_FORMAT`.\n";
        assert!(page.contains(format), "{page}");
        assert!(page.contains("- `--quiet`: Print less.\n"), "{page}");
    }

    #[test]
    fn hidden_global_and_built_in_arguments_are_not_repeated() {
        let page = cli_reference(example(), "example --reference");
        assert!(!page.contains("--seed") && !page.contains("--help") && !page.contains("--version"), "{page}");
        assert_eq!(page.matches("--threads").count(), 1, "{page}");
    }
}
