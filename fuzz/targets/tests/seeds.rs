//! Every seed keeps the promises of its target. `make fuzz` tests mutations of them.

use corpusmill_fuzz_targets::{TARGETS, seeds};

/// Seeds are read by people.
const MAX_SEED_BYTES: usize = 4096;

#[test]
fn seeds_keep_every_promise() {
    for (name, target) in TARGETS {
        let seeds = seeds::read(name).unwrap_or_else(|error| panic!("{name} has no seeds: {error}"));
        assert!(seeds.len() >= 5, "{name} has {} seeds", seeds.len());
        for (path, bytes) in &seeds {
            assert!(bytes.len() <= MAX_SEED_BYTES, "{} has {} bytes", path.display(), bytes.len());
            target(bytes);
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
