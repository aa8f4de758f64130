//! The readers of checkpoints: GGUF files, and the headers of safetensors files.
//!
//! `trainer/tests/fuzz_seeds.rs` compiles this file too, so that it uses the interface of `corpusmill-trainer` alone.
//!
//! Invariant: an allocation is bounded by the file, and a file that the reference implementation refuses is refused.

use burn::tensor::Device;
use corpusmill_trainer::checkpoint_io::gguf::Gguf;
use corpusmill_trainer::checkpoint_io::{CheckpointError, SafetensorsReader};
use corpusmill_trainer::model::weights::TensorSource as _;
use safetensors::{Dtype, SafeTensors};

/// Reads the bytes as a GGUF file: configuration, tokenizer and model.
///
/// # Panics
/// When two runs differ, or a configuration is accepted that no model can have.
pub fn gguf(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let path = folder.path().join("model.gguf");
    fs_err::write(&path, data).expect("a temporary file can be written");
    let open = || Gguf::open(&path).map_err(|error| error.to_string());
    let (first, second) = (open(), open());
    assert_eq!(first.as_ref().err(), second.as_ref().err(), "opening is not deterministic");
    let (Ok(mut first), Ok(mut second)) = (first, second) else { return };
    let config = first.config();
    assert_eq!(format!("{config:?}"), format!("{:?}", second.config()), "the configuration is not deterministic");
    assert!(config.hidden_size > 0 && config.num_attention_heads > 0 && config.vocab_size > 0);
    let message = |result: Result<(), CheckpointError>| result.map_err(|error| error.to_string());
    let tokenizer = |gguf: &Gguf| message(gguf.tokenizer().and_then(|files| files.write(folder.path())));
    assert_eq!(tokenizer(&first), tokenizer(&second), "the tokenizer is not deterministic");
    let decoder = |gguf: &mut Gguf| message(gguf.decoder(&Device::flex()).map(|_| ()));
    assert_eq!(decoder(&mut first), decoder(&mut second), "the model is not deterministic");
}

/// Reads the bytes as the weights of a Hugging Face folder, and compares with the `safetensors` crate.
///
/// # Panics
/// When a file is accepted that the crate refuses, the other way round, or a value differs.
pub fn safetensors_header(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    fs_err::write(folder.path().join("model.safetensors"), data).expect("a temporary file can be written");
    let ours = SafetensorsReader::open(folder.path());
    let theirs = SafeTensors::deserialize(data);
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} against {:?}", ours.err(), theirs.err());
    let (Ok(mut ours), Ok(theirs)) = (ours, theirs) else { return };
    for (name, view) in theirs.iter() {
        let values = ours.tensor(name, view.shape());
        let supported = [Dtype::F32, Dtype::F16, Dtype::BF16].contains(&view.dtype());
        assert_eq!(values.is_ok(), supported, "tensor {name} of type {:?}", view.dtype());
        let Ok(values) = values else { continue };
        assert_eq!(values.len(), view.shape().iter().product::<usize>(), "tensor {name} has another size");
        if view.dtype() == Dtype::F32 {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            assert_eq!(bytes, view.data(), "tensor {name} has other values");
        }
        let mut shape = view.shape().to_vec();
        shape.push(2);
        assert!(ours.tensor(name, &shape).is_err(), "tensor {name} is read in another shape");
    }
    let all_supported = theirs.iter().all(|(_, view)| [Dtype::F32, Dtype::F16, Dtype::BF16].contains(&view.dtype()));
    assert!(!all_supported || ours.check_all_loaded(false).is_ok(), "a tensor that was read counts as unread");
}
