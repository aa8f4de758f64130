//! Settings of the rotary position embedding (RoPE).
//!
//! Invariant: a scaling that this crate does not compute exactly is an error.

use serde_json::{Map, Value, json};

use super::error::InvalidKey;
use super::family::Family;
use super::raw::{RawConfig, RawRope};

/// Settings of the rotary position embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// The base of the geometric series of wavelengths.
    pub theta: f64,
    /// Scaling of the frequencies for longer contexts.
    pub scaling: RopeScaling,
}

impl Rope {
    /// Creates settings without scaling.
    pub fn new(theta: f64) -> Self {
        Self { theta, scaling: RopeScaling::None }
    }
}

/// Scaling of the frequencies for contexts longer than the training length.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// No scaling.
    None,
    /// Every frequency divided by the factor: position interpolation, arXiv 2306.15595.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Low frequencies divided by the factor, high ones unchanged, those between interpolated: Llama 3.1.
    Llama3 {
        /// The divisor of low frequencies.
        factor: f64,
        /// Wavelengths above the original length divided by this are low frequencies.
        low_freq_factor: f64,
        /// Wavelengths below the original length divided by this are high frequencies.
        high_freq_factor: f64,
        /// Context length of the original training, in tokens.
        original_max_position_embeddings: f64,
    },
}

impl RawRope {
    fn rope(&self, theta: f64) -> Result<Rope, InvalidKey> {
        if self.partial_rotary_factor.is_some_and(|part| part < 1.0) {
            return Err(InvalidKey::new("partial_rotary_factor", "below 1 is not supported"));
        }
        let scaling = match self.rope_type.as_deref().or(self.old_type.as_deref()).unwrap_or("default") {
            "default" => RopeScaling::None,
            "linear" => RopeScaling::Linear { factor: self.require(self.factor, "factor")? },
            "llama3" => RopeScaling::Llama3 {
                factor: self.require(self.factor, "factor")?,
                low_freq_factor: self.require(self.low_freq_factor, "low_freq_factor")?,
                high_freq_factor: self.require(self.high_freq_factor, "high_freq_factor")?,
                original_max_position_embeddings: self
                    .require(self.original_max_position_embeddings, "original_max_position_embeddings")?,
            },
            other => {
                let what = format!("`{other}` is not supported; use default, linear or llama3");
                return Err(InvalidKey::new("rope_type", what));
            }
        };
        Ok(Rope { theta: self.rope_theta.unwrap_or(theta), scaling })
    }

    #[expect(clippy::unused_self, reason = "a method for readability")]
    fn require(&self, value: Option<f64>, key: &'static str) -> Result<f64, InvalidKey> {
        match value {
            Some(value) if value.is_finite() && value > 0.0 => Ok(value),
            Some(value) => Err(InvalidKey::new(key, format!("{value} is not a positive number"))),
            None => Err(InvalidKey::new(key, "is missing, but `rope_type` requires it")),
        }
    }
}

/// Returns the global settings and, for Gemma 3, the local ones.
pub(super) fn rope_settings(raw: &RawConfig, family: Family) -> Result<(Rope, Option<Rope>), InvalidKey> {
    if raw.partial_rotary_factor.is_some_and(|part| part < 1.0) {
        return Err(InvalidKey::new("partial_rotary_factor", "below 1 is not supported"));
    }
    let nothing = RawRope::default();
    let parameters = raw.rope_parameters.clone().unwrap_or_default();
    let theta = raw.rope_theta.unwrap_or(if family == Family::Gemma3 { 1e6 } else { 1e4 });
    let full = parameters.full_attention.as_ref().unwrap_or(&parameters.single);
    let old = raw.rope_scaling.as_ref().filter(|_| raw.rope_parameters.is_none());
    let global = old.unwrap_or(full).rope(theta)?;
    let local = match family {
        Family::Gemma3 => {
            let base = raw.rope_local_base_freq.unwrap_or(1e4);
            Some(parameters.sliding_attention.as_ref().unwrap_or(&nothing).rope(base)?)
        }
        _ => None,
    };
    for rope in std::iter::once(&global).chain(&local) {
        if !(rope.theta.is_finite() && rope.theta > 0.0) {
            return Err(InvalidKey::new("rope_theta", format!("{} is not a positive number", rope.theta)));
        }
    }
    Ok((global, local))
}

/// Converts settings to JSON in the format of transformers 5.
pub(super) fn to_json(rope: &Rope) -> Value {
    let mut map = Map::new();
    map.insert("rope_theta".into(), json!(rope.theta));
    let kind = match &rope.scaling {
        RopeScaling::None => "default",
        RopeScaling::Linear { factor } => {
            map.insert("factor".into(), json!(factor));
            "linear"
        }
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } => {
            map.insert("factor".into(), json!(factor));
            map.insert("low_freq_factor".into(), json!(low_freq_factor));
            map.insert("high_freq_factor".into(), json!(high_freq_factor));
            map.insert("original_max_position_embeddings".into(), integer_if_whole(*original_max_position_embeddings));
            "llama3"
        }
    };
    map.insert("rope_type".into(), json!(kind));
    Value::Object(map)
}

/// Converts whole numbers to JSON integers: transformers rejects `8192.0` for a length.
#[expect(clippy::cast_possible_truncation, reason = "context lengths are far below 2^53")]
fn integer_if_whole(value: f64) -> Value {
    if value.fract() == 0.0 { json!(value as i64) } else { json!(value) }
}
