//! The readers of checkpoints keep their promises on every seed of `fuzz/seeds`, and on a few mutations of each.

#![expect(clippy::unwrap_used, reason = "a test fails on any unexpected error")]

use std::path::Path;

#[path = "../../fuzz/targets/src/checkpoints.rs"]
#[expect(unreachable_pub, reason = "the module is also one of a library")]
mod checkpoints;

/// Calls a target with each seed, with each seed cut short, and with each seed that has one bit flipped.
fn check(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
    let mut paths: Vec<_> = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{name} has {} seeds", paths.len());
    for path in paths {
        let seed = fs_err::read(&path).unwrap();
        assert!(seed.len() <= 4096, "{} has {} bytes", path.display(), seed.len());
        target(&seed);
        for at in (0..seed.len()).step_by(97) {
            target(&seed[..at]);
            let mut flipped = seed.clone();
            flipped[at] ^= 1 << (at % 8);
            target(&flipped);
        }
    }
}

#[test]
fn gguf_seeds_keep_every_promise() {
    check("gguf", checkpoints::gguf);
}

#[test]
fn safetensors_seeds_keep_every_promise() {
    check("safetensors_header", checkpoints::safetensors_header);
}
