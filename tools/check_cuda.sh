#!/bin/sh
# Builds the trainer with `cuda` and starts it, where there is neither a card nor CUDA.
#
#   tools/check_cuda.sh [cargo's arguments]
#
# Burn's CUDA compiler links an LLVM, which tools/cuda_llvm.sh gets from PyPI; the CUDA libraries are loaded at run time.
# The program lists the devices that it finds: without a card, only the processor. On a machine with one, the example
# gpu_day (docs/src/training.md) then checks and measures training; it needs the same variables:
#
#   XDG_DATA_HOME="$(tools/cuda_llvm.sh ~/.cache/corpusmill-llvm)" make gpu-day DEVICE=cuda WORD=prove
set -eu
cd "$(dirname "$0")/.."
XDG_DATA_HOME=$(tools/cuda_llvm.sh "${CORPUSMILL_LLVM:-$HOME/.cache/corpusmill-llvm}")
CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/cuda"
export XDG_DATA_HOME CARGO_TARGET_DIR
cargo build --release --locked --workspace --bin corpusmill-train --features corpusmill-trainer/cuda "$@"
ls -l "$CARGO_TARGET_DIR/release/corpusmill-train"
"$CARGO_TARGET_DIR/release/corpusmill-train" devices
