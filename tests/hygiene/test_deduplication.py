"""Documents that were seen before are found; others, however alike, are not."""

from __future__ import annotations

import ast
import gc
import os
import re
import subprocess
import sys
import sysconfig
import tracemalloc
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.hygiene import deduplication
from calibset.hygiene.deduplication import _WORD_HASHES, SIMILARITY, Duplicate, Fingerprint, make_fingerprint
from calibset.hygiene.words import split_words
from tests.hygiene.altered import KINDS, altered, redressed
from tests.hygiene.word_index import WordIndex

Shingles = npt.NDArray[np.uint64]

PASSAGES = 250
VOCABULARY = [f"{first}{second}{last}" for first in "bdklmprst" for second in "aeiou" for last in "nrslmtk"]
# As often as words of such a rank are in a language.
FREQUENCIES = list(accumulate(1 / (rank + 2) for rank in range(len(VOCABULARY))))

LONG = split_words(
    "The insurer pays for damage to the insured building by fire, lightning, explosion, and falling aircraft,"
    " up to the sum insured, less the deductible that the schedule names for each event of the period."
)


def pair(first: list[str], second: list[str], *, near: bool = True) -> Duplicate | None:
    """Return what an index says of the second text when it holds the first."""
    index = WordIndex(near=near)
    assert index.find_or_add("a", "first", first) is None
    return index.find_or_add("b", "second", second)


def zipf(length: int, random: Random) -> list[str]:
    """Return a text of made-up words, the first of them as frequent as in a language."""
    return random.choices(VOCABULARY, cum_weights=FREQUENCIES, k=length)


def with_word(place: int, word: str) -> list[str]:
    """Return the long text of 34 words with another word in a place."""
    return [*LONG[:place], word, *LONG[place + 1 :]]


# --- Exactly the same -------------------------------------------------------------------------


def test_hashes_of_words_are_kept_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibset.hygiene.deduplication._MOST_HASHES", 30)
    texts = [[*(f"word{n}" for n in range(start, start + 25)), "w" * 1_000] for start in (0, 10, 60)]
    first = [make_fingerprint(text, sketches=True) for text in texts]
    assert len(_WORD_HASHES) <= 30
    assert max(map(len, _WORD_HASHES)) < 1_000
    _WORD_HASHES.clear()
    for text, before in zip(texts, first, strict=True):
        again = make_fingerprint(text, sketches=True)
        assert again is not None
        assert again.near is not None
        assert before is not None
        assert before.near is not None
        assert again.near.shingles.tolist() == before.near.shingles.tolist()


def test_a_text_whose_words_were_met_before_needs_no_sketch() -> None:
    first = make_fingerprint(LONG, sketches=True)
    assert first is not None
    assert first.near is not None
    assert make_fingerprint(LONG, sketches=True, known={first.digest}) == Fingerprint(first.digest)


@pytest.mark.parametrize("near", [False, True])
def test_the_same_words_are_a_duplicate_of_the_first(near: bool) -> None:
    index = WordIndex(near=near)
    assert index.find_or_add("wiki", "1", LONG) is None
    assert index.find_or_add("web", "2", LONG) == Duplicate(
        document="2", source="wiki", kept="1", similarity=1.0, exact=True
    )
    assert index.find_or_add("web", "3", LONG) == Duplicate(
        document="3", source="wiki", kept="1", similarity=1.0, exact=True
    )


def test_case_punctuation_markup_and_ways_to_compose_a_letter_make_no_difference() -> None:
    first = split_words("Poistná zmluva sa uzatvára na 1,000 dní")
    assert pair(first, split_words("<b>POISTNA\u0301</b> zmlu\u00adva sa «uzatvára» na 1 @,@ 000 dní!"))


def test_texts_without_words_are_never_duplicates() -> None:
    assert pair([], []) is None
    assert pair(LONG, []) is None


def test_words_that_run_together_are_other_words() -> None:
    assert pair(["ab", "c"], ["a", "bc"]) is None


def test_lone_surrogates_are_words_like_others() -> None:
    assert pair(["a\ud800", *LONG], ["a\ud800", *LONG])
    assert pair(["a\ud800", "b"], ["a\ud801", "b"]) is None


def test_nearly_the_same_is_not_exactly_the_same() -> None:
    assert pair(LONG, with_word(9, "storm"), near=False) is None


def test_near_duplicates_that_pass_are_found_again() -> None:
    index = WordIndex(near=True)
    again = with_word(9, "storm")
    assert index.find_or_add("near", "1", LONG) is None
    assert index.find_or_add("exact", "2", again, near=False) is None
    copy = Duplicate(document="3", source="exact", kept="2", similarity=1.0, exact=True)
    assert index.find_or_add("exact", "3", again, near=False) == copy
    assert index.find_or_add("near", "4", again) == replace(copy, document="4")
    nearest = with_word(9, "flood")
    assert index.find_or_add("near", "5", nearest) == Duplicate(
        document="5", source="near", kept="1", similarity=64 / 70, exact=False
    )


def test_what_passed_as_not_the_same_is_found_by_near_ones_after_it() -> None:
    index = WordIndex(near=True)
    second = [*LONG[:3], "hail", *LONG[4:12], "storm", *LONG[13:]]
    assert index.find_or_add("s", "1", LONG) is None
    assert index.find_or_add("s", "2", second, near=False) is None
    found = index.find_or_add("s", "3", [*second[:22], "frost", *second[23:]])
    assert found is not None
    assert (found.kept, found.exact) == ("2", False)


def test_the_same_words_in_reversed_order_are_near_and_not_the_same() -> None:
    reversed_ = LONG[::-1]
    assert pair(LONG, reversed_) == Duplicate(
        document="second", source="a", kept="first", similarity=1.0, exact=False
    )
    index = WordIndex(near=True)
    assert index.find_or_add("s", "1", LONG) is None
    assert index.find_or_add("s", "2", reversed_, near=False) is None
    assert index.find_or_add("s", "3", reversed_) == Duplicate(
        document="3", source="s", kept="2", similarity=1.0, exact=True
    )


@pytest.mark.parametrize("near", [False, True])
def test_what_is_noted_is_found_and_the_first_of_the_same_words_stays(near: bool) -> None:
    index = WordIndex(near=near)
    index.add("kept", "1", LONG)
    index.add("kept", "2", LONG)
    index.add("kept", "3", [])
    assert index.find_or_add("web", "4", LONG) == Duplicate(
        document="4", source="kept", kept="1", similarity=1.0, exact=True
    )
    assert bool(index.find_or_add("web", "5", with_word(9, "storm"))) is near


def test_a_near_duplicate_that_is_noted_is_found_itself() -> None:
    index = WordIndex(near=True)
    assert index.find_or_add("s", "1", LONG) is None
    index.add("kept", "2", with_word(9, "storm"))
    found = index.find_or_add("s", "3", with_word(9, "storm"))
    assert found == Duplicate(document="3", source="kept", kept="2", similarity=1.0, exact=True)


def test_ids_of_any_characters_come_back() -> None:
    index = WordIndex(near=False)
    index.find_or_add("zdroj", "poistné \ud800 保険", LONG)
    found = index.find_or_add("s", "2", LONG)
    assert found is not None
    assert found.kept == "poistné \ud800 保険"


# --- Nearly the same --------------------------------------------------------------------------


def test_one_other_word_is_near() -> None:
    # One of 34 words and two of 33 pairs are others.
    near = Duplicate(document="second", source="a", kept="first", similarity=64 / 70, exact=False)
    assert pair(LONG, with_word(9, "storm")) == near


def test_an_exchange_of_neighbours_is_near() -> None:
    # Of the three pairs that hold one of the two, the one that holds both is still there.
    near = Duplicate(document="second", source="a", kept="first", similarity=65 / 69, exact=False)
    assert pair(LONG, [*LONG[:9], LONG[10], LONG[9], *LONG[11:]]) == near


def test_the_same_words_in_quite_another_order_are_another_text() -> None:
    assert pair(LONG, sorted(LONG)) is None


def test_how_often_a_word_comes_counts() -> None:
    assert pair(["no"] * 30, ["no"] * 60) is None
    assert pair(["no"] * 30, ["no"] * 28)


def test_short_texts_are_duplicates_only_if_their_words_are_the_same() -> None:
    short = LONG[:19]
    assert pair(short, [*short[:18], "other"]) is None
    assert pair(LONG[:20], [*LONG[:19], "other"]) is not None
    assert pair(["means", "loss", "of", "profit"], ["means", "loss", "of", "income"]) is None


def test_a_part_is_no_duplicate_of_the_whole() -> None:
    assert pair(LONG, LONG[:24]) is None


def test_of_several_the_most_similar_is_named() -> None:
    index = WordIndex(near=True, similarity=0.8)
    further = [*LONG[:3], "hail", *LONG[4:12], "storm", *LONG[13:]]
    assert index.find_or_add("s", "further", further) is None
    assert index.find_or_add("s", "closer", with_word(20, "flood")) is None
    assert index.find_or_add("s", "query", LONG) == Duplicate(
        document="query", source="s", kept="closer", similarity=64 / 70, exact=False
    )


def test_of_equally_similar_ones_the_first_is_named() -> None:
    index = WordIndex(near=True, similarity=0.9)
    for document, place in (("zz", 3), ("aa", 12), ("mm", 20)):
        assert index.find_or_add("s", document, with_word(place, "storm")) is None
    assert index.find_or_add("s", "query", LONG) == Duplicate(
        document="query", source="s", kept="zz", similarity=64 / 70, exact=False
    )


def test_a_near_duplicate_is_not_kept_itself() -> None:
    index = WordIndex(near=True)
    index.find_or_add("s", "1", LONG)
    assert index.find_or_add("s", "2", with_word(9, "storm"))
    third = index.find_or_add("s", "3", with_word(9, "storm"))
    assert third is not None
    assert third.kept == "1"


@pytest.mark.parametrize("similarity", [0.0, 0.59, 1.01, float("nan")])
def test_a_similarity_that_cannot_be_kept_is_refused(similarity: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"similarity must be from 0.6 to 1, got {similarity}")):
        WordIndex(near=True, similarity=similarity)


def test_the_threshold_is_inclusive() -> None:
    second = with_word(9, "storm")
    for similarity, found in ((64 / 70, True), (64 / 70 + 1e-9, False)):
        index = WordIndex(near=True, similarity=similarity)
        index.find_or_add("s", "1", LONG)
        assert bool(index.find_or_add("s", "2", second)) is found


# --- Many of one template ---------------------------------------------------------------------


def forms(count: int, random: Random) -> list[list[str]]:
    """Return texts of 100 words that differ in 15 in a row, so that any two are just not near."""
    frame = random.sample(VOCABULARY, 100)
    return [[*frame[:40], *random.choices(VOCABULARY, k=15), *frame[55:]] for _ in range(count)]


def test_few_are_counted_out_however_many_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, jaccard = [], deduplication.measure_similarity

    def counting(some: Shingles, other: Shingles) -> float:
        counted.append(similarity := jaccard(some, other))
        return similarity

    monkeypatch.setattr(deduplication, "measure_similarity", counting)
    index = WordIndex(near=True, similarity=0.8)
    texts = forms(600, Random(1))
    assert all(index.find_or_add("s", str(number), text) is None for number, text in enumerate(texts[:-1]))
    counted.clear()
    assert index.find_or_add("s", "last", texts[-1]) is None
    assert len(counted) == 64
    assert 0.7 < min(counted) < max(counted) < 0.8


def test_each_of_a_template_is_found_as_its_own_original() -> None:
    random = Random(5)
    index = WordIndex(near=True, similarity=0.8)
    texts = forms(900, random)
    for number, text in enumerate(texts):
        index.add("s", str(number), text)
    for number in range(0, 900, 9):
        text = list(texts[number])
        text[number % 40] = "another"
        found = index.find_or_add("s", "again", text)
        assert found is not None
        assert found.kept == str(number)


# --- Memory -----------------------------------------------------------------------------------


def filled(most_bytes: int, length: int, *, near: bool) -> tuple[WordIndex, int, int]:
    """Return an index that was just filled, how many texts it holds, and what it takes in memory."""
    random = Random(1)
    index = WordIndex(near=near, most_bytes=most_bytes)
    for word in VOCABULARY:
        WordIndex(near=True).find_or_add("s", word, [word] * 20)
    gc.collect()
    tracemalloc.start()
    held = 0
    while index.not_indexed == 0:
        index.add("s", f"train-00000.parquet#{held}", random.choices(VOCABULARY, k=length))
        held += 1
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return index, held, taken


@pytest.mark.parametrize(("near", "length"), [(False, 10), (True, 10), (True, 20), (True, 300)])
@pytest.mark.slow
def test_a_full_index_takes_no_more_than_it_may(near: bool, length: int) -> None:
    _, held, taken = filled(1_500_000, length, near=near)
    assert held > 100
    assert taken <= 1_500_000
    # Short texts need no room for near duplicates, long ones little for their names.
    assert taken >= (150_000 if near and length < 20 else 600_000)


def test_what_came_before_an_index_was_full_is_still_found() -> None:
    index, _, _ = filled(100_000, 50, near=True)
    random = Random(1)
    first, later = random.choices(VOCABULARY, k=50), zipf(50, Random(2))
    found = index.find_or_add("s", "again", [*first[:-1], "another"])
    assert found is not None
    assert found.kept == "train-00000.parquet#0"
    assert index.find_or_add("s", "later", later) is None
    assert index.find_or_add("s", "near", [*later[:-1], "another"]) is None
    # There is more room for texts that are exactly the same.
    assert index.find_or_add("s", "same", later) == Duplicate(
        document="same", source="s", kept="later", similarity=1.0, exact=True
    )
    assert index.not_indexed


def test_an_index_without_room_passes_everything_and_says_so() -> None:
    index = WordIndex(near=True, most_bytes=0)
    fullness = [index.not_indexed > 0]
    for document in ("1", "2"):
        assert index.find_or_add("s", document, LONG) is None
        fullness.append(index.not_indexed > 0)
    assert fullness == [False, True, True]


def test_once_full_smaller_texts_are_not_put_in_either() -> None:
    index = WordIndex(near=False, most_bytes=1_000)
    assert index.find_or_add("s", "x" * 900, LONG) is None
    assert index.not_indexed
    assert index.find_or_add("s", "1", LONG) is None
    assert index.find_or_add("s", "2", LONG) is None


# --- A labelled set ---------------------------------------------------------------------------


def docstrings() -> list[tuple[str, list[str]]]:
    """Return passages of 50 words and more of Python's own documentation, each with its module."""
    found: dict[tuple[str, ...], tuple[str, list[str]]] = {}
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("[a-l]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                said = split_words(ast.get_docstring(node) or "")
                if len(said) >= 50:
                    found.setdefault(tuple(said), (path.stem, said))
    return Random(42).sample(list(found.values()), PASSAGES)


def templated(random: Random) -> list[str]:
    """Return an answer of a service, half of which is the same in all of them."""
    slots = [zipf(8, random) for _ in range(6)]
    frame = (LONG[:8], LONG[8:16], LONG[16:24], LONG[24:32], LONG[:4], LONG[30:])
    return [word for slot, fixed in zip(slots, frame, strict=True) for word in (*slot, *fixed)]


@pytest.fixture(scope="module")
def passages() -> list[tuple[str, list[str]]]:
    return docstrings()


@pytest.mark.slow
def test_swapped_words_are_found_and_other_texts_are_not(passages: list[tuple[str, list[str]]]) -> None:
    random = Random(7)
    texts = [text for _, text in passages] + [zipf(random.randint(50, 300), random) for _ in range(100)]
    vocabulary = [word for text in texts for word in text]
    positives = [
        (text, split_words(altered(kind, text, vocabulary, random))) for kind in KINDS for text in texts
    ]
    negatives = [tuple(random.sample(texts, 2)) for _ in range(300)]
    negatives += [
        (text, later)
        for number, (module, text) in enumerate(passages)
        for other, later in passages[number + 1 :]
        if module == other
    ]
    negatives += [(templated(random), templated(random)) for _ in range(200)]
    assert len(positives) + len(negatives) >= 1_000

    found = sum(pair(*both) is not None for both in positives)
    wrong = sum(pair(*both) is not None for both in negatives)
    assert found / len(positives) >= 0.99
    assert found / (found + wrong) >= 0.99


def test_all_in_one_index_each_is_found_as_its_own_original() -> None:
    random = Random(11)
    index = WordIndex(near=True)
    texts = [zipf(random.randint(50, 200), random) for _ in range(300)]
    assert [index.find_or_add("s", str(number), text) for number, text in enumerate(texts)] == [None] * len(
        texts
    )
    for kind in KINDS:
        for number, text in enumerate(texts):
            found = index.find_or_add("again", kind, split_words(altered(kind, text, VOCABULARY, random)))
            assert found is not None
            assert found.kept == str(number)
            assert SIMILARITY <= found.similarity < 1


# --- Properties -------------------------------------------------------------------------------

SOME_WORD = st.text(st.characters(categories=("Ll", "Nd")), min_size=1, max_size=6)
SOME_TEXT = st.lists(SOME_WORD, min_size=1, max_size=60)


@given(texts=st.lists(SOME_TEXT, max_size=8), near=st.booleans())
def test_the_same_words_always_find_a_document_that_was_kept(texts: list[list[str]], near: bool) -> None:
    index = WordIndex(near=near)
    kept = {str(number) for number, text in enumerate(texts) if not index.find_or_add("s", str(number), text)}
    for text in texts:
        found = index.find_or_add("s", "again", text)
        assert found is not None
        assert found.kept in kept


@given(text=SOME_TEXT, near=st.booleans(), between=st.lists(SOME_TEXT, max_size=4))
def test_the_first_of_the_same_words_is_found(text: list[str], near: bool, between: list[list[str]]) -> None:
    index = WordIndex(near=near)
    index.find_or_add("first", "first", text)
    for other in between:
        index.find_or_add("s", "other", other)
    assert index.find_or_add("s", "again", text) == Duplicate(
        document="again", source="first", kept="first", similarity=1.0, exact=True
    )


@given(seed=st.integers(0, 2**32))
def test_case_punctuation_and_spacing_never_matter(seed: int) -> None:
    random = Random(seed)
    text = zipf(random.randint(1, 80), random)
    found = pair(
        split_words(redressed(text, random)), split_words(redressed(text, random)), near=random.random() < 0.5
    )
    assert found is not None
    assert found.similarity == 1.0
    assert found.exact


@given(order=st.permutations(range(12)), kind=st.sampled_from(sorted(KINDS)))
def test_the_order_of_unrelated_documents_does_not_matter(order: list[int], kind: str) -> None:
    texts = [zipf(60 + number, Random(number)) for number in range(12)]
    query = split_words(altered(kind, texts[5], VOCABULARY, Random(1)))
    index = WordIndex(near=True)
    assert all(index.find_or_add("s", str(number), texts[number]) is None for number in order)
    found = index.find_or_add("s", "query", query)
    alone = pair(texts[5], query)
    assert found is not None
    assert alone is not None
    assert (found.kept, found.similarity) == ("5", alone.similarity)


@given(texts=st.lists(st.tuples(SOME_TEXT, st.booleans()), max_size=8))
def test_whatever_passes_is_recorded(texts: list[tuple[list[str], bool]]) -> None:
    index = WordIndex(near=True)
    for number, (text, near) in enumerate(texts):
        found = index.find_or_add("s", str(number), text, near=near)
        again = index.find_or_add("s", "again", text)
        assert again is not None
        if found is None:
            assert again == Duplicate(
                document="again", source="s", kept=str(number), similarity=1.0, exact=True
            )
        else:
            assert near or found.exact


@given(first=SOME_TEXT, second=SOME_TEXT)
def test_which_of_two_comes_first_makes_no_difference(first: list[str], second: list[str]) -> None:
    one, other = pair(first, second), pair(second, first)
    assert (one and one.similarity) == (other and other.similarity)


# --- The same in every run --------------------------------------------------------------------

RUN = """
from random import Random
from tests.hygiene.altered import altered
from tests.hygiene.test_deduplication import VOCABULARY, WordIndex, forms, templated, split_words
random, index = Random(3), WordIndex(near=True, similarity=0.6)
for number, text in enumerate(forms(600, random)):
    index.add("forms", str(number), text)
    if number % 20 == 0:
        print(index.find_or_add("s", "form", split_words(altered("replaced", text, VOCABULARY, random))))
for number in range(60):
    text = templated(random)
    print(index.find_or_add("s", str(number), text))
    print(index.find_or_add("s", "near", split_words(altered("replaced", text, VOCABULARY, random))))
"""


@pytest.mark.slow
def test_runs_do_not_differ_whatever_the_hash_seed() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", RUN],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4294967295")
    }
    assert len(said) == 1
    assert "kept='17'" in said.pop()


def test_texts_that_are_examined_together_share_the_fingerprint_of_the_same_words() -> None:
    made: dict[bytes, Fingerprint] = {}
    words = [f"word{number}" for number in range(30)]
    first, again, other = (
        make_fingerprint(text, sketches=True, made=made) for text in (words, list(words), words[1:])
    )
    assert first is again
    assert first is not None
    assert other is not None
    assert set(made) == {first.digest, other.digest}
