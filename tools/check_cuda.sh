#!/bin/sh
# Checks that the trainer with `cuda` still compiles, where there is neither a card nor CUDA.
#
#   tools/check_cuda.sh [cargo's arguments]
#
# Burn's CUDA compiler builds on a prebuilt LLVM that a build step downloads. Under DOCS_RS that step is left out, as it
# is where docs.rs builds documentation: types are checked, nothing is linked. The result has a target folder of its
# own, since what is built without the step must not serve a real build.
set -eu
cd "$(dirname "$0")/.."
DOCS_RS=1 CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/check-cuda" \
    cargo check --locked -p corpusmill-trainer --features cuda "$@"
