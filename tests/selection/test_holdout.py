from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from calibset.selection.holdout import is_held_out, split_stream


@given(st.lists(st.tuples(st.integers(), st.booleans())), st.lists(st.booleans()))
def test_each_side_has_its_own_items_in_order_whatever_is_read_first(
    items: list[tuple[int, bool]], turns: list[bool]
) -> None:
    sides = split_stream(iter(items), lambda item: item[1])
    found: tuple[list[tuple[int, bool]], list[tuple[int, bool]]] = ([], [])
    for held in turns:
        found[held].extend(item for item in [next(sides[held], None)] if item)
    for own, side in enumerate(sides):
        found[own].extend(side)
        assert found[own] == [item for item in items if item[1] == bool(own)]


def test_no_more_is_read_than_is_asked_for() -> None:
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(10):
            read.append(number)
            yield number

    odd, even = split_stream(numbers(), lambda number: number % 2 == 0)
    assert read == []
    assert next(odd) == 1
    assert read == [0, 1]
    assert next(even) == 0
    assert read == [0, 1]
    assert [next(odd), next(odd)] == [3, 5]
    assert [next(even), next(even)] == [2, 4]
    assert read == [0, 1, 2, 3, 4, 5]


def test_what_comes_up_for_the_other_side_waits() -> None:
    odd, even = split_stream(iter([1, 3]), lambda number: number % 2 == 0)
    assert list(even) == []
    assert list(odd) == [1, 3]


def test_about_the_part_that_is_asked_for_is_held_out() -> None:
    held = [name for name in range(10_000) if is_held_out(42, "wiki", str(name), 64, 576)]
    assert abs(len(held) - 10_000 * 64 / 576) < 100
    assert all(is_held_out(42, "wiki", str(name), 1, 1) for name in range(100))


def test_what_is_held_out_depends_on_seed_source_and_id_alone() -> None:
    def held(seed: int, source: str) -> set[int]:
        return {name for name in range(200) if is_held_out(seed, source, str(name), 1, 2)}

    assert held(42, "wiki") == held(42, "wiki")
    assert held(42, "wiki") != held(43, "wiki")
    assert held(42, "wiki") != held(42, "web")
    # Written down, so that a holdout stays one from version to version.
    assert [name for name in range(16) if is_held_out(42, "wiki", f"page {name}", 1, 4)] == [2, 9]
