//! Resumes runs: extended ones, and from checkpoints that are damaged or of another version.

use super::*;

#[test]
fn a_run_can_be_extended() {
    let corpus = fixture::corpus(60, 2.0);
    let (left, right) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // A constant rate does not depend on the length of the run.
    let constant = "schedule.shape=constant";
    let whole = recipe(left.path(), &[constant]);
    train(&whole, corpus.path(), u64::MAX).unwrap();
    train(&recipe(right.path(), &[constant, "data.steps=7"]), corpus.path(), u64::MAX).unwrap();
    let extended = recipe(right.path(), &[constant]);
    let (_, messages) = train(&extended, corpus.path(), u64::MAX).unwrap();
    assert!(messages[0].contains("at step 7 of 14"), "{messages:?}");
    assert_eq!(weights(&extended.output().join("model")), weights(&whole.output().join("model")));
    let message = train(&recipe(right.path(), &[constant, "data.steps=9"]), corpus.path(), 1).unwrap_err().to_string();
    assert!(message.contains("its checkpoint has 14 steps, the recipe 9\n"), "{message}");
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_is_used() {
    let corpus = fixture::corpus(60, 2.0);
    let left = tempfile::tempdir().unwrap();
    let whole = recipe(left.path(), &[]);
    train(&whole, corpus.path(), u64::MAX).unwrap();
    let cut = |path: &Path| {
        let bytes = fs_err::read(path).unwrap();
        fs_err::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let damages: [&dyn Fn(&Path); 6] = [
        &|checkpoint| cut(&checkpoint.join("model.safetensors")),
        &|checkpoint| cut(&checkpoint.join("trainer/optimizer.safetensors")),
        &|checkpoint| cut(&checkpoint.join("trainer/state.json")),
        &|checkpoint| fs_err::remove_file(checkpoint.join("config.json")).unwrap(),
        // An empty folder, and a copy of an older checkpoint.
        &|checkpoint| {
            fs_err::remove_dir_all(checkpoint).unwrap();
            fs_err::create_dir(checkpoint).unwrap();
        },
        &|checkpoint| {
            for file in ["manifest.json", "trainer/state.json"] {
                fs_err::copy(checkpoint.with_file_name("step-00000010").join(file), checkpoint.join(file)).unwrap();
            }
        },
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let run = recipe(folder.path(), &[]);
        train(&run, corpus.path(), 12).unwrap();
        let checkpoints = run.output().join("checkpoints");
        damage(&checkpoints.join("step-00000012"));
        let (_, messages) = train(&run, corpus.path(), u64::MAX).unwrap();
        let (named, used) = (checkpoints.join("step-00000012 is damaged"), checkpoints.join("step-00000010"));
        let warning = &messages[0];
        assert!(warning.starts_with(&*named.to_string_lossy()), "{number}: {warning}");
        assert!(warning.ends_with(&format!("resuming from {}", used.display())), "{number}: {warning}");
        assert!(messages[1].contains("at step 10 of 14"), "{number}: {messages:?}");
        assert_eq!(weights(&run.output().join("model")), weights(&whole.output().join("model")), "{number}");
        assert!(checkpoints.join("damaged-step-00000012").is_dir(), "{number}");
    }
}

#[test]
fn damaged_checkpoints_alone_are_an_error() {
    let corpus = fixture::corpus(60, 2.0);
    let folder = tempfile::tempdir().unwrap();
    let run = recipe(folder.path(), &["data.steps=5"]);
    train(&run, corpus.path(), u64::MAX).unwrap();
    let checkpoint = run.output().join("checkpoints/step-00000005");
    fs_err::write(checkpoint.join("model.safetensors"), "").unwrap();
    let error = train(&run, corpus.path(), u64::MAX).unwrap_err();
    assert!(matches!(error, PretrainError::NoWholeCheckpoint { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("model.safetensors") && message.contains("another --output"), "{message}");
    // Nothing was renamed.
    assert!(checkpoint.is_dir());
}

#[test]
fn checkpoints_of_another_version_are_rejected_with_a_hint() {
    let corpus = fixture::corpus(60, 2.0);
    let folder = tempfile::tempdir().unwrap();
    let run = recipe(folder.path(), &["data.steps=5"]);
    train(&run, corpus.path(), u64::MAX).unwrap();
    let checkpoint = Checkpoints::open(&run.output().join("checkpoints"), 2).unwrap().newest().unwrap().unwrap();
    // The keys of version 1.
    for (file, key, old) in
        [("trainer/state.json", "order_digest", "order"), ("manifest.json", "initial_weights", "began_from")]
    {
        let path = checkpoint.join(file);
        let current = fs_err::read_to_string(&path).unwrap();
        assert!(current.contains("\"format_version\": 2") && current.contains(key), "{current}");
        fs_err::write(&path, current.replace("_version\": 2", "_version\": 1").replace(key, old)).unwrap();
        let error = train(&run, corpus.path(), u64::MAX).unwrap_err();
        assert!(matches!(error, PretrainError::OtherVersion { found: 1, expected: 2, .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(file) && message.contains("hint: resume with the version"), "{message}");
        fs_err::write(&path, current).unwrap();
    }
}

#[test]
fn a_stop_in_the_last_validation_keeps_the_steps() {
    let corpus = fixture::corpus(60, 2.0);
    let (left, right) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = recipe(left.path(), &[]);
    train(&whole, corpus.path(), u64::MAX).unwrap();
    let stopped = recipe(right.path(), &[]);
    // The signal comes in the last step.
    let (outcome, _) = train(&stopped, corpus.path(), 14).unwrap();
    let checkpoint = stopped.output().join("checkpoints/step-00000014");
    assert_eq!(outcome, Outcome::Interrupted { checkpoint });
    assert!(!stopped.output().join("model").exists());
    let (outcome, _) = train(&stopped, corpus.path(), u64::MAX).unwrap();
    assert_eq!(outcome, Outcome::Done { model: stopped.output().join("model") });
    assert_eq!(losses(&stopped), losses(&whole));
}

#[test]
fn a_warm_up_longer_than_the_run_is_named() {
    let corpus = fixture::corpus(60, 2.0);
    let folder = tempfile::tempdir().unwrap();
    let run = recipe(folder.path(), &["data.steps=2", "schedule.warmup-steps=1000"]);
    let (_, messages) = train(&run, corpus.path(), u64::MAX).unwrap();
    assert!(messages[0].contains("the warm-up of 1,000 steps is longer than the run of 2"), "{messages:?}");
    let records = metrics::read(&run.output().join("metrics.jsonl")).unwrap();
    let rate = records.iter().find_map(|record| record.learning_rate).unwrap();
    // The recipe's peak is 0.01, of which the second of 1,000 steps has 0.2 %.
    assert!((rate - 2e-5).abs() < 1e-12, "{rate}");
}
