use std::path::Path;

use corpusmill_shards::TokenBudget;

use super::*;

const TINY: &str = "name: t\nmodel: { new: { layers: 1, hidden-size: 8, heads: 2 } }\n";

fn load_text(text: &str, changes: &[&str]) -> Result<Recipe, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.yaml");
    fs_err::write(&path, text).unwrap();
    let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
    Recipe::load(&path, &changes).map_err(|error| error.to_string())
}

#[test]
fn defaults_fill_a_short_recipe() {
    let recipe = load_text(TINY, &[]).unwrap();
    assert_eq!(recipe.output(), Path::new("runs/t"));
    assert_eq!(recipe.step_tokens(), 4096);
    assert_eq!(recipe.optimizer, Optimizer::default());
}

#[test]
fn changes_reach_any_depth() {
    let changes = ["optimizer.muon={}", "schedule.shape.wsd={decay-share: 0.2, final-share: 0}", "data.tokens=2M"];
    // The shape is an enum: an override replaces the whole value.
    let error = load_text(TINY, &changes).unwrap_err();
    assert!(error.contains("only one of them") || error.contains("--set"), "{error}");
    let changes = ["optimizer.muon={}", "schedule.shape={wsd: {decay-share: 0.2, final-share: 0}}", "data.tokens=2M"];
    let recipe = load_text(TINY, &changes).unwrap();
    assert_eq!(recipe.optimizer.muon, Some(Muon::default()));
    assert_eq!(recipe.schedule.shape, LearningRateShape::Wsd { decay_share: 0.2, final_share: 0.0 });
    assert_eq!(recipe.data.tokens, Some(TokenBudget(2_000_000)));
}

#[test]
fn faults_are_shown_in_place() {
    let faults = [
        ("optimizers: {}\n", "did you mean `optimizer`"),
        ("optimizer: { learning-rate: -1 }\n", "learning-rate is -1; give a number above 0"),
        ("data: { micro-sequences: 3 }\n", "micro-sequences 3 does not divide batch-sequences 16"),
        ("data: { steps: 1, tokens: 5 }\n", "keep one"),
        ("data: { objective: { masked: { share: 1.5 } } }\n", "share 1.5 is not above 0"),
        ("data: { begin-documents: true, objective: { masked: {} } }\n", "needs the causal objective"),
        ("schedule: { shape: { cosine: { final-share: 2 } } }\n", "final-share is 2"),
        ("compute: { recompute: some }\n", "`some`"),
        ("checkpoint: { keep: 0 }\n", "keep is 0; give at least 1"),
    ];
    for (text, expected) in faults {
        let error = load_text(&format!("{TINY}{text}"), &[]).unwrap_err();
        assert!(error.contains(expected) && error.contains("t.yaml:3:"), "{text}: {error}");
    }
    let error = load_text(&TINY.replace("hidden-size: 8", "hidden-size: 10"), &[]).unwrap_err();
    assert!(error.contains("not a multiple of twice the 2 heads") && error.contains("t.yaml:2:"), "{error}");
    let error = load_text("# nothing\n", &[]).unwrap_err();
    assert!(error.contains("at least `name` and `model`"), "{error}");
}

#[test]
fn the_final_validation_is_a_sample_unless_all_are_chosen() {
    let sequences = |changes: &[&str]| load_text(TINY, changes).unwrap().validation.final_sequences;
    assert_eq!(sequences(&[]), Some(1024));
    assert_eq!(sequences(&["validation.sequences=8"]), Some(1024));
    assert_eq!(sequences(&["validation.final-sequences=5"]), Some(5));
    assert_eq!(sequences(&["validation.final-sequences=null"]), None);
    // Written out and read again, the choice stays.
    let all = load_text(TINY, &["validation.final-sequences=null"]).unwrap();
    let written = serde_json::to_value(&all.validation).unwrap();
    assert_eq!(serde_json::from_value::<Validation>(written).unwrap(), all.validation);
}
