# corpusmill. `make help` lists the targets.
RECIPE ?= code-heavy
ARGS ?=
CARGO ?= cargo
RELEASE = $(or $(CARGO_TARGET_DIR),target)/release/corpusmill
DEBUG = $(or $(CARGO_TARGET_DIR),target)/debug/corpusmill
RECIPES = $(wildcard recipes/*.yaml)
FUZZ = $(or $(CARGO_TARGET_DIR),target)/fuzz/fuzz
TRAIN_RELEASE = $(or $(CARGO_TARGET_DIR),target)/release/corpusmill-train
TRAIN_DEBUG = $(or $(CARGO_TARGET_DIR),target)/debug/corpusmill-train
TRAIN_RECIPES = $(wildcard recipes/train/*.yaml)
DEVICE ?= cpu
# Burn's backends of the devices: `vulkan:1` needs the feature `vulkan`, `cuda:0,cuda:1` the feature `cuda`.
comma = ,
BACK_ENDS = $(filter-out cpu,$(sort $(foreach device,$(subst $(comma), ,$(DEVICE)),$(firstword $(subst :, ,$(device))))))
BACK_END = $(addprefix --features corpusmill-trainer/,$(BACK_ENDS))

.DEFAULT_GOAL := help

# Programs are built with `--workspace --bin`: cargo then settles features for all crates together, so that what both
# programs need is compiled once, and only what the one needs is compiled at all.

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  %-14s %s\n", $$1, $$2 }'

.PHONY: build
build: ## Build the corpusmill command, optimised
	$(CARGO) build --release --locked --workspace --bin corpusmill

.PHONY: query
query: ## Build corpusmill-query, the SQL engine that `corpusmill query` starts, optimised
	$(CARGO) build --release --locked --workspace --bin corpusmill-query

.PHONY: corpus
corpus: build ## Make a corpus: make corpus RECIPE=code-heavy [ARGS="--set ..."]
	$(CARGO) fetch --locked --quiet
	$(RELEASE) run $(RECIPE) $(ARGS)

.PHONY: train
train: ## Train a small model on a corpus: make train RECIPE=code-heavy [DEVICE=vulkan] [ARGS="--set ..."]
	$(CARGO) build --release --locked --workspace --bin corpusmill-train $(BACK_END)
	$(TRAIN_RELEASE) pretrain recipes/train/small.yaml --corpus corpus/$(RECIPE) --output runs/$(RECIPE) --device $(DEVICE) $(ARGS)

.PHONY: test
test: ## Run every test
	$(CARGO) test --workspace --locked

GPU ?= wgpu
GPU_FEATURES = $(addprefix --features corpusmill-trainer/,$(filter-out cpu,$(firstword $(subst :, ,$(GPU)))))
.PHONY: test-gpu
test-gpu: ## Every subcommand of gpu_day with tiny sizes on a GPU, or Mesa's software driver: make test-gpu [GPU=vulkan]
	$(CARGO) build --locked --workspace $(GPU_FEATURES) --example gpu_day
	CORPUSMILL_GPU=$(GPU) $(CARGO) test --locked --workspace $(GPU_FEATURES) --test gpu_day

COMMAND ?= prove
.PHONY: gpu-day
gpu-day: ## Check or measure training on a GPU: make gpu-day DEVICE=cuda COMMAND="bench --peak 989" (prove, ceilings, profile, learn)
	$(CARGO) build --release --locked --workspace $(BACK_END) --example gpu_day
	$(dir $(TRAIN_RELEASE))examples/gpu_day $(COMMAND) --device $(DEVICE) $(ARGS)

# Runs a tool that is not part of Rust's toolchain, or says how to install it: $(call tool,PROGRAM,COMMAND,PACKAGE).
tool = @if command -v $(1) >/dev/null; then echo '$(2)'; $(2); else \
	echo 'error: $(1) is not installed; run: cargo install --locked $(3)' >&2; exit 1; fi
# Those of these tools that are installed.
TOOLS = $(if $(shell command -v typos),typos) $(if $(shell command -v cargo-deny),licences)

.PHONY: check
check: format lint doc test recipes $(TOOLS) ## Format, lint, rustdoc, tests, recipes, and typos and cargo-deny if installed

.PHONY: format
format: ## Check the format
	$(CARGO) fmt --all --check

.PHONY: lint
lint: ## Clippy, warnings are errors
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

.PHONY: doc
doc: ## Rustdoc of every crate, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --workspace --locked

.PHONY: typos
typos: ## Spelling of code and documents (needs typos)
	$(call tool,typos,typos,typos-cli)

.PHONY: recipes
recipes: ## Check the shipped recipes, the schemas and the generated pages of the book
	$(CARGO) build --workspace --locked
	$(DEBUG) schema --check schemas/recipe.json
	$(DEBUG) schema --tables --check docs/src/reference/columns.md
	$(DEBUG) schema --rules --check docs/src/reference/rules.md
	$(DEBUG) schema --cli-reference --check docs/src/reference/cli.md
	$(DEBUG) check $(RECIPES)
	$(TRAIN_DEBUG) schema --check schemas/train.json
	$(TRAIN_DEBUG) schema --cli-reference --check docs/src/reference/cli-train.md
	$(TRAIN_DEBUG) check $(TRAIN_RECIPES)

.PHONY: schema
schema: ## Write schemas/ and the generated pages of the book
	$(CARGO) build --workspace --locked
	$(DEBUG) schema --write schemas/recipe.json
	$(DEBUG) schema --tables --write docs/src/reference/columns.md
	$(DEBUG) schema --rules --write docs/src/reference/rules.md
	$(DEBUG) schema --cli-reference --write docs/src/reference/cli.md
	$(TRAIN_DEBUG) schema --write schemas/train.json
	$(TRAIN_DEBUG) schema --cli-reference --write docs/src/reference/cli-train.md

.PHONY: docs
docs: ## Build the book in docs/book/ (needs mdBook)
	@command -v mdbook >/dev/null || { echo "mdbook is not installed; install it with: cargo install mdbook --locked" >&2; exit 1; }
	mdbook build docs

.PHONY: bench
bench: ## Benches of every stage on real text of this machine
	$(CARGO) bench --locked --workspace --bench stages --bench memory --bench warc

.PHONY: deny
deny: ## Licences, sources and advisories of dependencies (needs cargo-deny and the network)
	$(call tool,cargo-deny,cargo deny check,cargo-deny)

.PHONY: licences
licences: ## Licences and sources of dependencies (needs cargo-deny)
	$(call tool,cargo-deny,cargo deny check bans licenses sources,cargo-deny)

SECONDS ?= 60
TARGETS = $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))
.PHONY: fuzz
fuzz: ## Fuzz each target for a minute: make fuzz [TARGETS="warc robots"] [SECONDS=600]
	@if command -v cargo-fuzz >/dev/null && rustup toolchain list 2>/dev/null | grep -q nightly; then \
		$(MAKE) --no-print-directory fuzz-coverage; \
	else \
		echo 'note: mutated seeds are used. For libFuzzer, which looks for new paths through the code, run:' >&2; \
		echo 'note: rustup toolchain install nightly && cargo install --locked cargo-fuzz' >&2; \
		$(MAKE) --no-print-directory fuzz-seeds; \
	fi

.PHONY: fuzz-seeds
fuzz-seeds: ## The same by mutated seeds, on a stable toolchain
	$(CARGO) build --profile fuzz --locked -p corpusmill-fuzz-targets --features trainer
	@for target in $(TARGETS); do $(FUZZ) $$target --seconds $(SECONDS) || exit; done

.PHONY: fuzz-coverage
fuzz-coverage: ## The same by libFuzzer (needs cargo-fuzz and a nightly toolchain)
	@cp Cargo.lock fuzz/Cargo.lock
	@for target in $(TARGETS); do mkdir -p fuzz/corpus/$$target; \
		cargo +nightly fuzz run --fuzz-dir fuzz --features trainer $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(SECONDS) -max_len=65536 -timeout=20 || exit; done

.PHONY: clean
clean: ## Remove built programs; corpora and the store stay
	$(CARGO) clean
