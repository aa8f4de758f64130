//! Decisions on robots.txt in a stream, compared with those of Google's parser.

use corpusmill_tests::{Workdir, repository};
use serde_json::{Value, json};

#[test]
fn decisions_match_googles_parser() {
    let path = repository().join("tests/data/robots/google_cases.json");
    let cases: Value =
        serde_json::from_slice(&fs_err::read(path).expect("the cases can be read")).expect("they are JSON");
    let cases = cases.as_array().or_else(|| cases["cases"].as_array()).expect("they are a list");
    assert_eq!(cases.len(), 145);
    let line = |(id, case): (usize, &Value)| {
        let line = json!({"id": id.to_string(), "robots": case["robots"], "agent": case["agent"], "url": case["url"]});
        format!("{line}\n")
    };
    let lines: String = cases.iter().enumerate().map(line).collect();
    let decisions =
        Workdir::empty().run_with_input(&["robots", "--input", "-", "--output", "-"], lines).ok().json_lines();
    assert_eq!(decisions.len(), cases.len());
    for (id, (decision, case)) in decisions.iter().zip(cases).enumerate() {
        assert_eq!((&decision["id"], &decision["allowed"]), (&json!(id.to_string()), &case["allowed"]), "{case}");
    }
}
