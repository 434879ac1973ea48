from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.sources.sampling.interleave import (
    Part,
    draw_indices,
    interleave,
    map_concurrently,
    shuffle_in_batches,
    split_into_batches,
)


def parts(counts: list[int], opened: list[int]) -> Iterator[Part[tuple[int, int]]]:
    def records(i: int, count: int) -> Iterator[tuple[int, int]]:
        opened.append(i)
        for j in range(count):
            yield i, j

    for i, count in enumerate(counts):
        yield Part(count, records(i, count))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(0, 99), st.integers(1, 12))
def test_nothing_is_lost_and_each_part_keeps_its_order(counts: list[int], seed: int, at_once: int) -> None:
    drawn = list(interleave(parts(counts, []), seed, "x", at_once=at_once))
    assert len(drawn) == sum(counts)
    for i, count in enumerate(counts):
        assert [j for part, j in drawn if part == i] == list(range(count))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(0, 99))
def test_a_prefix_holds_the_same_fraction_of_every_part(counts: list[int], seed: int) -> None:
    drawn = list(interleave(parts(counts, []), seed, "x"))
    total = sum(counts)
    for k in range(1, total + 1):
        for i, count in enumerate(counts):
            given_ = sum(part == i for part, _ in drawn[:k])
            # One record of rounding, and as much as the other parts' rounding moves the line.
            assert abs(given_ - count * k / total) < 1 + count * len(counts) / total


def test_parts_are_opened_in_batches() -> None:
    opened: list[int] = []
    stream = interleave(parts([4] * 10, opened), 1, "x", at_once=3)
    list(zip(range(12), stream, strict=False))
    assert sorted(opened) == [0, 1, 2]


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=40),
    st.integers(0, 99),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_few_parts_are_open_at_first_and_nothing_is_lost(
    counts: list[int], seed: int, at_once: int, first: int
) -> None:
    opened: list[int] = []
    drawn = []
    for record in interleave(parts(counts, opened), seed, "x", at_once=at_once, first=first):
        drawn.append(record)
        ended = sum(part == i and j + 1 == counts[i] for part, j in drawn for i in [part])
        if len(opened) <= at_once:
            assert len(opened) <= first + ended + len(drawn) // 16
    assert sorted(drawn) == [(i, j) for i, count in enumerate(counts) for j in range(count)]
    whole = list(interleave(parts(counts, []), seed, "x", at_once=at_once))
    assert (drawn == whole) >= (first >= at_once)


def test_one_more_part_is_opened_after_every_sixteen_records() -> None:
    opened: list[int] = []
    stream = interleave(parts([100] * 40, opened), 1, "x", first=4)
    seen = [len(opened) for _ in zip(range(600), stream, strict=False)]
    assert seen[15] <= 4 < seen[40] < seen[100] < 12
    assert seen[-1] == 32
    assert sorted(opened) == list(range(32))


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 6), st.integers(1, 30))
def test_batches_keep_to_a_number_and_a_size(sizes: list[int], most: int, budget: int) -> None:
    groups = list(split_into_batches(sizes, most, float, budget))
    assert [size for batch in groups for size in batch] == sizes
    assert all(1 <= len(batch) <= most for batch in groups)
    assert all(len(batch) == 1 or sum(batch) <= budget for batch in groups)
    for batch, after in pairwise(groups):
        assert len(batch) == most or sum(batch) + after[0] > budget


def test_a_batch_that_is_full_is_given_before_the_next_item_is_asked_for() -> None:
    items = iter(range(10))
    assert next(split_into_batches(items, 3)) == [0, 1, 2]
    assert next(items) == 3


@given(st.integers(0, 300), st.integers(0, 9))
def test_every_number_is_drawn_once(total: int, seed: int) -> None:
    order = list(draw_indices(total, seed, "x"))
    assert sorted(order) == list(range(total))
    assert order == list(draw_indices(total, seed, "x"))


def test_the_first_numbers_drawn_are_spread_evenly() -> None:
    # Of 4,000 numbers of 10 tenths each tenth has 400, give or take 19.
    counts = [0] * 10
    for seed in range(400):
        for _, number in zip(range(10), draw_indices(1_000, seed, "x"), strict=False):
            counts[number // 100] += 1
    assert max(abs(count - 400) for count in counts) < 4 * 19
    assert len({next(draw_indices(10**15, seed, "x")) for seed in range(100)}) == 100


def test_what_is_called_concurrently_comes_in_order() -> None:
    assert map_concurrently(lambda i: i * i, range(100)) == [i * i for i in range(100)]
    with pytest.raises(ZeroDivisionError):
        map_concurrently(lambda i: 1 // i, [1, 0, 2])


def test_another_seed_begins_elsewhere() -> None:
    orders = {tuple(interleave(parts([3, 3, 3], []), seed, "x")) for seed in range(10)}
    assert len(orders) > 1


def test_batches_are_shuffled_and_keep_their_order() -> None:
    order = list(shuffle_in_batches(range(25), 1, "x", length=lambda _: 1, batch_records=10))
    assert [sorted(order[i : i + 10]) for i in (0, 10, 20)] == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 25)),
    ]
    assert order != list(range(25))
    assert order == list(shuffle_in_batches(range(25), 1, "x", length=lambda _: 1, batch_records=10))


def test_blocks_of_long_records_are_smaller() -> None:
    order = list(shuffle_in_batches(range(25), 1, "x", length=lambda _: 3, batch_length=15))
    assert [sorted(order[i : i + 5]) for i in range(0, 25, 5)] == [
        list(range(i, i + 5)) for i in range(0, 25, 5)
    ]
