from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from calibset.sources.sampling import Part, proportionally, shuffled_in_blocks


def parts(counts: list[int], opened: list[int]) -> Iterator[Part[tuple[int, int]]]:
    def records(i: int, count: int) -> Iterator[tuple[int, int]]:
        opened.append(i)
        for j in range(count):
            yield i, j

    for i, count in enumerate(counts):
        yield Part(count, records(i, count))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(0, 99), st.integers(1, 12))
def test_nothing_is_lost_and_each_part_keeps_its_order(counts: list[int], seed: int, at_once: int) -> None:
    drawn = list(proportionally(parts(counts, []), seed, "x", at_once=at_once))
    assert len(drawn) == sum(counts)
    for i, count in enumerate(counts):
        assert [j for part, j in drawn if part == i] == list(range(count))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(0, 99))
def test_a_prefix_holds_the_same_fraction_of_every_part(counts: list[int], seed: int) -> None:
    drawn = list(proportionally(parts(counts, []), seed, "x"))
    total = sum(counts)
    for k in range(1, total + 1):
        for i, count in enumerate(counts):
            given_ = sum(part == i for part, _ in drawn[:k])
            # One record of rounding, and as much as the other parts' rounding moves the line.
            assert abs(given_ - count * k / total) < 1 + count * len(counts) / total


def test_parts_are_opened_in_batches_of_a_number_or_a_size() -> None:
    opened: list[int] = []
    stream = proportionally(parts([4] * 10, opened), 1, "x", at_once=3)
    list(zip(range(12), stream, strict=False))
    assert sorted(opened) == [0, 1, 2]
    opened.clear()
    stream = proportionally(parts([4, 4, 50, 4], opened), 1, "x", budget=10)
    list(zip(range(8), stream, strict=False))
    assert sorted(opened) == [0, 1]


def test_another_seed_begins_elsewhere() -> None:
    orders = {tuple(proportionally(parts([3, 3, 3], []), seed, "x")) for seed in range(10)}
    assert len(orders) > 1


def test_blocks_are_shuffled_and_stay_in_place() -> None:
    order = list(shuffled_in_blocks(range(25), 1, "x", block=10))
    assert [sorted(order[i : i + 10]) for i in (0, 10, 20)] == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 25)),
    ]
    assert order != list(range(25))
    assert order == list(shuffled_in_blocks(range(25), 1, "x", block=10))
