"""Quality filters and near duplicates by Data-Juicer: filters of words and characters, then MinHash.

    python data_juicer_script.py TEXTS.jsonl FOLDER

The texts that are kept end up in FOLDER/kept. It runs in an environment of its own, without calibset.
"""

from __future__ import annotations

import sys
from pathlib import Path

from data_juicer.core.data import NestedDataset
from data_juicer.ops.deduplicator import DocumentMinhashDeduplicator
from data_juicer.ops.filter import (
    AlphanumericFilter,
    CharacterRepetitionFilter,
    SpecialCharactersFilter,
    TextLengthFilter,
    WordRepetitionFilter,
    WordsNumFilter,
)
from datasets import load_dataset


def main(texts: str, folder: str) -> None:
    Path(folder, "kept").mkdir()
    given = NestedDataset(load_dataset("json", data_files=texts, split="train"))
    steps = (
        TextLengthFilter(min_len=100),
        WordsNumFilter(min_num=50, max_num=100_000),
        AlphanumericFilter(min_ratio=0.25),
        SpecialCharactersFilter(max_ratio=0.4),
        CharacterRepetitionFilter(max_ratio=0.5),
        WordRepetitionFilter(max_ratio=0.5),
        DocumentMinhashDeduplicator(jaccard_threshold=0.77, num_permutations=128, lowercase=True),
    )
    given.process(list(steps)).to_json(f"{folder}/kept/texts.jsonl")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
