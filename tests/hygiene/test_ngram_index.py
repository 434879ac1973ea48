from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from calibset.hygiene.ngram_index import (
    RunTable,
    Stretch,
    TextRuns,
    Vocabulary,
    cover_runs,
    find_longest,
    find_stretches,
)


def test_every_word_has_a_number_of_its_own() -> None:
    vocabulary = Vocabulary()
    many = [f"word{number}" for number in range(1_000)]
    codes = [vocabulary.add(word) for word in many]
    assert codes == list(range(1, 1_001))
    assert [vocabulary.add(word) for word in many] == codes
    assert vocabulary.encode(["word7", "unheard"]).tolist() == [codes[7], 0]


def test_a_run_is_telling_if_half_of_it_are_words_that_hold_a_letter_and_differ() -> None:
    vocabulary = Vocabulary()
    mixed = ["word", "12", "1st", "½", "٣", "word", "word"]
    for word in mixed:
        vocabulary.add(word)
    codes = vocabulary.encode([*mixed, "unheard"])
    assert vocabulary.find_telling(codes, 1).tolist() == [True, False, True, False, False, True, True, False]
    assert vocabulary.find_telling(codes, 2).tolist() == [True, True, True, False, True, True, True]
    assert vocabulary.find_telling(codes, 4).tolist() == [True, False, True, False, False]
    assert vocabulary.find_telling(codes, 9).tolist() == []


def found(table: RunTable, *codes: int) -> list[int] | None:
    positions = table.find(TextRuns(np.array(codes, np.uint32)))
    return None if positions is None else positions.tolist()


def test_runs_stand_where_they_stand_first() -> None:
    stream = np.array([1, 2, 3, 1, 2, 4, 2, 3], np.uint32)
    assert found(RunTable(stream, 2), 1, 2, 3, 3, 1, 0, 2) == [0, 1, -1, 2, -1, -1]
    assert found(RunTable(stream, 2), 1) is None
    assert found(RunTable(stream, 2), 1, 3, 4) is None
    assert found(RunTable(stream, 2, np.array([3, 4, 6], np.uint32)), 1, 2, 3, 0) == [3, 6, -1]
    assert found(RunTable(stream[:2], 3), 1, 2, 3) is None
    assert found(RunTable(stream[:0], 3), 1, 2, 3) is None


def test_letters_of_scripts_without_spaces_are_known() -> None:
    vocabulary = Vocabulary()
    mixed = ["险", "a", "ก", "险险", "5"]
    for word in mixed:
        vocabulary.add(word)
    assert vocabulary.find_unspaced(vocabulary.encode([*mixed, "人"])).tolist() == [
        True,
        False,
        True,
        *[False] * 3,
    ]


@given(st.lists(st.booleans(), max_size=30))
def test_stretches_are_what_is_flagged(flags: list[bool]) -> None:
    stretches = list(find_stretches(np.array(flags, np.bool_)))
    assert [any(one.start <= at < one.end for one in stretches) for at in range(len(flags))] == flags
    assert all(one.end < other.start for one, other in pairwise(stretches))
    best = find_longest(np.array(flags, np.bool_))
    assert best.words == max((one.words for one in stretches), default=0)
    assert best in stretches or best == Stretch(0, 0)


@given(st.lists(st.sampled_from([-1, 7]), min_size=1, max_size=20), st.integers(1, 6))
def test_a_word_is_covered_by_any_run_that_holds_it(positions: list[int], size: int) -> None:
    flags = cover_runs(np.array(positions) >= 0, size)
    assert flags.tolist() == [
        any(position >= 0 for position in positions[max(at - size + 1, 0) : at + 1])
        for at in range(len(positions) + size - 1)
    ]
