#!/usr/bin/env python3
"""Writes gguf/blocks.safetensors: two random blocks of each quantised type, and the values that gguf-py gives for them.

usage: make_gguf_fixture.py [OUT]        (default: this folder; needs numpy, safetensors, gguf; offline)

For each type: <type>.bytes u8 and <type>.values f32. The scales of the blocks are small numbers, the rest is random."""
import os
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf.quants import dequantize
from safetensors.numpy import save_file

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
# Offsets of the scales in a block, as 16-bit floats.
SCALES = {
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q8_0: [0], Type.Q4_K: [0, 2], Type.Q6_K: [208],
    Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q5_K: [0, 2], Type.IQ4_NL: [0],
}
rng = np.random.default_rng(5)
kept = {}
for kind, places in SCALES.items():
    _, size = GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (2, size), dtype=np.uint8)
    for block in blocks:
        for place in places:
            block[place:place + 2] = np.frombuffer(np.float16(rng.normal() * 0.1).tobytes(), dtype=np.uint8)
    kept[f"{kind.name}.bytes"] = blocks.reshape(-1)
    kept[f"{kind.name}.values"] = dequantize(blocks, kind).astype(np.float32).reshape(-1)
os.makedirs(f"{OUT}/gguf", exist_ok=True)
save_file(kept, f"{OUT}/gguf/blocks.safetensors")
