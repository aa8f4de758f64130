#!/usr/bin/env python3
"""Trains the weights of the classifier of `clean` (stages/extract/src/classifier/weights.bin).

    cargo build --release -p corpusmill-tools --bin clean_features
    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 lightgbm==4.7.0 rapidfuzz==3.14.6
    venv/bin/python tools/train_clean.py DATA --output stages/extract/src/classifier/weights.bin [--folds PREFIX]

DATA contains folders of pages, each with html/<id>.html and truth.jsonl:

    wcxb         779 pages with their main text: the development split of the Web Content Extraction Benchmark
                 (github.com/Murrough-Foley/web-content-extraction-benchmark, annotations CC BY 4.0)
    trafilatura  990 pages with snippets to keep and to drop: the evaluation data of trafilatura
                 (github.com/adbar/trafilatura, tests/, Apache-2.0)
    docs-code    92 pages with code blocks and sentences to keep and boilerplate to drop: the documentation of Python
                 and Rust (PSF licence; MIT or Apache-2.0)

The licences cover the annotations; the pages belong to their publishers. This script writes only weights, no text.

Method: `clean_features`, which runs the code that classifies pages, computes the blocks and rows of each page. The
target of a block of wcxb is the share of its words that align with the main text (longest common subsequence of words);
the target of a block of the other sets is 1 if it contains a snippet to keep. The weight of a block of wcxb is its
number of words as a share of the main text and of the text that the rules keep: approximately what the block can add to
the page's F1 or take from it. The model is the mean of three gradient-boosted ensembles of extremely randomised trees
(Geurts et al. 2006).
With --folds, ten more models are trained, each on the sites of nine folds of ten. PREFIX.0 to PREFIX.9 contain their
weights, so that `tools/score_clean.py` can score every page with weights that have not seen its site.

Fixed seeds, pinned versions and LightGBM's deterministic mode are meant to give the same weights for the same data.
Predictions from given weights are exact on every machine."""
import argparse, base64, concurrent.futures, hashlib, json, os, re, struct, subprocess, sys, tempfile, time
import lightgbm
import numpy as np
from rapidfuzz.distance import LCSseq

FOLDS = 10
# Weight of each dataset in the loss, as a sum over its blocks.
SHARES = {"wcxb": 1.0, "trafilatura": 0.5, "docs-code": 0.1}
ROUNDS = 300
SEEDS = (7, 8, 9)
PARAMETERS = dict(objective="cross_entropy", extra_trees=True, learning_rate=0.1, num_leaves=31, min_data_in_leaf=60,
                  min_sum_hessian_in_leaf=1, feature_fraction=0.3, bagging_fraction=0.8, bagging_freq=1, lambda_l2=5, max_bin=63,
                  num_threads=1, deterministic=True, force_row_wise=True, verbose=-1)
# Boosted trees are overconfident on unseen pages; this factor multiplies the logarithm of the odds.
CERTAINTY = 0.75
# A smaller share of a block's words in the main text is chance.
CHANCE = 0.3
WORD = re.compile(r"\w+")


def words(text):
    return WORD.findall(text.lower())


def squash(text):
    return " ".join(text.split())


def site(url):
    """Returns the approximate registrable domain: two labels, or three below second-level domains such as `co.uk`."""
    labels = re.sub(r"^\w+://", "", url).split("/")[0].split(":")[0].lower().split(".")
    return ".".join(labels[-3:] if len(labels) >= 3 and len(labels[-1]) == 2 and len(labels[-2]) <= 3 else labels[-2:])


class Page:
    def __init__(self, bench, truth, html):
        self.bench, self.truth, self.html = bench, truth, html
        name = site(truth.get("url") or truth["id"]) if bench != "docs-code" else truth["id"].split("-")[0]
        self.fold = int(hashlib.sha256(name.encode()).hexdigest(), 16) % FOLDS

    def label(self, texts, kept):
        """Sets `target` and `weight` of every block."""
        self.kept, self.target, self.weight = np.array(kept, bool), np.zeros(len(texts)), np.zeros(len(texts))
        if "text" in self.truth:
            self.label_by_text([words(text) for text in texts])
        else:
            self.label_by_snippets([squash(text) for text in texts])

    def label_by_text(self, blocks):
        ids, page, owner = {}, [], []
        for at, block in enumerate(blocks):
            page += [ids.setdefault(word, len(ids)) for word in block]
            owner += [at] * len(block)
        truth = [ids.setdefault(word, len(ids)) for word in words(self.truth["text"])]
        hits = np.zeros(len(blocks))
        for piece in LCSseq.opcodes(page, truth) if page and truth else []:
            if piece.tag == "equal":
                np.add.at(hits, owner[piece.src_start:piece.src_end], 1)
        size = np.array([len(block) for block in blocks], float)
        share = hits / np.maximum(size, 1)
        self.target = np.where(share < CHANCE, 0, share)
        size = np.maximum(size, 1)
        main = max(len(truth), 100)
        # A page without main text is weak evidence: some annotations come from pages that are filled by scripts.
        self.weight = size / max(main, (main + size[self.kept].sum()) / 2) * (1 if truth else 0.3)

    def label_by_snippets(self, texts):
        for snippet in map(squash, self.truth["without"]):
            self.weight += [snippet in text for text in texts]
        for snippet in map(squash, self.truth["with"]):
            found = [at for at, text in enumerate(texts) if snippet in text]
            if len(found) > 1:
                found = [at for at in found if self.kept[at]][:1] or [max(found, key=lambda at: len(texts[at]))]
            self.target[found] = 1
            self.weight[found] += 1
        for code in map(squash, self.truth.get("code", [])):
            found = [at for at, text in enumerate(texts) if code in text]
            self.target[found] = 1
            self.weight[found] += 0.5


def load(data):
    pages = []
    for bench in SHARES:
        with open(f"{data}/{bench}/truth.jsonl", encoding="utf-8") as lines:
            for truth in map(json.loads, lines):
                with open(f"{data}/{bench}/html/{truth['id']}.html", encoding="utf-8", newline="") as html:
                    pages.append(Page(bench, truth, html.read()))
    return pages


def features(program, arguments, pages, work):
    """Yields the output of `clean_features`, called with these arguments, for each page, in order."""
    path = os.path.join(work, "pages.jsonl")
    with open(path, "w", encoding="utf-8") as out:
        for at, page in enumerate(pages):
            out.write(json.dumps({"id": at, "html": page.html, "fold": page.fold}) + "\n")
    with open(path, "rb") as given:
        process = subprocess.Popen([program, *arguments], stdin=given, stdout=subprocess.PIPE)
        yield from map(json.loads, process.stdout)
        if process.wait():
            sys.exit(f"{program} failed")


def rows(program, pages, work):
    parts = []
    for line in features(program, ["rows"], pages, work):
        if line["columns"]:
            parts.append(np.frombuffer(base64.b64decode(line["rows"]), "<i2").reshape(-1, line["columns"]))
    return np.concatenate(parts).astype(np.float32)


def loss_weights(pages):
    weight = np.concatenate([page.weight for page in pages])
    bench = np.concatenate([[page.bench] * len(page.target) for page in pages])
    for name, share in SHARES.items():
        weight[bench == name] *= share / max(weight[bench == name].sum(), 1e-9)
    return weight * (weight > 0).sum()


def fit(table, target, weight):
    told = weight > 0
    rows = lightgbm.Dataset(table[told], label=target[told], weight=weight[told], params=PARAMETERS, free_raw_data=False)
    return [lightgbm.train(PARAMETERS | dict(seed=seed), rows, ROUNDS) for seed in SEEDS]


def trees_of(model):
    """Yields the splits and leaves of each tree; `gbdt.rs` documents the format."""
    for info in model.dump_model()["tree_info"]:
        splits, leaves, open_ = [], [], [(info["tree_structure"], None)]
        while open_:
            node, parent = open_.pop()
            if "split_index" in node:
                place = len(splits)
                splits.append([node["split_feature"], int(np.floor(node["threshold"])), 0, 0])
                open_ += [(node["right_child"], (place, 3)), (node["left_child"], (place, 2))]
            else:
                leaves.append(node["leaf_value"])
                place = -len(leaves)
            if parent:
                splits[parent[0]][parent[1]] = place
        yield splits, leaves


def forest(models):
    """Returns the weights file of the mean of the models, as bytes."""
    trees = [tree for model in models for tree in trees_of(model)]
    unit = int(32000 / max(abs(leaf) for _, leaves in trees for leaf in leaves))
    out = b"CMJ1" + struct.pack("<IIii", models[0].num_feature(), len(trees), int(unit * len(models) / CERTAINTY), 0)
    for splits, leaves in trees:
        out += struct.pack("<H", len(splits))
        for column, threshold, left, right in splits:
            out += struct.pack("<Hhhh", column, max(-32768, min(32767, threshold)), left, right)
        out += struct.pack(f"<{len(leaves)}h", *(round(leaf * unit) for leaf in leaves))
    return out


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", help="folder of the datasets")
    arguments.add_argument("--features", default="target/release/clean_features",
                           help="path of the clean_features program (default: %(default)s)")
    arguments.add_argument("--output", required=True, help="file for the weights")
    arguments.add_argument("--folds", metavar="PREFIX", help="write the weights of each fold to PREFIX.0 … PREFIX.9")
    arguments.add_argument("--work", metavar="DIR", default=tempfile.gettempdir(),
                           help="folder for temporary files (default: %(default)s)")
    given = arguments.parse_args()
    pages = load(given.data)
    for page, line in zip(pages, features(given.features, ["blocks"], pages, given.work)):
        page.label(line["texts"], line["kept"])
    target, weight = np.concatenate([page.target for page in pages]), loss_weights(pages)
    fold = np.concatenate([np.full(len(page.target), page.fold) for page in pages])
    table = rows(given.features, pages, given.work)
    print(f"{table.shape[0]} blocks, {table.shape[1]} columns", file=sys.stderr, flush=True)
    weights = {given.output: weight}
    for number in range(FOLDS) if given.folds else []:
        weights[f"{given.folds}.{number}"] = np.where(fold == number, 0, weight)

    def learn(path):
        learned = forest(fit(table, target, weights[path]))
        with open(path, "wb") as out:
            out.write(learned)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(learn, weights))


if __name__ == "__main__":
    main()
