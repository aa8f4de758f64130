#!/bin/bash
# parity.sh PYTHON CHECKS [WORK]: the decoder beside transformers, in full.
#
# PYTHON is a Python with torch, transformers, tokenizers and safetensors. CHECKS is a folder with make_tiny.py, which
# writes tiny random checkpoints DIR/NAME, and check_parity.py, which loads a checkpoint in transformers and compares its
# logits with those in parity.safetensors. For every tiny checkpoint: read it, write it anew in two ways (one file; many
# files), compute logits, and let transformers load what was written and compute them, too. A GGUF file in the
# environment variable CORPUSMILL_GGUF is imported and checked in the same way.
set -euo pipefail
python=$1 checks=$2 work=${3:-$(mktemp -d)}
root=$(cd "$(dirname "$0")/.." && pwd)
cargo build --manifest-path "$root/Cargo.toml" --release --workspace --bin corpusmill-train
train=${CARGO_TARGET_DIR:-$root/target}/release/corpusmill-train
[ -d "$work/tiny" ] || "$python" "$checks/make_tiny.py" "$work/tiny"
failed=0
check() { # NAME SOURCE SIZE
    rm -rf "$work/out-$1"
    "$train" export "$2" "$work/out-$1" --parity --max-shard-size "$3"
    "$python" "$checks/check_parity.py" "$work/out-$1" || failed=1
}
for source in "$work"/tiny/*/; do
    name=$(basename "$source")
    check "$name" "$source" 5GB
    check "$name-split" "$source" 100KB
done
if [ -n "${CORPUSMILL_GGUF:-}" ]; then
    rm -rf "$work/gguf"
    "$train" import "$CORPUSMILL_GGUF" "$work/gguf"
    check gguf "$work/gguf" 200MB
fi
exit "$failed"
