//! No output of a command is ever its input, no named input is passed over, and no file beside an output is overwritten.

use corpusmill_tests::{Workdir, prose};

fn lines(count: u64) -> String {
    (0..count).fold(String::new(), |lines, n| {
        lines + &serde_json::json!({ "id": n.to_string(), "text": prose(n, 6) }).to_string() + "\n"
    })
}

fn count(workdir: &Workdir, name: &str) -> usize {
    workdir.read(name).lines().count()
}

#[test]
fn the_output_of_a_command_is_not_its_input() {
    let workdir = Workdir::empty();
    workdir.write("in/1.jsonl", lines(2));
    workdir.write("in/sub/out.jsonl", lines(1));
    let rejected = ["--rejected", "in/rejected.jsonl", "--store", "work"];
    for inputs in [&["--input", "in"][..], &["--input", "in/**/*.jsonl"], &["--input", "in/../in", "--input", "in/sub"]]
    {
        for run in 0..3 {
            let args = [&["read", "--output", "in/out.jsonl"], inputs, &rejected[..]].concat();
            let done = workdir.run(&args).ok();
            assert_eq!(count(&workdir, "in/out.jsonl"), 3, "run {run} of {inputs:?}");
            assert_eq!(workdir.read("in/rejected.jsonl"), "");
            assert_eq!(done.err.contains("in/out.jsonl: not read, since it is an output"), run > 0, "{}", done.err);
        }
        // The files of other commands are inputs.
        fs_err::remove_file(workdir.path().join("in/out.jsonl")).expect("the output can be removed");
        fs_err::remove_file(workdir.path().join("in/rejected.jsonl")).expect("the output can be removed");
    }
}

#[cfg(unix)]
#[test]
fn an_output_behind_a_link_is_not_an_input() {
    let workdir = Workdir::empty();
    workdir.write("in/1.jsonl", lines(2));
    std::os::unix::fs::symlink("in", workdir.path().join("link")).expect("a link can be made");
    for _ in 0..2 {
        workdir
            .run(&[
                "dedup",
                "--input",
                "in",
                "--output",
                "link/out.jsonl",
                "--clusters",
                "link/c.jsonl",
                "--store",
                "work",
            ])
            .ok();
        assert_eq!(count(&workdir, "in/out.jsonl"), 2);
    }
    workdir
        .run(&["read", "--input", "link/out.jsonl", "--output", "in/out.jsonl", "--store", "work"])
        .fails_with(&["also an input"]);
}

#[test]
fn the_corpus_and_the_lock_of_a_recipe_are_not_its_input() {
    let workdir = Workdir::empty();
    for number in 0..20 {
        workdir.write(&format!("text/{number}.txt"), prose(number, 40));
    }
    workdir.write(
        "recipe.yaml",
        "name: here\nsources:\n  text:\n    - files: { paths: [\".\"], hidden: true }\ntokenizer: { train: { vocab-size: 300 } }\n\
         mixture: { phases: [ { weights: { text: 1 } } ] }\n",
    );
    let args = ["run", "recipe.yaml", "--store", "work"];
    workdir.run(&args).ok();
    let first = workdir.read("corpus/here/manifest.json");
    assert!(workdir.run(&args).ok().err.contains(": 0 tasks computed"), "nothing has changed");
    assert_eq!(workdir.read("corpus/here/manifest.json"), first);
    let plan = workdir.run(&["plan", "recipe.yaml", "--explain", "--store", "work"]).ok();
    assert!(!plan.out.contains("compute"), "{}", plan.out);
}

#[test]
fn standard_input_is_the_only_input_or_none() {
    let workdir = Workdir::empty();
    workdir.write("b.jsonl", lines(1));
    for command in [&["filter", "length"][..], &["clean"], &["read"], &["dedup"], &["dedup-paragraphs"], &["tokenize"]]
    {
        let args = [command, &["--input", "-", "--input", "b.jsonl", "--store", "work"]].concat();
        workdir.run_with_input(&args, lines(1)).fails_with(&["cannot be combined with other inputs"]);
    }
    for command in [&["filter", "length"][..], &["clean"]] {
        let args = [command, &["--input", "-", "--read", "columns.text=body"]].concat();
        workdir.run_with_input(&args, lines(1)).fails_with(&["--read has no effect on standard input"]);
    }
}

#[test]
fn files_beside_an_output_are_kept_and_simultaneous_commands_do_not_mix() {
    let workdir = Workdir::empty();
    workdir.write("a.jsonl", lines(50));
    workdir.write("k.jsonl.part", "precious");
    workdir.run(&["read", "--input", "a.jsonl", "--output", "k.jsonl", "--store", "work"]).ok();
    assert_eq!(workdir.read("k.jsonl.part"), "precious");
    let expected = workdir.read("k.jsonl");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| workdir.run(&["read", "--input", "a.jsonl", "--output", "p.jsonl", "--store", "work"]).ok());
        }
    });
    assert_eq!(workdir.read("p.jsonl"), expected);
    let mut names: Vec<String> = fs_err::read_dir(workdir.path())
        .expect("the folder can be listed")
        .map(|entry| entry.expect("the folder can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["a.jsonl", "k.jsonl", "k.jsonl.part", "p.jsonl", "work"]);
}

#[test]
fn a_corpus_of_another_recipe_is_replaced_with_a_warning() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    assert!(!run_dir.run(&[]).ok().err.contains("replaces"));
    assert!(!run_dir.run(&[]).ok().err.contains("replaces"));
    workdir.write(
        "copy.yaml",
        workdir.read("recipe.yaml").replace("weights: { notes: 0.5, code: 0.3, pages: 0.2 }", "weights: { notes: 1 }"),
    );
    let args = ["run", "copy.yaml", "--lock", "a/lock", "--output", "a/corpus"];
    let messages = run_dir.subcommand(&args).ok().err;
    assert!(messages.contains("mini was built from recipe.yaml; this run replaces it"), "{messages}");
    for source in ["code", "pages"] {
        let warning = format!("no phase of the mixture has a weight for `{source}`");
        assert!(messages.contains(&warning), "{messages}");
    }
    assert!(messages.contains("      0.0%    0.0%   0.00"), "{messages}");
    let named = run_dir.subcommand(&[&args[..], &["--name", "other"]].concat()).ok().err;
    assert!(!named.contains("replaces"), "{named}");
}

#[test]
fn a_missing_input_is_shown_at_its_place_in_the_recipe() {
    let workdir = Workdir::mini();
    let recipe = workdir.read("recipe.yaml").replace("input/pages", "input/sites");
    workdir.write("recipe.yaml", recipe);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).fails_with(&[
        "no such file or directory: `./input/sites`",
        " --> recipe.yaml:",
        "^^^^",
        "input/sites",
    ]);
    let checked = workdir.run(&["check", "recipe.yaml"]).ok();
    assert!(checked.err.contains("`input/sites` does not exist") && checked.err.contains("^^^^"), "{}", checked.err);
    assert!(checked.out.ends_with("valid, 0 examples passed\n"), "{}", checked.out);
}

#[test]
fn outputs_are_checked_before_the_work() {
    let workdir = Workdir::mini();
    workdir.write("in.jsonl", lines(2));
    for output in [["--output", "out.xyz"], ["--rejected", "rejected.csv"]] {
        let args = [&["read", "--input", "in.jsonl", "--store", "work"], &output[..]].concat();
        workdir.run(&args).fails_with(&["unknown output format", "hint: use .parquet"]);
        assert!(!workdir.path().join("work").exists(), "{output:?}");
    }
    let run_dir = workdir.run_dir("a");
    workdir.write("a/corpus/mini/NOTES.md", "mine");
    let refused = run_dir.run(&[]).code(1);
    assert!(!refused.err.contains(" rows, "), "a stage ran before the error\n{}", refused.err);
    refused.fails_with(&["NOTES.md", "hint: "]);
}

#[test]
fn corpora_and_recipes_are_known_by_their_kind() {
    let workdir = Workdir::mini();
    workdir.run(&["run", "recipe.yaml"]).ok();
    let verified = workdir.run(&["verify", "mini"]).ok().out;
    assert!(verified.contains("corpus/mini: intact"), "{verified}");
    workdir.run(&["verify", "minni"]).fails_with(&["there is no corpus `minni`", "hint: "]);
    let training = corpusmill_tests::repository().join("recipes/train/tiny.yaml");
    let training = training.to_string_lossy();
    workdir
        .run(&["check", &training])
        .fails_with(&["unknown key", "hint: if this is a training recipe: corpusmill-train pretrain"]);
}
