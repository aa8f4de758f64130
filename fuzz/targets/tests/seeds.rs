//! Every seed keeps the promises of its target, and so do a few mutations of each.

use corpusmill_fuzz_targets::mutate::Mutator;
use corpusmill_fuzz_targets::{TARGETS, seeds};

/// Mutated inputs per target: enough to see that the mutator and the target fit, few enough for every test run.
const MUTATIONS: u64 = 100;
/// Seeds are read by people.
const MAX_SEED_BYTES: usize = 4096;

#[test]
fn seeds_and_their_mutations_keep_every_promise() {
    for (name, target) in TARGETS {
        let seeds = seeds::read(name).unwrap_or_else(|error| panic!("{name} has no seeds: {error}"));
        assert!(seeds.len() >= 5, "{name} has {} seeds", seeds.len());
        for (path, bytes) in &seeds {
            assert!(bytes.len() <= MAX_SEED_BYTES, "{} has {} bytes", path.display(), bytes.len());
            target(bytes);
        }
        let mutator = Mutator::new(seeds.into_iter().map(|(_, bytes)| bytes).collect(), 0);
        for number in 0..MUTATIONS {
            target(&mutator.input(number));
        }
    }
}

#[test]
fn every_target_has_a_libfuzzer_file() {
    let fuzz = seeds::fuzz_folder();
    let manifest = fs_err::read_to_string(fuzz.join("Cargo.toml")).expect("fuzz/Cargo.toml can be read");
    for (name, _) in TARGETS {
        let file = fs_err::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).expect("a target has a file");
        assert!(file.contains(&format!("{name}(data)")), "fuzz_targets/{name}.rs calls another target");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml does not list {name}");
    }
}
