#!/usr/bin/env bash
# Kills a real run with SIGKILL at random moments, lets it go on, and compares what comes out with an undisturbed run.
#
#   tools/endurance.sh [RECIPE]        from the repository's root; RECIPE is code-heavy by default
#
# 1. Runs RECIPE undisturbed into an empty store: the reference, and the duration from which moments are drawn.
# 2. Runs it into another empty store and kills it after a random part of that duration; again in the same store, up to
#    PER_STORE times, so that interrupted resumptions are interrupted as well. Then `corpusmill verify` must find every
#    committed part whole, and a last run must end with the reference's corpus digest and byte-equal manifest, tokenizer
#    and shards. The next store follows until KILLS runs were killed in their work; runs that ended before their moment
#    are not counted.
# 3. Prints each kill, each comparison and a summary. Exit 0: all equal; 1: something differs; 2: it could not begin.
#
# Settings, by environment:
#   KILLS=20        runs to kill                   PER_STORE=3    kills of one store before it may finish
#   SEED=1          seed of the moments            ARGS=          further arguments of `corpusmill run`
#   BINARY=target/release/corpusmill (built when missing)         WORK=  folder to work in; a temporary one by default
#
# The same in miniature, in the debug build: tests/tests/resume.rs.
set -euo pipefail

recipe=${1:-code-heavy}
kills=${KILLS:-20}
per_store=${PER_STORE:-3}
RANDOM=${SEED:-1}
binary=${BINARY:-${CARGO_TARGET_DIR:-target}/release/corpusmill}
read -r -a arguments <<<"${ARGS:-}"

say() { printf '%s\n' "$*"; }
stop() { say "endurance: $*" >&2; exit 2; }

[[ -f Cargo.lock && -d recipes ]] || stop "start it in the repository's root"
[[ -x $binary ]] || cargo build --release --locked
[[ -x $binary ]] || stop "there is no $binary"

if [[ -n ${WORK:-} ]]; then
    mkdir -p "$WORK"
    work=$WORK
    [[ -z $(ls -A "$work") ]] || stop "$work is not empty"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi

# The run of one store; its standard error goes to a log.
run() {
    local place=$work/$1
    mkdir -p "$place"
    exec "$binary" run "$recipe" --store "$place/work" --output "$place/corpus" --lock "$place/lock" \
        ${arguments[@]+"${arguments[@]}"} 2>>"$place/log"
}

now() { date +%s%3N; }

# Digests of what a corpus promises to be equal, by path.
promised() {
    (cd "$work/$1/corpus"/* && find manifest.json tokenizer.json shards -type f | LC_ALL=C sort | xargs sha256sum)
}

digest() { sed -n 's/.*"corpus_digest": "\([0-9a-f]*\)".*/\1/p' "$work/$1/corpus"/*/manifest.json | head -n 1; }

failed() {
    say "FAILED: $*"
    tail -n 5 "$work/$store/log" || true
    # What is there may explain it.
    trap - EXIT
    say "kept: $work"
    exit 1
}

say "recipe $recipe, binary $binary ($("$binary" --version)), seed ${SEED:-1}, work in $work"
store=undisturbed
begun=$(now)
(run undisturbed) || failed "the undisturbed run"
duration=$(($(now) - begun))
reference=$(digest undisturbed)
promised undisturbed >"$work/reference"
say "undisturbed: $duration ms, corpus $reference"

killed=0 spared=0 stores=0
while ((killed < kills)); do
    store=store-$stores
    stores=$((stores + 1))
    for ((attempt = 0; attempt < per_store && killed < kills; attempt++)); do
        moment=$(((RANDOM * 32768 + RANDOM) % duration))
        (run "$store") &
        child=$!
        sleep "$((moment / 1000)).$(printf '%03d' $((moment % 1000)))"
        kill -KILL "$child" 2>/dev/null || true
        status=0
        wait "$child" 2>/dev/null || status=$?
        if ((status == 137)); then
            killed=$((killed + 1))
            parts=$(cd "$work/$store" && find work/store -path work/store/tmp -prune -o -name receipt.json -print 2>/dev/null | wc -l) || parts=0
            say "kill $killed: $store after $moment ms, $parts parts committed"
        elif ((status == 0)); then
            spared=$((spared + 1))
            say "spared: $store had ended before $moment ms"
            break
        else
            failed "$store ended with exit code $status"
        fi
    done
    "$binary" verify --quiet --store "$work/$store/work" >/dev/null 2>>"$work/$store/log" || failed "$store: a committed part is damaged"
    (run "$store") || failed "$store cannot go on"
    found=$(digest "$store")
    [[ $found == "$reference" ]] || failed "$store: corpus $found, not $reference"
    promised "$store" | diff "$work/reference" - || failed "$store: files of the corpus differ"
    say "equal: $store, $(grep -o '[0-9]* tasks computed, [0-9]* reused' "$work/$store/log" | tail -n 1)"
    rm -rf "${work:?}/$store"
done
say "$killed runs killed, $spared ended before their moment, $stores stores: every corpus is $reference"
