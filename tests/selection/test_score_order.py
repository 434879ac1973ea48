"""The order in which scored documents are chosen."""

from __future__ import annotations

from collections.abc import Iterator

import polars
import pytest

from calibset.selection import score_order
from calibset.selection.score_order import order_keys


def frames(size: int = 7, **columns: list[object]) -> Iterator[polars.DataFrame]:
    count = len(next(iter(columns.values())))
    types = {"held": polars.List(polars.Int32), "held_terms": polars.List(polars.Int32)}
    whole = polars.DataFrame(
        {"key": range(count), **columns},
        schema_overrides={"key": polars.UInt64, **{name: types[name] for name in columns if name in types}},
    )
    yield from (whole[start : start + size] for start in range(0, count, size))


def test_a_random_order_has_each_document_once_and_follows_the_seed() -> None:
    def read() -> Iterator[polars.DataFrame]:
        return frames(quality=[1.0] * 50)

    first, second = (list(order_keys(read, "random", seed, "web")) for seed in (1, 2))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first == list(order_keys(lambda: frames(50, quality=[1.0] * 50), "random", 1, "web"))
    assert first != list(order_keys(read, "random", 1, "books"))


@pytest.mark.parametrize("held", [3, 1000])
def test_the_best_come_first_however_few_are_held(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_order, "HELD", held)
    quality = [0.1 * (number % 4) for number in range(40)]
    scores = [None if number % 5 else 0.9 for number in range(40)]
    order = list(order_keys(lambda: frames(quality=quality, language_score=scores), "quality", 1, "web"))
    assert sorted(order) == list(range(40))
    ranks = [(-quality[key], -(scores[key] or 0)) for key in order]
    assert ranks == sorted(ranks)


def test_documents_that_hold_what_is_rare_come_first() -> None:
    held = [[1, 2]] * 30
    held[17], held[23] = [1, 7, 8, 9], [7, 8]
    terms: list[object] = [[] for _ in range(30)]
    terms[4] = [99]
    order = list(order_keys(lambda: frames(held=held, held_terms=terms), "coverage", 1, "web"))
    assert order[:2] == [4, 17]
    assert sorted(order) == list(range(30))


def test_nothing_is_ordered_where_there_is_nothing() -> None:
    for choose in ("random", "quality", "coverage"):
        assert list(order_keys(lambda: iter(()), choose, 1, "web")) == []
