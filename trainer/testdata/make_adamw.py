#!/usr/bin/env python3
"""make_adamw.py: three training steps of a small Llama by PyTorch, which the trainer must reproduce.

Needs torch and transformers. Writes adamw/ beside itself: the model before (config.json, model.safetensors), the
tokens of each step and the results of PyTorch (expected.json: losses, gradient norms), and the weights after the last step
(after.safetensors). AdamW with decay on matrices only, not on embedding and norms; gradients clipped at 1 over all
weights together."""
import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).parent / "adamw"
LEARNING_RATE, BETAS, EPSILON, DECAY, CLIP = 1e-2, (0.9, 0.95), 1e-8, 0.1, 1.0

torch.manual_seed(11)
torch.set_num_threads(1)
config = LlamaConfig(
    vocab_size=48, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=32, tie_word_embeddings=True, rms_norm_eps=1e-5,
    bos_token_id=None, eos_token_id=47, attn_implementation="eager",
)
model = LlamaForCausalLM(config).float()
with torch.no_grad():
    for name, weight in model.named_parameters():
        # Large enough for gradients beyond the clip, and norms that differ from one.
        weight.mul_(4.0) if weight.dim() == 2 else weight.add_(0.1 * torch.randn_like(weight))
model.save_pretrained(OUT)
for extra in ["generation_config.json"]:
    (OUT / extra).unlink(missing_ok=True)

def decays(name, weight):
    return weight.dim() == 2 and "embed_tokens" not in name

groups = [
    {"params": [w for n, w in model.named_parameters() if decays(n, w)], "weight_decay": DECAY},
    {"params": [w for n, w in model.named_parameters() if not decays(n, w)], "weight_decay": 0.0},
]
optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON)
steps = []
for _ in range(3):
    tokens = torch.randint(0, 48, (3, 12))
    logits = model(tokens).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 48), tokens[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    steps.append({"tokens": tokens.tolist(), "loss": loss.item(), "gradient_norm": norm.item()})
settings = {"learning_rate": LEARNING_RATE, "betas": BETAS, "epsilon": EPSILON, "decay": DECAY, "clip": CLIP}
text = json.dumps({"torch": torch.__version__, "settings": settings, "steps": steps})
(OUT / "expected.json").write_text(text + "\n")
weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
save_file(weights, OUT / "after.safetensors")
