//! The program from a user's view: exit codes, streams, and one model through all commands.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails on any unexpected error")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

#[path = "../src/data/fixture.rs"]
mod fixture;

const RECIPE: &str = "
name: t
model: { new: { layers: 1, hidden-size: 16, heads: 2 } }
data: { sequence-length: 24, batch-sequences: 4, micro-sequences: 2, steps: 40 }
optimizer: { learning-rate: 0.01 }
validation: { sequences: 4 }
";

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_corpusmill-train"));
    program.env_remove("CORPUSMILL_DEVICE").env("RAYON_NUM_THREADS", "1");
    program
}

fn run(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let Output { status, stdout, stderr } = program().args(arguments).current_dir(folder).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A folder with a corpus and a recipe.
fn corpus_and_recipe() -> tempfile::TempDir {
    let folder = fixture::corpus(120, 40.0);
    fs_err::write(folder.path().join("t.yaml"), RECIPE).unwrap();
    folder
}

#[test]
fn help_goes_to_stdout_and_wrong_usage_to_stderr() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = run(&["--help"], folder.path());
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("\n  130  stopped by Ctrl-C or SIGTERM"), "{out}");
    for command in ["pretrain", "generate", "perplexity", "import", "export", "plan", "check", "schema", "devices"] {
        assert!(out.contains(&format!("\n  {command} ")), "{command} in {out}");
        let (code, out, _) = run(&[command, "--help"], folder.path());
        assert!(code == 0 && out.contains("Usage: corpusmill-train "), "{command}: {out}");
        let (own, global) = out.split_once("\nGlobal options:\n").unwrap();
        assert!(!own.contains("--quiet") && global.contains("Print only warnings and errors"), "{command}: {out}");
    }
    for wrong in [&["pretrain"][..], &["train"], &["pretrain", "t.yaml", "--steps", "3"], &["plan", "--device", "gpu"]]
    {
        let (code, out, err) = run(wrong, folder.path());
        assert_eq!((code, out.as_str()), (2, ""), "{wrong:?}");
        assert!(err.starts_with("error: "), "{wrong:?}: {err}");
    }
}

#[test]
fn input_errors_exit_with_1_and_a_hint() {
    let folder = corpus_and_recipe();
    let fault = |arguments: &[&str]| {
        let (code, out, err) = run(arguments, folder.path());
        assert_eq!((code, out.as_str()), (1, ""), "{arguments:?}: {err}");
        assert!(err.starts_with("error: "), "{err}");
        err
    };
    fs_err::write(folder.path().join("broken.yaml"), RECIPE.replace("heads: 2", "heads: two")).unwrap();
    let error = fault(&["pretrain", "broken.yaml", "--corpus", "."]);
    assert!(error.contains("broken.yaml:3:") && error.contains('^'), "{error}");
    assert!(fault(&["pretrain", "t.yaml"]).contains("hint: set its folder with --corpus"));
    assert!(fault(&["pretrain", "t.yaml", "--corpus", "nowhere"]).contains("there is no corpus in `nowhere`"));
    assert!(fault(&["pretrain", "t.yaml", "--corpus", ".", "--device", "cpu:7"]).contains("devices` lists all"));
    assert!(fault(&["pretrain", "t.yaml", "--corpus", ".", "--set", "data.batch=1"]).contains("batch-sequences"));
    // A corpus is no model, and a model no corpus.
    let error = fault(&["generate", "--model", ".", "--prompt", "a"]);
    assert!(error.contains("`.` is a corpus, not a model\nhint: "), "{error}");
    let error = fault(&["perplexity", "--model", "nowhere", "--corpus", "."]);
    assert!(error.contains("`nowhere` does not exist\nhint: a model is a Hugging Face folder"), "{error}");
}

#[test]
fn a_pretrained_model_works_with_all_commands() {
    let folder = corpus_and_recipe();
    let good = |arguments: &[&str]| {
        let (code, out, err) = run(arguments, folder.path());
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    };
    assert!(good(&["devices"]).starts_with("cpu"));
    // Two ranks in one process; data goes to files, so stdout stays empty.
    let out = good(&["pretrain", "t.yaml", "--corpus", ".", "--output", "out", "--device", "cpu,cpu"]);
    assert_eq!(out, "");
    let (code, _, err) = run(&["generate", "--model", "out", "--prompt", "a"], folder.path());
    assert!(code == 1 && err.ends_with("hint: give a model, such as `out/model`\n"), "{err}");
    let measured = good(&["perplexity", "--model", "out/model", "--corpus", ".", "--baseline"]);
    assert!(measured.contains("5-gram") && measured.contains("bits"), "{measured}");
    let write = ["--prompt", "t5", "--temperature", "0", "--max-tokens", "12"];
    let text = good(&[&["generate", "--model", "out/model"][..], &write].concat());
    assert!(text.len() > 4, "{text}");
    let both = good(&[&["generate", "--model", "out/model", "--prompt", "t7"][..], &write].concat());
    assert!(both.lines().count() == 2 && both.contains("\"finish_reason\":\""), "{both}");
    good(&["export", "out/model", "exported", "--max-shard-size", "2KB"]);
    assert!(folder.path().join("exported/model.safetensors.index.json").is_file());
    good(&["import", "exported", "imported"]);
    assert_eq!(good(&[&["generate", "--model", "imported"][..], &write].concat()), text);
}

#[test]
fn weights_that_are_not_finite_end_every_command_with_an_error() {
    let folder = corpus_and_recipe();
    let (code, _, err) = run(&["pretrain", "t.yaml", "--corpus", ".", "--output", "out"], folder.path());
    assert_eq!(code, 0, "{err}");
    let path = folder.path().join("out/model/model.safetensors");
    let mut bytes = fs_err::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs_err::write(&path, bytes).unwrap();
    fs_err::write(folder.path().join("text.txt"), "t1 t2 t3").unwrap();
    for arguments in [
        &["import", "out/model", "imported"][..],
        &["export", "out/model", "exported", "--parity"],
        &["generate", "--model", "out/model", "--prompt", "t5"],
        &["generate", "--model", "out/model", "--prompt", "t5", "--temperature", "1"],
        &["perplexity", "--model", "out/model", "--text", "text.txt"],
    ] {
        let (code, out, err) = run(arguments, folder.path());
        assert_eq!((code, out.as_str()), (1, ""), "{arguments:?}: {err}");
        assert!(err.contains("tensor `") && err.contains("has the value NaN"), "{arguments:?}: {err}");
    }
    assert!(!folder.path().join("imported").exists() && !folder.path().join("exported").exists());
}

#[test]
fn a_prompt_that_fails_has_a_line_with_its_place() {
    let folder = corpus_and_recipe();
    let (code, _, err) = run(&["pretrain", "t.yaml", "--corpus", ".", "--output", "out"], folder.path());
    assert_eq!(code, 0, "{err}");
    // The context of the model has 24 tokens.
    let long = vec!["t5"; 30].join(" ");
    fs_err::write(folder.path().join("p.txt"), format!("t7\n\n{long}\nt9\nt8\n")).unwrap();
    let arguments = ["generate", "--model", "out/model", "--prompts", "p.txt", "--max-tokens", "6", "--ignore-eos"];
    let random = ["--temperature", "1", "--seed", "4"];
    let mut outputs = Vec::new();
    for batch in ["1", "3", "8"] {
        let (code, out, err) = run(&[&arguments[..], &random, &["--batch", batch]].concat(), folder.path());
        assert_eq!(code, 1, "{err}");
        assert!(err.contains("1 of 4 prompts failed") && err.contains("p.txt, line 3"), "{err}");
        let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4, "{out}");
        assert!(lines[1]["error"].as_str().unwrap().contains("p.txt, line 3: the prompt has 30 tokens"), "{out}");
        assert!([0, 2, 3].iter().all(|&line| lines[line]["tokens"] == 6), "{out}");
        outputs.push(out);
    }
    // The draws of a prompt do not depend on its batch.
    assert!(outputs.iter().all(|out| *out == outputs[0]), "{outputs:?}");
}

#[test]
fn a_file_size_limit_is_an_error_and_the_run_resumes() {
    let folder = corpus_and_recipe();
    let arguments = ["pretrain", "t.yaml", "--corpus", ".", "--output", "out"];
    // 16 blocks of 512 or 1,024 bytes: less than the model.
    let limited = Command::new("sh")
        .args(["-c", "ulimit -f 16 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_corpusmill-train")])
        .args(arguments)
        .env_remove("CORPUSMILL_DEVICE")
        .env("RAYON_NUM_THREADS", "1")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let err = String::from_utf8(limited.stderr).unwrap();
    assert_eq!(limited.status.code(), Some(1), "{err}");
    assert!(err.contains("File too large") && err.contains("out/checkpoints/"), "{err}");
    assert!(err.contains("\nhint: no room to write"), "{err}");
    let (code, _, err) = run(&arguments, folder.path());
    assert_eq!(code, 0, "{err}");
    let left = fs_err::read_dir(folder.path().join("out/checkpoints")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["step-00000040"]);
}

#[test]
fn a_closed_pipe_is_success() {
    let folder = corpus_and_recipe();
    let (code, _, err) = run(&["pretrain", "t.yaml", "--corpus", ".", "--output", "out"], folder.path());
    assert_eq!(code, 0, "{err}");
    let mut child = program()
        .args(["generate", "--model", "out/model", "--prompt", "t5", "--max-tokens", "200"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn quiet_hides_messages_and_keeps_errors() {
    let folder = corpus_and_recipe();
    let arguments = ["pretrain", "t.yaml", "--corpus", ".", "--output", "out"];
    assert_eq!(run(&[&["--quiet"][..], &arguments].concat(), folder.path()), (0, String::new(), String::new()));
    let (code, _, err) = run(&[&arguments[..], &["-q", "--set", "seed=1"]].concat(), folder.path());
    assert!(code == 1 && err.starts_with("error: ") && err.contains("\nhint: "), "{err}");
    let (code, _, err) = run(&arguments, folder.path());
    assert!(code == 0 && err.contains("\nmodel in out/model\n"), "{err}");
}

#[test]
fn plan_reads_the_corpus_and_says_when_there_is_none() {
    let folder = corpus_and_recipe();
    let plan = |arguments: &[&str]| run(&[&["plan", "--recipe", "t.yaml"][..], arguments].concat(), folder.path());
    let (code, out, err) = plan(&["--corpus", "."]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("\nvocabulary size     64 (.)\n"), "{out}");
    let (code, out, err) = plan(&[]);
    assert!(code == 0 && out.contains("\nvocabulary size     32,000 (assumed"), "{out}");
    assert!(err.contains("the recipe names no corpus; assuming a vocabulary of 32,000\nhint: "), "{err}");
    // The run is longer than the corpus.
    let (code, _, err) = plan(&["--corpus", ".", "--set", "data.steps=100000000"]);
    assert!(
        code == 0 && err.contains("warning: pretrain would fail: ") && err.contains("hint: set data.steps"),
        "{err}"
    );
}

#[test]
fn a_signal_ends_a_command_that_saves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = program()
        .args(["generate", "--model", "nowhere", "--prompts", "-"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // More than a pipe holds: when all is written, the process reads its input, which does not end.
    child.stdin.as_mut().unwrap().write_all(&vec![b'\n'; 1 << 20]).unwrap();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn ctrl_c_saves_exits_with_130_and_resumes() {
    let folder = corpus_and_recipe();
    let arguments = ["pretrain", "t.yaml", "--corpus", ".", "--output", "out", "--set", "data.steps=400"];
    let mut child = program()
        .args(arguments)
        .args(["--set", "metrics.every-steps=1"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = folder.path().join("out/metrics.jsonl");
    while fs_err::read_to_string(&metrics).map_or(0, |text| text.lines().count()) < 3 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let stopped = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("run the same command again to resume from"), "{stderr}");
    let (code, _, stderr) = run(&[&arguments[..], &["--set", "metrics.every-steps=1"]].concat(), folder.path());
    assert!(code == 0 && stderr.contains("resuming from"), "{stderr}");
}
