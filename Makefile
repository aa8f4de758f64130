# corpusmill. `make help` lists the targets.
RECIPE ?= code-heavy
ARGS ?=
CARGO ?= cargo
RELEASE = $(or $(CARGO_TARGET_DIR),target)/release/corpusmill
DEBUG = $(or $(CARGO_TARGET_DIR),target)/debug/corpusmill
RECIPES = $(wildcard recipes/*.yaml)
TRAIN_RELEASE = $(or $(CARGO_TARGET_DIR),target)/release/corpusmill-train
TRAIN_DEBUG = $(or $(CARGO_TARGET_DIR),target)/debug/corpusmill-train
TRAIN_RECIPES = $(wildcard recipes/train/*.yaml)
DEVICE ?= cpu
# Burn's back ends of the devices: `vulkan:1` needs the feature `vulkan`, `cuda:0,cuda:1` the feature `cuda`.
comma = ,
BACK_ENDS = $(filter-out cpu,$(sort $(foreach device,$(subst $(comma), ,$(DEVICE)),$(firstword $(subst :, ,$(device))))))
BACK_END = $(addprefix --features corpusmill-trainer/,$(BACK_ENDS))

.DEFAULT_GOAL := help

# Programs are built with `--workspace --bin`: cargo then settles features for all crates together, so that what both
# programs need is compiled once, and only what the one needs is compiled at all.

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  %-12s %s\n", $$1, $$2 }'

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
.PHONY: test-gpu
test-gpu: ## A few training steps on a card, or Mesa's software driver, beside the processor's: make test-gpu [GPU=vulkan]
	CORPUSMILL_GPU=$(GPU) $(CARGO) test --locked --workspace --features corpusmill-trainer/$(firstword $(subst :, ,$(GPU))) --test gpu

PEAK ?= 989
.PHONY: bench-gpu
bench-gpu: ## Speed and memory of 125 M and 1 B on a card: make bench-gpu DEVICE=vulkan PEAK=teraflops
	$(CARGO) build --release --locked --workspace $(BACK_END) --example bench_gpu
	$(dir $(TRAIN_RELEASE))examples/bench_gpu $(DEVICE) $(PEAK) recipes/train/llama-125m.yaml recipes/train/llama-1b.yaml

.PHONY: check
check: format lint test recipes ## Format, lint, tests, recipes and schemas: what CI runs

.PHONY: format
format: ## Check the format
	$(CARGO) fmt --all --check

.PHONY: lint
lint: ## Clippy, warnings are errors
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

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
deny: ## Licences and sources of dependencies (needs cargo-deny)
	$(CARGO) deny check

.PHONY: clean
clean: ## Remove built programs; corpora and the store stay
	$(CARGO) clean
