from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from calibset.selection.holdout import HeldOut, split_stream
from calibset.selection.options import Holdout


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
    held_out = HeldOut(42, 64, 576)
    held = [name for name in range(10_000) if held_out.holds("wiki", str(name))]
    assert abs(len(held) - 10_000 * 64 / 576) < 100
    assert all(HeldOut(42, 1, 1).holds("wiki", str(name)) for name in range(100))


def test_what_is_held_out_depends_on_seed_source_and_id_alone() -> None:
    def held(seed: int, source: str) -> set[int]:
        return {name for name in range(200) if HeldOut(seed, 1, 2).holds(source, str(name))}

    assert held(42, "wiki") == held(42, "wiki")
    assert held(42, "wiki") != held(43, "wiki")
    assert held(42, "wiki") != held(42, "web")


def test_the_rule_never_changes() -> None:
    # Written down, so that a holdout stays one from version to version.
    assert [name for name in range(16) if HeldOut(42, 1, 4).holds("wiki", f"page {name}")] == [2, 9]


def test_unless_the_recipe_says_otherwise_seed_and_sizes_decide() -> None:
    assert HeldOut.of(Holdout(nsamples=64), 512, 42) == HeldOut(42, 64, 576)


def test_with_a_share_and_a_seed_of_its_own_neither_size_nor_seed_of_the_recipe_matters() -> None:
    options = Holdout(nsamples=64, share=0.15, seed=7)
    assert HeldOut.of(options, 512, 42) == HeldOut.of(options, 32, 43) == HeldOut(7, 3, 20)
