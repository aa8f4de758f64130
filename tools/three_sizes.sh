#!/bin/sh
# Three models of rising size on equally many tokens of one corpus: the loss on the validation split must fall.
#
#   tools/three_sizes.sh corpus/code-heavy [TOKENS]
#
# Takes minutes to hours, by TOKENS (default 1M). The variable CORPUSMILL_FINAL limits the sequences of the last
# validation. Needs `cargo build --release --workspace --bin corpusmill-train`.
set -eu
corpus=$1
tokens=${2:-1M}
train=${CORPUSMILL_TRAIN:-${CARGO_TARGET_DIR:-target}/release/corpusmill-train}
for width in 64 128 256; do
    output=runs/three-sizes/$width
    "$train" pretrain recipes/train/small.yaml --quiet --corpus "$corpus" --output "$output" \
        --set "data.tokens=$tokens" --set validation.every-steps=0 ${CORPUSMILL_FINAL:+--set "validation.final-sequences=$CORPUSMILL_FINAL"} \
        --set "model={new: {layers: 4, hidden-size: $width, heads: 4, key-value-heads: 2, intermediate-size: $((width * 3))}}"
    parameters=$(sed -n 's/^  "parameters": \([0-9]*\),$/\1/p' "$output/model/manifest.json")
    grep '"kind":"final"' "$output/metrics.jsonl" | sed "s/^/width $width, $parameters parameters: /"
done
