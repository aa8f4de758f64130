#!/usr/bin/env python3
"""Scores `clean` on the pages that its classifier was trained on (see tools/train_clean.py for DATA).

    tools/score_clean.py DATA rules                                  the rules alone
    tools/score_clean.py DATA stages/extract/src/classifier/weights.bin   the built-in weights, which have seen these pages
    tools/score_clean.py DATA PREFIX.0 PREFIX.1 … PREFIX.9           out of fold: each page with the weights that have
                                                                       not seen its site

Only the last measures the quality on unseen pages. Figures:

    words       mean F1 of the bags of lower-case words of a page's text and of its main text, over the pages of wcxb
                and by page type; a page without main text scores 1 if nothing is kept, else 0
    snippets    F1 over all snippets to keep and to drop, as trafilatura counts them
    code        share of the code blocks that occur verbatim between fences
    confidence  for wcxb, per tenth: number of pages, mean `extraction_confidence`, mean F1 of words"""
import argparse, re, tempfile
from collections import Counter, defaultdict
from train_clean import SHARES, features, load, squash, words

FENCED = re.compile(r"^(`{3,})[^\n`]*\n(.*?)\n\1$", re.M | re.S)


def word_scores(truth, text):
    """Returns F1, precision and recall."""
    wanted, found = Counter(words(truth)), Counter(words(text))
    if not wanted or not found:
        return [float(not wanted and not found)] * 3
    hits = (wanted & found).total()
    return 2 * hits / (wanted.total() + found.total()), hits / found.total(), hits / wanted.total()


def snippet_counts(truth, text):
    text = squash(text)
    kept, spoilt = (sum(squash(snippet) in text for snippet in truth[side]) for side in ("with", "without"))
    return kept, len(truth["with"]) - kept, spoilt


def code_counts(truth, text):
    """Returns the number of code blocks that occur in the text, and the number of all."""
    fenced = "\n".join("\n" + block + "\n" for _, block in FENCED.findall(text))
    plain = "\n".join(line.rstrip() for line in fenced.split("\n"))
    wanted = ["\n".join(line.rstrip() for line in block.strip("\n").split("\n")) for block in truth["code"]]
    return sum(f"\n{block}\n" in plain for block in wanted), len(wanted)


def mean(numbers):
    return sum(numbers) / len(numbers)


def report_words(pages, answers):
    scores, precise, complete = zip(*[word_scores(p.truth["text"], a["text"]) for p, a in zip(pages, answers)])
    by_type, by_confidence = defaultdict(list), defaultdict(list)
    for page, answer, score in zip(pages, answers, scores):
        by_type[page.truth["type"]].append(score)
        if answer["confidence"] is not None:
            by_confidence[min(9, int(answer["confidence"] * 10))].append((answer["confidence"], score))
    types = ", ".join(f"{name} {mean(by_type[name]):.3f}" for name in sorted(by_type))
    print(f"  words {mean(scores):.3f} (precision {mean(precise):.3f}, recall {mean(complete):.3f}): {types}")
    for tenth, pairs in sorted(by_confidence.items()):
        said, true = map(mean, zip(*pairs))
        print(f"  confidence {tenth / 10:.1f}: {len(pairs)} pages, predicted {said:.3f}, actual {true:.3f}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", help="folder of the datasets")
    arguments.add_argument("weights", nargs="+", help="`rules`, one weights file, or one weights file per fold")
    arguments.add_argument("--features", default="target/release/clean_features",
                           help="path of the clean_features program (default: %(default)s)")
    arguments.add_argument("--profile", choices=["balanced", "precision"], default="balanced",
                           help="the setting `profile` (default: %(default)s)")
    given = arguments.parse_args()
    mode = "clean" if given.profile == "balanced" else "precise"
    pages = load(given.data)
    for page in pages if len(given.weights) == 1 else []:
        page.fold = 0
    with tempfile.TemporaryDirectory() as work:
        answers = list(features(given.features, [mode, *given.weights], pages, work))
    for bench in SHARES:
        mine, theirs = zip(*[(page, answer) for page, answer in zip(pages, answers) if page.bench == bench])
        print(f"{bench}, {len(mine)} pages")
        if "text" in mine[0].truth:
            report_words(mine, theirs)
        kept, missed, spoilt = map(sum, zip(*[snippet_counts(p.truth, a["text"]) for p, a in zip(mine, theirs)]))
        print(f"  snippets {2 * kept / (2 * kept + missed + spoilt):.3f}"
              f" (precision {kept / (kept + spoilt):.3f}, recall {kept / (kept + missed):.3f})")
        if "code" in mine[0].truth:
            there, wanted = map(sum, zip(*[code_counts(p.truth, a["text"]) for p, a in zip(mine, theirs)]))
            print(f"  code {there / wanted:.4f} of {wanted} blocks")


main()
