from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from calibset.core.seeding import seeded_key, shuffled

SEEDS = st.integers(0, 2**70)


def test_an_order_is_pinned() -> None:
    assert shuffled(range(10), 42, "files") == [5, 8, 2, 4, 1, 9, 7, 0, 6, 3]
    assert seeded_key(0).hex() == "1240a4684403b160e6597a653a88f56c"


def test_an_order_does_not_depend_on_the_hash_seed() -> None:
    code = "from calibset.core.seeding import shuffled; print(shuffled('abcdefgh', 7, 'x', 3))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert outputs == {f"{shuffled('abcdefgh', 7, 'x', 3)}\n"}


@given(st.lists(st.integers()), SEEDS, st.text())
def test_shuffling_loses_and_adds_nothing(items: list[int], seed: int, name: str) -> None:
    order = shuffled(items, seed, name)
    assert Counter(order) == Counter(items)
    assert order == shuffled(iter(items), seed, name)


def test_items_need_not_be_comparable() -> None:
    items = [{"a": 1}, None, object(), {"a": 1}]
    assert sorted(map(id, shuffled(items, 1))) == sorted(map(id, items))


def test_seeds_and_seed_paths_give_different_orders() -> None:
    orders = {tuple(shuffled(range(50), seed, name)) for seed in range(10) for name in ("a", "b")}
    assert len(orders) == 20


def test_seed_paths_are_told_apart_where_their_letters_are_the_same() -> None:
    keys = {seeded_key(1, "ab", "c"), seeded_key(1, "a", "bc"), seeded_key(1, "abc"), seeded_key(11, "abc")}
    assert len(keys) == 4


def test_lone_surrogates_in_a_seed_path_are_no_fault() -> None:
    assert len(seeded_key(1, "\ud800")) == 16


def test_every_position_is_reached_about_as_often() -> None:
    first = Counter(shuffled(range(4), seed, "fair")[0] for seed in range(2000))
    assert all(430 < count < 570 for count in first.values())
