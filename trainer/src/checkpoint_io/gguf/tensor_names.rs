//! Maps Hugging Face tensor names and row order to those of llama.cpp.

/// Returns the llama.cpp name of the Hugging Face tensor `ours`, or `None` if it has none.
pub(super) fn gguf_name(ours: &str, post_norms: bool) -> Option<String> {
    let whole = match ours {
        "model.embed_tokens.weight" => Some("token_embd.weight"),
        "model.norm.weight" => Some("output_norm.weight"),
        "lm_head.weight" => Some("output.weight"),
        _ => None,
    };
    if let Some(name) = whole {
        return Some(name.to_owned());
    }
    let (layer, rest) = ours.strip_prefix("model.layers.")?.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    let part = match part {
        "input_layernorm" => "attn_norm",
        "post_attention_layernorm" if post_norms => "post_attention_norm",
        "post_attention_layernorm" | "pre_feedforward_layernorm" => "ffn_norm",
        "post_feedforward_layernorm" => "post_ffw_norm",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.o_proj" => "attn_output",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        _ => return None,
    };
    Some(format!("blk.{layer}.{part}.{kind}"))
}

/// Reverts the llama.cpp row order of q and k in the Llama architecture: RoPE pairs adjacent rows there, and the two
/// halves of a head in Hugging Face. `values` has `rows` rows of equal length, in heads of `head_dim`.
pub(super) fn unpermute(values: &[f32], rows: usize, head_dim: usize) -> Vec<f32> {
    let (columns, half) = (values.len() / rows.max(1), head_dim / 2);
    let mut out = Vec::with_capacity(values.len());
    for head in 0..rows / head_dim.max(1) {
        for row in 0..head_dim {
            let theirs = head * head_dim + 2 * (row % half) + row / half;
            out.extend_from_slice(&values[theirs * columns..(theirs + 1) * columns]);
        }
    }
    out
}
