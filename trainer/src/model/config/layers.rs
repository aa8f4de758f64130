//! Assigns full or sliding-window attention to each layer.

use super::error::InvalidKey;
use super::family::Family;
use super::raw::RawConfig;

/// Attention span of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerKind {
    /// All tokens of the document.
    Full,
    /// The last `sliding_window` tokens, including the current one.
    Sliding,
}

impl LayerKind {
    /// The name in `layer_types`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full_attention",
            Self::Sliding => "sliding_attention",
        }
    }

    fn parse(name: &str) -> Result<Self, InvalidKey> {
        match name {
            "full_attention" => Ok(Self::Full),
            "sliding_attention" => Ok(Self::Sliding),
            other => Err(InvalidKey::new(
                "layer_types",
                format!("`{other}` is not supported; use full_attention or sliding_attention"),
            )),
        }
    }
}

/// Returns the window and the kind of each layer, by the rules of each family in transformers.
pub(super) fn layers(
    raw: &RawConfig,
    family: Family,
    count: usize,
) -> Result<(Option<usize>, Vec<LayerKind>), InvalidKey> {
    let window = match family {
        Family::Llama | Family::Gemma => None,
        Family::Qwen2 | Family::Qwen3 => raw.sliding_window.or(None).filter(|_| raw.use_sliding_window == Some(true)),
        Family::Mistral | Family::Gemma2 | Family::Gemma3 => raw.sliding_window.or(Some(4096)),
    };
    let kinds = match (&raw.layer_types, family) {
        (Some(names), _) => names.iter().map(|name| LayerKind::parse(name)).collect::<Result<_, _>>()?,
        (None, Family::Llama | Family::Gemma) => vec![LayerKind::Full; count],
        (None, Family::Mistral) => vec![if window.is_some() { LayerKind::Sliding } else { LayerKind::Full }; count],
        (None, Family::Qwen2 | Family::Qwen3) => {
            let first = raw.max_window_layers.unwrap_or(28);
            kinds_where(count, |layer| window.is_some() && layer >= first)
        }
        (None, Family::Gemma2) => kinds_where(count, |layer| layer % 2 == 0),
        (None, Family::Gemma3) => {
            let pattern = raw.sliding_window_pattern.unwrap_or(6).max(1);
            kinds_where(count, |layer| !(layer + 1).is_multiple_of(pattern))
        }
    };
    let slides = kinds.contains(&LayerKind::Sliding);
    Ok((if slides { window } else { None }, kinds))
}

fn kinds_where(count: usize, slides: impl Fn(usize) -> bool) -> Vec<LayerKind> {
    (0..count).map(|layer| if slides(layer) { LayerKind::Sliding } else { LayerKind::Full }).collect()
}
