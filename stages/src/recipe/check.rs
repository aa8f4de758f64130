//! Checks what a recipe's types cannot express: names that must exist, ranges of numbers, the order of steps.
//!
//! Invariant: every error points at the wrong key or value, if it is in the file.

use corpusmill_pipeline::{StageError, UserError};
use corpusmill_recipe::{Checked, NAME_RULES, NamedSource, RecipeError, did_you_mean, is_valid_name};
use globset::GlobBuilder;

use super::renamed::{self, renamed_rule};
use super::{Example, Expect, Recipe, Source};
use crate::filter::licence::{LicencePolicy, LicenceStatus};
use crate::language_code::iso639_3;
use crate::sources::acquire::Acquire;
use crate::sources::files::Files;
use crate::step::Step;
use crate::tokenize::Tokenizer;
use crate::tokenize::special::SPECIAL_TOKENS;

impl Checked for Recipe {
    const EMPTY_HINT: &'static str = "a recipe has at least `name` and `sources`; see recipes/tiny.yaml";
    const OVERRIDE_EXAMPLE: &'static str = "tokenizer.train.vocab-size=4096";

    fn check(&self, source: &NamedSource) -> Result<(), RecipeError> {
        check(self, source)
    }

    fn name_mut(&mut self) -> &mut String {
        &mut self.name
    }

    fn check_text(source: &NamedSource) -> Result<(), RecipeError> {
        check_lists_of_steps(source)
    }

    fn explain(error: RecipeError) -> RecipeError {
        explain_unknown(error)
    }

    /// Sources keep their order, which decides which duplicate survives; new ones are last.
    fn restore_order(&mut self, written: &Self) {
        let place = |name: &String| written.sources.get_index_of(name).unwrap_or(written.sources.len());
        self.sources.sort_by(|a, _, b, _| place(a).cmp(&place(b)));
    }
}

/// The first steps of a source, for hints.
fn acquisitions() -> String {
    let [first @ .., last] = Acquire::NAMES;
    format!("the first step must be {} or `{last}`", first.map(|name| format!("`{name}`")).join(", "))
}

/// Explains unknown keys and names that are known elsewhere: a step at the wrong place in its list.
fn explain_unknown(error: RecipeError) -> RecipeError {
    let Some(unknown) = error.unknown.as_deref() else { return error };
    let name = unknown.name.as_str();
    if unknown.allowed == Acquire::NAMES && Step::NAMES.contains(&name) {
        let message = format!("the first step of a source cannot be `{name}`, which does not acquire input");
        return RecipeError { message, hints: vec![acquisitions()], ..error };
    }
    if unknown.allowed == Step::NAMES && Acquire::NAMES.contains(&name) {
        let message = format!("`{name}` can only be the first step of a source");
        let hint = "move it to `sources`, as the first step of its own source";
        return RecipeError { message, hints: vec![hint.to_owned()], ..error };
    }
    if ["corpus", "model", "optimizer", "schedule", "compute"].contains(&name) && unknown.allowed.contains(&"sources") {
        let hint = format!("if this is a training recipe: corpusmill-train pretrain {}", error.file);
        return error.with_hint(hint);
    }
    renamed::explain(error)
}

/// Finds sources without steps, and steps that are only a name: the parser would read what follows such a step as its
/// settings.
fn check_lists_of_steps(source: &NamedSource) -> Result<(), RecipeError> {
    // Syntax errors are reported later, when the text is parsed as a recipe.
    let Ok(recipe) = source.parse::<serde_json::Value>() else { return Ok(()) };
    let sources =
        recipe["sources"].as_object().into_iter().flatten().map(|(name, steps)| (vec!["sources", name], steps));
    for (key_path, steps) in sources.chain([(vec!["steps"], &recipe["steps"])]) {
        if let (["sources", name], Some([])) = (key_path.as_slice(), steps.as_array().map(Vec::as_slice)) {
            let error = source.error_at(&key_path, format!("the source `{name}` has no steps"));
            return Err(error.with_hint(acquisitions()));
        }
        for (index, step) in steps.as_array().into_iter().flatten().enumerate() {
            if let Some(name) = step.as_str() {
                let index = index.to_string();
                let key_path = [key_path.as_slice(), &[index.as_str()]].concat();
                let hint = format!("write `{name}: {{}}` to use its defaults");
                return Err(source.error_at(&key_path, format!("the step `{name}` has no settings")).with_hint(hint));
            }
        }
    }
    Ok(())
}

/// Checks a parsed recipe.
fn check(recipe: &Recipe, source: &NamedSource) -> Result<(), RecipeError> {
    check_name(&["name"], &recipe.name, "", source)?;
    if recipe.sources.is_empty() {
        let hint = "add at least one source, such as `docs: [ { files: { paths: [docs] } } ]`";
        return Err(source.error_at(&["sources"], "the recipe has no source").with_hint(hint));
    }
    range("partitions", recipe.partitions, 65_536, source)?;
    range("shards", recipe.shards, 99_999, source)?;
    for (name, steps) in &recipe.sources {
        check_name(&["sources", name], name, " of a source", source)?;
        check_source(recipe, name, steps, source)?;
    }
    for (index, step) in recipe.steps.iter().enumerate() {
        check_step(recipe, step, &["steps", &index.to_string(), step.name()], source)?;
    }
    check_exports(recipe, source)?;
    check_tokenizer(&recipe.tokenizer, source)?;
    check_mixture(recipe, source)?;
    recipe.examples.iter().enumerate().try_for_each(|(index, example)| check_example(recipe, index, example, source))
}

fn check_name(key_path: &[&str], name: &str, owner: &str, source: &NamedSource) -> Result<(), RecipeError> {
    let message = format!("`{name}` cannot be the name{owner}");
    // The name of a source is the key itself; that of the recipe is the value of the key.
    let error = || {
        if owner.is_empty() {
            source.error_near(key_path, message.as_str())
        } else {
            source.error_at(key_path, message.as_str())
        }
    };
    if !is_valid_name(name) {
        return Err(error().with_hint(NAME_RULES));
    }
    if !owner.is_empty() && ["all", "tokenize", "mix"].contains(&name) {
        return Err(error().with_hint("this name is reserved for the stages that all sources share"));
    }
    Ok(())
}

fn range(key: &str, value: u32, max: u32, source: &NamedSource) -> Result<(), RecipeError> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(source.error_at(&[key], format!("`{key}` is {value}; it must be 1 to {max}")))
}

/// An error about an unknown source name, at the position of the name.
fn unknown_source(key_path: &[&str], what: &str, name: &str, recipe: &Recipe, source: &NamedSource) -> RecipeError {
    let known: Vec<&str> = recipe.sources.keys().map(String::as_str).collect();
    let listed = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let near = did_you_mean(name, known).map(|near| format!("did you mean `{near}`?"));
    let hints = near.into_iter().chain([format!("the sources are {listed}")]).collect();
    RecipeError { hints, ..source.error_near(key_path, format!("{what} `{name}`")) }
}

/// At most one step can export signatures, since a corpus has one file of them, and it must read all sources.
fn check_exports(recipe: &Recipe, source: &NamedSource) -> Result<(), RecipeError> {
    let exports = |step: &Step| matches!(step, Step::Dedup(dedup) if dedup.signatures);
    for (name, own) in &recipe.sources {
        if let Some((index, _)) = (1..).zip(&own.steps).find(|(_, step)| exports(step)) {
            let path = ["sources", name, &index.to_string(), "dedup", "signatures"];
            let error = source.error_at(&path, "only a step that all sources share can export signatures");
            return Err(error.with_hint("set `signatures` in a step `dedup` of the recipe's `steps`"));
        }
    }
    let mut exporting = recipe.steps.iter().enumerate().filter(|(_, step)| exports(step));
    let Some((index, _)) = exporting.nth(1) else { return Ok(()) };
    let path = ["steps", &index.to_string(), "dedup", "signatures"];
    let error = source.error_at(&path, "another step `dedup` exports signatures, too; a corpus has one file of them");
    Err(error.with_hint("set `signatures` in the last step `dedup` only"))
}

fn check_source(recipe: &Recipe, name: &str, steps: &Source, source: &NamedSource) -> Result<(), RecipeError> {
    check_acquire(&steps.acquire, &["sources", name, "0", steps.acquire.name()], source)?;
    for (index, step) in (1..).zip(&steps.steps) {
        check_step(recipe, step, &["sources", name, &index.to_string(), step.name()], source)?;
    }
    Ok(())
}

fn check_acquire(acquire: &Acquire, key_path: &[&str], source: &NamedSource) -> Result<(), RecipeError> {
    match acquire {
        Acquire::Files(files) => check_files(files, key_path, source)?,
        Acquire::Remote(remote) => {
            check_defaults(remote.licence.as_deref(), remote.language.as_deref(), "remote", key_path, source)?;
        }
        Acquire::Crates(_) | Acquire::RustDocs(_) | Acquire::Crawl(_) => {}
    }
    acquire.check().map_err(|error| step_error(error, key_path, source))
}

fn check_step(recipe: &Recipe, step: &Step, key_path: &[&str], source: &NamedSource) -> Result<(), RecipeError> {
    match step {
        Step::Dedup(dedup) => {
            if let Some(name) = dedup.prefer.iter().flatten().find(|name| !recipe.sources.contains_key(*name)) {
                return Err(unknown_source(key_path, "dedup: no source", name, recipe, source));
            }
        }
        Step::Filter(filter) => {
            let codes = filter.language.iter().flat_map(|language| &language.allow);
            codes.into_iter().try_for_each(|code| check_language(code, key_path, source))?;
            if let Some(unknown) = filter.unknown_rule()
                && let Some(new) = renamed_rule(&unknown.rule)
            {
                let (language, rule, group) = (&unknown.language, &unknown.rule, unknown.group);
                let message = format!("filter: `languages.{language}.{rule}`: {group} has no such rule");
                return Err(source.error_near(key_path, message).with_hint(renamed::hint(new)));
            }
        }
        Step::Clean(_) | Step::DedupParagraphs(_) => {}
    }
    step.check().map_err(|error| step_error(error, key_path, source))
}

/// An error of a source's first step, at its place in the recipe, if the recipe or the input is at fault.
pub(crate) fn acquire_error(error: StageError, name: &str, acquire: &Acquire, source: &NamedSource) -> StageError {
    if !matches!(error, StageError::Settings(_) | StageError::Input(_)) {
        return error;
    }
    let placed = step_error(error, &["sources", name, "0", acquire.name()], source);
    StageError::input(UserError::new(placed.to_string()))
}

/// An error of a step that is added to a plan, at its place in the recipe, if the recipe or the input is at fault.
pub(crate) fn compile_error(error: StageError, place: &[String], name: &str, source: &NamedSource) -> StageError {
    let by_user = matches!(error, StageError::Settings(_) | StageError::Input(_))
        || matches!(error, StageError::MissingColumn { .. } | StageError::ColumnType { .. });
    if !by_user {
        return error;
    }
    let path: Vec<&str> = place.iter().map(String::as_str).chain([name]).collect();
    StageError::input(UserError::new(step_error(error, &path, source).to_string()))
}

/// An error of a step's own check, at its place in the recipe.
fn step_error(error: StageError, key_path: &[&str], source: &NamedSource) -> RecipeError {
    let UserError { message, hints } = match error {
        StageError::Settings(error) | StageError::Input(error) => error,
        other => UserError::new(other.to_string()),
    };
    RecipeError { hints, ..source.error_near(key_path, message) }
}

fn check_files(files: &Files, key_path: &[&str], source: &NamedSource) -> Result<(), RecipeError> {
    if files.paths.is_empty() {
        let error = source.error_near(key_path, "files: `paths` is empty");
        return Err(error.with_hint("name at least one file, folder or glob: `paths: [docs, \"notes/*.md\"]`"));
    }
    for path in &files.paths {
        // A file name may contain glob characters; whether the file exists is checked by the run.
        if let Err(error) = GlobBuilder::new(path).build()
            && !std::path::Path::new(path).exists()
        {
            let message = format!("files: `{path}` is neither a file nor a glob: {}", error.kind());
            return Err(source.error_near(key_path, message));
        }
    }
    check_defaults(files.licence.as_deref(), files.language.as_deref(), "files", key_path, source)
}

/// Checks the licence and the language that a source states for documents without one.
fn check_defaults(
    licence: Option<&str>,
    language: Option<&str>,
    step: &str,
    key_path: &[&str],
    source: &NamedSource,
) -> Result<(), RecipeError> {
    if let Some(licence) = licence
        && let LicenceStatus::Invalid { reason, .. } = LicencePolicy::default().evaluate(Some(licence))
    {
        let error = source.error_near(key_path, format!("{step}: `{licence}` is not an SPDX licence: {reason}"));
        return Err(error.with_hint(
            "write an SPDX expression, such as MIT, CC-BY-4.0 or `MIT OR Apache-2.0`; see https://spdx.org/licenses",
        ));
    }
    language.iter().try_for_each(|code| check_language(code, key_path, source))
}

fn check_language(code: &str, key_path: &[&str], source: &NamedSource) -> Result<(), RecipeError> {
    if code.len() == 3 && code.chars().all(|c| c.is_ascii_lowercase()) {
        return Ok(());
    }
    let error = source.error_near(key_path, format!("`{code}` is not an ISO 639-3 language code"));
    Err(match iso639_3(code) {
        Some(known) => error.with_hint(format!("did you mean `{known}`?")),
        None => error.with_hint("write three lower-case letters, such as `eng`, `deu` or `zho`"),
    })
}

fn check_tokenizer(tokenizer: &Tokenizer, source: &NamedSource) -> Result<(), RecipeError> {
    let Tokenizer::Train(train) = tokenizer else { return Ok(()) };
    let min_size = 256 + u32::try_from(SPECIAL_TOKENS.len()).unwrap_or(u32::MAX);
    if train.vocab_size < min_size {
        let message =
            format!("`vocab-size` is {}, but the 256 bytes and the special tokens need {min_size}", train.vocab_size);
        return Err(source
            .error_at(&["tokenizer", "train", "vocab-size"], message)
            .with_hint("usual values are 16384 to 65536"));
    }
    Ok(())
}

/// Checks the mixture. Its error messages begin with the path of the setting, such as `mixture.phases[0].tokens: `.
fn check_mixture(recipe: &Recipe, source: &NamedSource) -> Result<(), RecipeError> {
    recipe.mixture.validate(recipe.sources.keys().map(String::as_str)).map_err(|error| {
        let text = error.to_string();
        let path: Vec<&str> = text.split(": ").next().unwrap_or_default().split(['.', '[', ']']).collect();
        let path: Vec<&str> = path.into_iter().filter(|part| !part.is_empty()).collect();
        match text.split_once("; ") {
            Some((message, hint)) => source.error_near(&path, message).with_hint(hint),
            None => source.error_near(&path, text.as_str()),
        }
    })
}

fn check_example(recipe: &Recipe, index: usize, example: &Example, source: &NamedSource) -> Result<(), RecipeError> {
    let index = index.to_string();
    if let Some(name) = example.source.as_deref().filter(|name| !recipe.sources.contains_key(*name)) {
        return Err(unknown_source(
            &["examples", &index, "source"],
            "the example's source is unknown:",
            name,
            recipe,
            source,
        ));
    }
    match &example.expect {
        Expect::Rejected(rule) if !rule.contains('.') => {
            let error =
                source.error_near(&["examples", &index, "expect"], format!("`{rule}` is a rule without its stage"));
            Err(error.with_hint(format!("write STAGE.RULE, such as `filter.{rule}` or `clean.no-content`")))
        }
        Expect::Rejected(rule) => match rule.strip_prefix("filter.").and_then(renamed_rule) {
            Some(new) => {
                let error = source.error_near(&["examples", &index, "expect"], format!("there is no rule `{rule}`"));
                Err(error.with_hint(renamed::hint(&format!("filter.{new}"))))
            }
            None => Ok(()),
        },
        Expect::Kept => Ok(()),
    }
}
