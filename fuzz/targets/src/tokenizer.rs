//! The loader of `tokenizer.json`, and encoding with what it loads.
//!
//! Invariant: ids are below the vocabulary's size, and the fast encoder gives the ids of the `tokenizers` crate.

use corpusmill_stages::tokenize::encode::Encoder;

const TEXTS: [&str; 5] =
    ["", "a b", "The text, 123 times.\n\n  let x = \"é中\";", "<|endoftext|><|end|>", "\u{0}\u{301}ab"];

/// Loads the bytes as a tokenizer and encodes a few texts.
///
/// # Panics
/// When two runs differ, an id is outside the vocabulary, or the two encoders differ.
pub fn tokenizer_json(data: &[u8]) {
    let json = String::from_utf8_lossy(data);
    let (encoder, again) = (Encoder::from_json(&json), Encoder::from_json(&json));
    // Of several missing fields, the `tokenizers` crate names any.
    assert_eq!(encoder.is_ok(), again.is_ok(), "loading is not deterministic");
    let (Ok(encoder), Ok(again)) = (encoder, again) else { return };
    assert_eq!((encoder.digest(), encoder.vocab_size()), (again.digest(), again.vocab_size()));
    assert!((encoder.end_of_document() as usize) < encoder.vocab_size(), "the end of a document has no token");
    let reference = if encoder.is_fast() { Encoder::reference(&json).ok() } else { None };
    for text in TEXTS {
        let ids = encode(&encoder, text);
        assert_eq!(ids, encode(&again, text), "encoding is not deterministic");
        let Ok(ids) = ids else { continue };
        assert!(ids.iter().all(|&id| (id as usize) < encoder.vocab_size()), "{text:?} has ids outside the vocabulary");
        let decoded = encoder.decode(&ids).map_err(|error| error.to_string());
        // Not with `again`: where a vocabulary gives one id to two tokens, the `tokenizers` crate decodes either.
        assert_eq!(decoded, encoder.decode(&ids).map_err(|error| error.to_string()));
        if let Some(reference) = &reference {
            assert_eq!(encode(reference, text).as_ref(), Ok(&ids), "the encoders differ on {text:?}");
        }
    }
}

fn encode(encoder: &Encoder, text: &str) -> Result<Vec<u32>, String> {
    let mut ids = Vec::new();
    encoder.encode(text, &mut ids).map_err(|error| error.to_string())?;
    Ok(ids)
}
