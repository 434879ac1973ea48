from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from calibset.hygiene.ngram_hashes import Grams
from calibset.hygiene.ngram_index import Index, Series, Stretch, Vocabulary, covered, longest, stretches


def test_every_word_has_a_number_of_its_own() -> None:
    vocabulary = Vocabulary()
    many = [f"word{number}" for number in range(1_000)]
    codes = [vocabulary.code(word) for word in many]
    assert codes == list(range(1, 1_001))
    assert [vocabulary.code(word) for word in many] == codes
    assert vocabulary.codes(["word7", "unheard"]).tolist() == [codes[7], 0]


def test_numbers_hold_no_letter() -> None:
    vocabulary = Vocabulary()
    mixed = ["word", "12", "1st", "½", "٣"]
    for word in mixed:
        vocabulary.code(word)
    assert vocabulary.lettered(vocabulary.codes([*mixed, "unheard"])).tolist() == [
        True,
        False,
        True,
        *[False] * 3,
    ]


def test_runs_stand_where_they_stand_first() -> None:
    grams = Grams.of(np.array([1, 2, 3, 1, 2, 0, 2, 3], np.uint32), 2)
    assert grams.positions(np.array([1, 2, 3, 3, 1, 0, 2], np.uint32)).tolist() == [0, 1, -1, 2, -1, -1]
    assert grams.positions(np.array([1], np.uint32)).tolist() == []
    only = Grams.of(np.array([1, 2, 3, 1, 2, 0, 2, 3], np.uint32), 2, np.array([3, 4, 6], np.uint32))
    assert only.positions(np.array([1, 2, 3, 0], np.uint32)).tolist() == [3, 6, -1]
    assert Grams.of(np.array([1, 2], np.uint32), 3).positions(np.array([1, 2, 3], np.uint32)).tolist() == [-1]


def test_runs_stand_where_each_series_has_them_first() -> None:
    stream = np.array([1, 2, 1, 2, 0, 2, 1, 2, 0, 3, 4], np.uint32)
    grams = Grams.of(stream, 2, borders=np.array([0, 5, 9]))
    at, starts = grams.occurrences(np.array([9, 1, 2], np.uint32))
    assert (at.tolist(), starts.tolist()) == ([1, 1], [0, 6])
    assert grams.positions(np.array([9, 1, 2], np.uint32)).tolist() == [-1, 0]


def test_letters_of_scripts_without_spaces_are_known() -> None:
    vocabulary = Vocabulary()
    mixed = ["险", "a", "ก", "险险", "5"]
    for word in mixed:
        vocabulary.code(word)
    assert vocabulary.unspaced(vocabulary.codes([*mixed, "人"])).tolist() == [True, False, True, *[False] * 3]


def test_positions_belong_to_documents() -> None:
    vocabulary, first, second = Vocabulary(), Series(), Series()
    for series, name, text in ((first, "1", "a b c"), (first, "2", "d"), (second, "3", "e f")):
        series.documents.append(name)
        series.starts.append(len(series.codes))
        series.codes.extend(map(vocabulary.code, text.split()))
    index = Index({"x": first, "y": second}, vocabulary, 8)
    assert first.lengths() == [3, 1]
    assert [index.document(at) for at in (0, 2, 3, 5, 6)] == [
        *[("x", "1")] * 2,
        ("x", "2"),
        *[("y", "3")] * 2,
    ]


@given(st.lists(st.booleans(), max_size=30))
def test_stretches_are_what_is_flagged(flags: list[bool]) -> None:
    found = list(stretches(np.array(flags, np.bool_)))
    assert [any(one.start <= at < one.end for one in found) for at in range(len(flags))] == flags
    assert all(one.end < other.start for one, other in pairwise(found))
    best = longest(np.array(flags, np.bool_))
    assert best.words == max((one.words for one in found), default=0)
    assert best in found or best == Stretch(0, 0)


@given(st.lists(st.sampled_from([-1, 7]), min_size=1, max_size=20), st.integers(1, 6))
def test_a_word_is_covered_by_any_run_that_holds_it(positions: list[int], size: int) -> None:
    flags = covered(np.array(positions), size)
    assert flags.tolist() == [
        any(found >= 0 for found in positions[max(at - size + 1, 0) : at + 1])
        for at in range(len(positions) + size - 1)
    ]
