//! Checkpoints round-trip, and errors name the damaged part.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use safetensors::tensor::TensorView;

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

/// Renames the weights to `part.safetensors`, and writes an index with one tensor.
fn index(folder: &Path, tensor: &str, file: &str) {
    fs_err::rename(folder.join("model.safetensors"), folder.join("part.safetensors")).unwrap();
    let index = serde_json::json!({ "weight_map": { tensor: file } });
    fs_err::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
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
        fault(|folder| index(folder, "model.norm.weight", "../other.safetensors")),
        fault(|folder| index(folder, "model.norms.weight", "part.safetensors")),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}

/// The tensors of a file as f32, by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Changes the tensors of `model.safetensors`, all of which are F32.
fn change_weights(folder: &Path, change: impl FnOnce(&mut Tensors)) {
    let path = folder.join("model.safetensors");
    let bytes = fs_err::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let values = |data: &[u8]| data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let tensors = file.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), values(view.data()))));
    let mut tensors: Tensors = tensors.collect();
    change(&mut tensors);
    let encoded: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .into_iter()
        .map(|(name, (shape, values))| (name, shape, values.into_iter().flat_map(f32::to_le_bytes).collect()))
        .collect();
    let views = encoded.iter().map(|(name, shape, data)| {
        (name.as_str(), TensorView::new(safetensors::Dtype::F32, shape.clone(), data).unwrap())
    });
    fs_err::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn a_single_file_comes_before_a_stale_index() {
    let folder = copy("llama");
    // The shards of an earlier save: another norm, and nothing else.
    let (config, decoder) = load(folder.path(), &Device::flex()).unwrap();
    let index = serde_json::json!({ "weight_map": { "model.norm.weight": "model-00001-of-00001.safetensors" } });
    fs_err::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    let stale = TensorView::new(safetensors::Dtype::F32, vec![16], &[0; 64]).unwrap();
    let stale = safetensors::serialize([("model.norm.weight", stale)], None).unwrap();
    fs_err::write(folder.path().join("model-00001-of-00001.safetensors"), stale).unwrap();
    let (_, again) = load(folder.path(), &Device::flex()).unwrap();
    assert!(weights(&config, &again) == weights(&config, &decoder));
    // Without the single file, the index counts again.
    fs_err::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert!(matches!(load(folder.path(), &Device::flex()), Err(CheckpointError::Missing { .. })));
}

#[test]
fn a_tied_head_must_equal_the_embedding() {
    let folder = copy("llama-tied");
    let (config, decoder) = load(folder.path(), &Device::flex()).unwrap();
    change_weights(folder.path(), |tensors| {
        let table = tensors["model.embed_tokens.weight"].clone();
        tensors.insert("lm_head.weight".to_owned(), table);
    });
    let (_, with_copy) = load(folder.path(), &Device::flex()).unwrap();
    assert!(weights(&config, &with_copy) == weights(&config, &decoder));
    change_weights(folder.path(), |tensors| tensors.get_mut("lm_head.weight").unwrap().1[5] += 0.5);
    let message = load(folder.path(), &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("tie_word_embeddings") && message.contains("`lm_head.weight` differs"), "{message}");
    change_weights(folder.path(), |tensors| {
        tensors.insert("lm_head.weight".to_owned(), (vec![2], vec![0.0; 2]));
    });
    let message = load(folder.path(), &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("`lm_head.weight` has shape [2]"), "{message}");
}

#[test]
fn weights_that_are_not_finite_are_named() {
    for value in [f32::NAN, f32::INFINITY] {
        let folder = copy("llama");
        change_weights(folder.path(), |tensors| {
            tensors.get_mut("model.layers.1.mlp.up_proj.weight").unwrap().1[7] = value;
        });
        let message = load(folder.path(), &Device::flex()).unwrap_err().to_string();
        let expected = format!("`model.layers.1.mlp.up_proj.weight` has the value {value} at position 7");
        assert!(message.contains(&expected), "{message}");
    }
}

#[test]
fn weights_beyond_the_range_of_a_type_are_not_exported() {
    let folder = copy("llama");
    change_weights(folder.path(), |tensors| tensors.get_mut("model.norm.weight").unwrap().1[3] = 70_000.0);
    let (config, decoder) = load(folder.path(), &Device::flex()).unwrap();
    let export = |dtype| {
        let parent = tempfile::tempdir().unwrap();
        let staged = StagedFolder::begin(&parent.path().join("out")).unwrap();
        let written = ExportOptions { dtype, ..ExportOptions::default() }.write(&staged, &config, &decoder, None);
        written.map_err(|error| error.to_string())
    };
    assert!(export(WeightType::F32).is_ok() && export(WeightType::Bf16).is_ok());
    let message = export(WeightType::F16).unwrap_err();
    assert!(message.contains("`model.norm.weight` has the value 70000") && message.contains("float16"), "{message}");
}

#[test]
fn the_tokenizer_is_read_without_its_truncation() {
    let folder = copy("llama");
    let stored = fs_err::read(fixture("tokenizer").join("tokenizer.json")).unwrap();
    let mut stored: serde_json::Value = serde_json::from_slice(&stored).unwrap();
    stored["truncation"] =
        serde_json::json!({ "direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0 });
    fs_err::write(folder.path().join("tokenizer.json"), stored.to_string()).unwrap();
    let model = LoadedModel::read(folder.path(), &Device::flex()).unwrap();
    let encoded = model.tokenizer().unwrap().encode("hello world hello world", false).unwrap();
    assert!(encoded.get_ids().len() > 2, "{:?}", encoded.get_ids());
}

#[test]
fn generation_settings_that_cannot_be_read_are_errors() {
    let folder = copy("llama");
    let path = folder.path().join("generation_config.json");
    let eos = || LoadedModel::read(folder.path(), &Device::flex()).unwrap().eos().map_err(|error| error.to_string());
    for (text, expected) in [
        (r#"{ "eos_token_id": [5, 6] }"#, vec![5, 6]),
        (r#"{ "eos_token_id": 7 }"#, vec![7]),
        // Those of config.json.
        ("{}", vec![2]),
        (r#"{ "eos_token_id": null }"#, vec![2]),
    ] {
        fs_err::write(&path, text).unwrap();
        assert_eq!(eos().unwrap(), expected, "{text}");
    }
    for text in ["", "{", "[]", r#"{ "eos_token_id": "</s>" }"#, r#"{ "eos_token_id": [1, 2.5] }"#] {
        fs_err::write(&path, text).unwrap();
        let message = eos().unwrap_err();
        assert!(message.contains("generation_config.json"), "{text}: {message}");
    }
    fs_err::remove_file(path).unwrap();
    assert_eq!(eos().unwrap(), [2]);
}
