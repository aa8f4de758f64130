#!/usr/bin/env python3
"""Writes the fixtures of the trainer's tests: tiny models of random weights, and what transformers computes with them.

usage: make_fixtures.py [OUT]        (default: this folder; needs torch, transformers, tokenizers, safetensors; offline)

OUT/<name>/ holds config.json, generation_config.json, model.safetensors, and parity.safetensors with
  input_ids [2, 16] i64, logits [2, 16, vocabulary] f32, loss [1] f32 (mean cross-entropy of the next token),
  greedy [1, 28] i64 (the first row and 12 tokens after it), grad.<tensor> f32 (gradient of the loss).
OUT/tokenizer/ holds a byte-level BPE tokenizer of 270 tokens with a chat template. Nothing here was trained."""
import os
import sys

import torch
import transformers as T
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
CHAT = (
    "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{'<|im_start|>assistant\\n'}}{% endif %}"
)


def tokenizer():
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=270, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tok.train_from_iterator(["hello world " * 100], trainer)
    fast = T.PreTrainedTokenizerFast(
        tokenizer_object=tok, bos_token="<|endoftext|>", eos_token="<|im_end|>", pad_token="<|pad|>"
    )
    fast.chat_template = CHAT
    fast.save_pretrained(f"{OUT}/tokenizer")


COMMON = dict(
    vocab_size=96, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, bos_token_id=0, eos_token_id=2, pad_token_id=3,
)
GEMMA = dict(COMMON, head_dim=8)
LLAMA3 = dict(
    rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64
)
MODELS = {
    "llama": (T.LlamaConfig, dict(COMMON, vocab_size=270, rms_norm_eps=1e-5)),
    "llama-tied": (T.LlamaConfig, dict(COMMON, tie_word_embeddings=True, attention_bias=True)),
    "llama31-rope": (T.LlamaConfig, dict(COMMON, head_dim=16, rope_theta=500000.0, rope_scaling=LLAMA3)),
    "mistral": (T.MistralConfig, dict(COMMON, sliding_window=6)),
    "qwen2": (T.Qwen2Config, dict(COMMON, tie_word_embeddings=True, rope_theta=1e6)),
    "qwen3": (T.Qwen3Config, dict(COMMON, head_dim=8, rope_theta=1e6)),
    "gemma": (T.GemmaConfig, GEMMA),
    "gemma2": (T.Gemma2Config, dict(GEMMA, query_pre_attn_scalar=32, sliding_window=6)),
    "gemma3": (
        T.Gemma3TextConfig,
        dict(GEMMA, num_hidden_layers=6, query_pre_attn_scalar=32, sliding_window=6,
             rope_scaling=dict(rope_type="linear", factor=8.0)),
    ),
}


def model(name, kind, settings):
    torch.manual_seed(0)
    config = kind(**settings)
    config._attn_implementation = "eager"
    net = T.AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for weight in net.parameters():  # norms and biases that differ from their start, so that mistakes show
            if weight.ndim == 1:
                weight.add_(torch.randn_like(weight) * 0.1)
            else:
                weight.mul_(3.0)
    folder = f"{OUT}/{name}"
    net.save_pretrained(folder)
    ids = torch.randint(4, 96, (2, 16), generator=torch.Generator().manual_seed(1))
    out = net(input_ids=ids, labels=ids)
    out.loss.backward()
    kept = {f"grad.{key}": weight.grad.contiguous() for key, weight in net.named_parameters()}
    with torch.no_grad():
        greedy = net.generate(ids[:1], max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=3)
    kept |= dict(input_ids=ids, logits=out.logits.detach().contiguous(), loss=out.loss.detach().reshape(1),
                 greedy=greedy.contiguous())
    save_file(kept, f"{folder}/parity.safetensors")
    print(f"{name:13s} {sum(p.numel() for p in net.parameters()):6d} weights, loss {out.loss.item():.6f}")


tokenizer()
for name, (kind, settings) in MODELS.items():
    model(name, kind, settings)
