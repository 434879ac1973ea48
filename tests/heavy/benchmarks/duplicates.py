"""How surely near duplicates are found among other texts, and what it costs.

Passages of WikiText of 50 words and more are repeated in other case and punctuation, with 5 % of
their words replaced, or exchanged with the next one. The others are all pairs of passages of the
same article, as many of different articles, and texts half of which is one template. Forms, any two
of which are just not near duplicates, show that the cost of many alike grows with their number
alone, and that their own duplicates are still found. Wants CALIBSET_HUB.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from random import Random

import pyarrow.parquet as pq

from calibset.hygiene.words import split_words
from tests.hygiene.altered import KINDS, altered, replaced
from tests.hygiene.word_index import WordIndex

FILE = "Salesforce/wikitext/wikitext-2-raw-v1/test-00000-of-00001.parquet"
LEAST_WORDS = 50
ROUNDS = 5
FORMS = (1_000, 2_000, 4_000, 8_000)
REPEATED = 200

Pair = tuple[list[str], list[str]]


def main() -> None:
    passages = list(read(Path(os.environ["CALIBSET_HUB"]) / FILE))
    texts = [text for _, text in passages]
    vocabulary = [word for text in texts for word in text]
    found = missed = wrong = total = 0
    for kind in KINDS:
        random = Random(kind)
        pairs = [(text, split_words(altered(kind, text, vocabulary, random))) for text in texts]
        near = count(pairs)
        found, missed = found + near, missed + len(pairs) - near
        print(f"5 % of the words {kind:<10} {near:6,} of {len(pairs):6,} found")
    for kind, pairs in others(passages, vocabulary).items():
        near = count(pairs)
        wrong, total = wrong + near, total + len(pairs)
        print(f"{kind:<27} {near:6,} of {len(pairs):6,} taken for duplicates")
    print(f"recall {found / (found + missed):.4f}, precision {found / (found + wrong):.4f}, ", end="")
    print(f"{found + missed + total:,} pairs")
    cost(texts)
    for number in FORMS:
        cost_of_forms(number, vocabulary)


def read(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the words of each long paragraph, with the number of its article."""
    article = 0
    for text in pq.read_table(path)["text"].to_pylist():
        if text.startswith(" = ") and not text.startswith(" = ="):
            article += 1
        elif not text.startswith(" =") and len(words := split_words(text)) >= LEAST_WORDS:
            yield article, words


def others(passages: list[tuple[int, list[str]]], vocabulary: list[str]) -> dict[str, list[Pair]]:
    """Return pairs of texts that are no duplicates, by their kind."""
    random = Random(42)
    same = [(one, two) for (a, one), (b, two) in combinations(passages, 2) if a == b]
    different: list[Pair] = []
    while len(different) < len(same):
        (a, one), (b, two) = random.sample(passages, 2)
        if a != b:
            different.append((one, two))
    frame = passages[0][1][:60]
    forms = [
        (templated(frame, vocabulary, random), templated(frame, vocabulary, random)) for _ in range(1_000)
    ]
    return {"of the same article": same, "of different articles": different, "of the same template": forms}


def templated(frame: list[str], vocabulary: list[str], random: Random) -> list[str]:
    """Return a text whose every other ten words are the frame's."""
    filled = (
        (*frame[start : start + 10], *random.choices(vocabulary, k=10)) for start in range(0, len(frame), 10)
    )
    return [word for part in filled for word in part]


def count(pairs: list[Pair]) -> int:
    """Return how many pairs are duplicates."""
    return sum(_duplicate(*pair) for pair in pairs)


def _duplicate(first: list[str], second: list[str]) -> bool:
    index = WordIndex(near=True)
    index.find_or_add("first", "", first)
    return index.find_or_add("second", "", second) is not None


def cost(texts: list[list[str]]) -> None:
    """Print what it takes to add all texts to one index."""
    size = sum(len(" ".join(text).encode()) for text in texts) / 1e6
    for name, near in (("exact", False), ("near", True)):
        seconds = min(timed(lambda near=near: fill(texts, near)) for _ in range(ROUNDS))  # type: ignore[misc]
        print(f"{name:<5} {seconds / size:.3f} s a MB ({size:.1f} MB, {len(texts):,} texts)")


def cost_of_forms(number: int, vocabulary: list[str]) -> None:
    """Print what it takes to add forms of a similarity of 0.74, and how many repeated ones are found."""
    random = Random(42)
    known = sorted(set(vocabulary))
    frame = random.sample(known, 100)
    forms = [[*frame[:40], *random.choices(known, k=15), *frame[55:]] for _ in range(number)]
    index = WordIndex(near=True)
    start = time.perf_counter()
    for position, form in enumerate(forms):
        index.find_or_add("forms", str(position), form)
    seconds = time.perf_counter() - start
    repeated = [replaced(form, known, random) for form in random.sample(forms, REPEATED)]
    found = sum(index.find_or_add("repeated", "", form) is not None for form in repeated)
    print(f"{number:,} forms: {seconds:.1f} s, {found} of {REPEATED} repeated ones found")


def fill(texts: list[list[str]], near: bool) -> None:
    index = WordIndex(near=near)
    for number, text in enumerate(texts):
        index.find_or_add("wikitext", str(number), text)


def timed(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
