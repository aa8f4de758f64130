//! Checkpoints round-trip, and errors name the damaged part.

use std::path::Path;

use burn::tensor::Device;

use super::*;
use crate::model::tests::{FIXTURES, fixture};
use crate::model::{Decoder, ModelConfig};

fn copy(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs_err::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        fs_err::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

fn weights(config: &ModelConfig, decoder: &Decoder) -> Vec<(String, Vec<u32>)> {
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
    decoder.weights(config).iter().map(|it| (it.name().to_owned(), bits(it.values().unwrap()))).collect()
}

#[test]
fn checkpoints_round_trip_bit_for_bit() {
    for name in FIXTURES {
        let (config, decoder) = load(&fixture(name), &Device::flex()).unwrap();
        let parent = tempfile::tempdir().unwrap();
        for max_shard_bytes in [u64::MAX, 3000] {
            let target = parent.path().join(format!("out-{max_shard_bytes}"));
            let folder = StagedFolder::begin(&target).unwrap();
            let export = ExportOptions { dtype: WeightType::F32, max_shard_bytes };
            export.write(&folder, &config, &decoder, Some(&fixture("tokenizer"))).unwrap();
            folder.publish().unwrap();
            let sharded = target.join("model.safetensors.index.json").exists();
            assert_eq!(sharded, max_shard_bytes == 3000, "{name}");
            assert!(target.join("chat_template.jinja").exists() && target.join("generation_config.json").exists());
            let (again, read) = load(&target, &Device::flex()).unwrap();
            assert_eq!(again, config, "{name}");
            assert!(weights(&again, &read) == weights(&config, &decoder), "{name}");
        }
        assert_eq!(fs_err::read_dir(parent.path()).unwrap().count(), 2, "no temporary folder is left");
    }
}

#[test]
fn sixteen_bit_weights_round_once() {
    let (config, decoder) = load(&fixture("llama"), &Device::flex()).unwrap();
    let parent = tempfile::tempdir().unwrap();
    for dtype in [WeightType::Bf16, WeightType::F16] {
        let export = ExportOptions { dtype, ..ExportOptions::default() };
        let mut last = None;
        for round in 0..2 {
            let target = parent.path().join(format!("{dtype:?}-{round}"));
            let folder = StagedFolder::begin(&target).unwrap();
            export.write(&folder, &config, &last.take().unwrap_or_else(|| decoder.clone()), None).unwrap();
            folder.publish().unwrap();
            last = Some(load(&target, &Device::flex()).unwrap().1);
        }
        let bytes = |round| fs_err::read(parent.path().join(format!("{dtype:?}-{round}/model.safetensors"))).unwrap();
        assert!(bytes(0) == bytes(1), "{dtype:?}");
    }
}

#[test]
fn existing_folder_is_not_overwritten() {
    let folder = copy("llama");
    let error = StagedFolder::begin(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("already exists; remove it or choose another folder"), "{error}");
}

fn fault(change: impl FnOnce(&Path)) -> String {
    let folder = copy("llama");
    change(folder.path());
    let message = load(folder.path(), &Device::flex()).unwrap_err().to_string();
    message.replace(&folder.path().display().to_string(), "DIR")
}

fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("config.json");
    let text = fs_err::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs_err::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn faults_name_file_and_tensor() {
    let weights = |folder: &Path| folder.join("model.safetensors");
    let faults = [
        fault(|folder| edit(folder, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3")),
        fault(|folder| edit(folder, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1")),
        fault(|folder| edit(folder, "\"intermediate_size\": 24", "\"intermediate_size\": 25")),
        fault(|folder| edit(folder, "\"model_type\": \"llama\"", "\"model_type\": \"mamba\"")),
        fault(|folder| edit(folder, "\"rope_type\": \"default\"", "\"rope_type\": \"yarn\"")),
        fault(|folder| edit(folder, "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3")),
        fault(|folder| edit(folder, "\"vocab_size\": 270", "\"vocab_size\": 999999999999")),
        fault(|folder| edit(folder, "\"vocab_size\": 270", "\"vocabulary\": 270")),
        fault(|folder| edit(folder, "\"hidden_act\": \"silu\"", "\"hidden_act\": \"relu\"")),
        fault(|folder| edit(folder, "\"hidden_size\": 16", "\"hidden_size\": \"16\"")),
        fault(|folder| fs_err::remove_file(weights(folder)).unwrap()),
        fault(|folder| fs_err::write(weights(folder), "abc").unwrap()),
        fault(|folder| fs_err::write(weights(folder), [255; 64]).unwrap()),
        fault(|folder| {
            let bytes = fs_err::read(weights(folder)).unwrap();
            fs_err::write(weights(folder), &bytes[..bytes.len() - 4]).unwrap();
        }),
        fault(|folder| {
            let index = r#"{ "weight_map": { "model.norm.weight": "../other.safetensors" } }"#;
            fs_err::write(folder.join("model.safetensors.index.json"), index).unwrap();
        }),
        fault(|folder| {
            let index = r#"{ "weight_map": { "model.norms.weight": "model.safetensors" } }"#;
            fs_err::write(folder.join("model.safetensors.index.json"), index).unwrap();
        }),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}
