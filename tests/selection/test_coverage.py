from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.selection.coverage import Candidate, Gains, TokenSets, select_by_coverage
from calibset.selection.coverage_report import choose_at_random
from tests.selection.pools import GROUPS, choices, count_distinct_tokens, pools, topical, value

Pool = tuple[list[Candidate], dict[str, int]]


def row(*token_ids: int, group: str = "web", terms: Sequence[int] = ()) -> Candidate:
    return Candidate(token_ids=token_ids, group=group, terms=frozenset(terms))


def plainly(candidates: Sequence[Candidate], quotas: Mapping[str, int], times: int) -> list[int]:
    """Choose by the plain rule: at each step count what every row would add."""
    left, chosen = dict(quotas), list[int]()
    while True:
        ready = [i for i, c in enumerate(candidates) if i not in chosen and left.get(c.group, 0) > 0]
        if not ready:
            return chosen
        best = max(ready, key=lambda i: (value(candidates, [*chosen, i], times=times), -i))
        chosen.append(best)
        left[candidates[best].group] -= 1


@given(pools(), st.integers(0, 3))
def test_it_is_the_plain_rule_to_the_row(pool: Pool, times: int) -> None:
    candidates, quotas = pool
    assert select_by_coverage(candidates, quotas, times=times) == plainly(candidates, quotas, times)


@given(pools(), st.integers(0, 2), st.data())
def test_a_row_never_adds_more_to_a_larger_set_and_never_less_than_nothing(
    pool: Pool, times: int, data: st.DataObject
) -> None:
    candidates, _ = pool
    gains = Gains(candidates, TokenSets(candidates), times=times)
    rest = data.draw(st.permutations(range(len(candidates))))
    before = {i: gains.of(i) for i in rest}
    while rest:
        gains.choose(rest.pop())
        now = {i: gains.of(i) for i in rest}
        assert all(0 <= now[i] <= before[i] for i in rest)
        before = now


@given(pools())
def test_each_group_gives_its_quota_or_all_it_has_and_no_row_twice(pool: Pool) -> None:
    candidates, quotas = pool
    chosen = select_by_coverage(candidates, quotas)
    there = Counter(candidate.group for candidate in candidates)
    given_by = Counter(candidates[i].group for i in chosen)
    assert len(set(chosen)) == len(chosen)
    assert {g: given_by[g] for g in GROUPS} == {g: min(quotas[g], there[g]) for g in GROUPS}


@given(pools(most=8))
def test_it_reaches_half_of_the_best_at_least(pool: Pool) -> None:
    candidates, quotas = pool
    without_terms = [Candidate(token_ids=c.token_ids, group=c.group) for c in candidates]
    _, reached = value(without_terms, select_by_coverage(without_terms, quotas))
    assert 2 * reached >= max(value(without_terms, choice)[1] for choice in choices(candidates, quotas))
    terms, _ = value(candidates, select_by_coverage(candidates, quotas))
    assert 2 * terms >= max(value(candidates, choice)[0] for choice in choices(candidates, quotas))


@given(pools(most=14), st.integers(1, 3))
def test_terms_are_met_where_each_quota_has_room_for_all_of_them(pool: Pool, times: int) -> None:
    candidates, _ = pool
    holders = Counter(term for candidate in candidates for term in candidate.terms)
    needed = {term: min(times, count) for term, count in holders.items()}
    chosen = select_by_coverage(candidates, dict.fromkeys(GROUPS, sum(needed.values())), times=times)
    held = Counter(term for i in chosen for term in candidates[i].terms)
    assert all(held[term] >= count for term, count in needed.items())


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=9), st.integers(0, 8))
def test_of_one_group_a_smaller_quota_gives_the_beginning_of_a_larger_ones(
    rows: list[list[int]], quota: int
) -> None:
    candidates = [row(*ids) for ids in rows]
    longer = select_by_coverage(candidates, {"web": quota + 1})
    assert select_by_coverage(candidates, {"web": quota}) == longer[:quota]


def test_half_again_and_more_of_what_random_choice_holds_where_the_pool_holds_twice_as_much() -> None:
    candidates, quotas = topical(7)
    at_random_mean = fmean(
        count_distinct_tokens(candidates, choose_at_random(candidates, quotas, seed=seed))
        for seed in range(20)
    )
    assert count_distinct_tokens(candidates, range(len(candidates))) >= 2 * at_random_mean
    assert count_distinct_tokens(candidates, select_by_coverage(candidates, quotas)) >= 1.5 * at_random_mean


def test_a_new_token_is_worth_more_than_the_second_rows_of_three() -> None:
    candidates = [row(1, 2, 3, 4), row(1, 2, 3), row(5)]
    assert select_by_coverage(candidates, {"web": 2}) == [0, 2]


def test_second_and_third_rows_of_tokens_count_a_fourth_does_not() -> None:
    same = [row(1, 2) for _ in range(4)]
    gains = Gains(same, TokenSets(same))
    worth = []
    for index in range(4):
        worth.append(gains.of(index))
        gains.choose(index)
    assert worth == [32, 8, 2, 0]


def test_a_token_counts_once_a_row_however_often_it_is_repeated() -> None:
    assert select_by_coverage([row(*[1] * 50), row(2, 3)], {"web": 1}) == [1]


def test_of_rows_that_add_the_same_the_first_is_taken() -> None:
    assert select_by_coverage([row(1, 2), row(3, 4), row(5, 6)], {"web": 2}) == [0, 1]


def test_the_row_that_adds_most_comes_first() -> None:
    candidates = [row(1), row(1, 2, 3, group="wiki"), row(4, 5)]
    assert select_by_coverage(candidates, {"web": 2, "wiki": 1}) == [1, 2, 0]


def test_a_group_without_a_quota_gives_nothing() -> None:
    assert select_by_coverage([row(1), row(2, 3, group="wiki")], {"web": 5}) == [0]
    assert select_by_coverage([], {"web": 5}) == []


def test_a_term_comes_before_any_number_of_tokens() -> None:
    assert select_by_coverage([row(*range(2_000)), row(0, terms=[3])], {"web": 1}) == [1]
    assert select_by_coverage([row(*range(2_000)), row(0, terms=[3])], {"web": 1}, times=0) == [0]


def test_a_term_is_met_as_often_as_wanted_and_then_is_worth_nothing() -> None:
    candidates = [row(1, terms=[0]), row(1, terms=[0]), row(1, terms=[0]), row(2, 3)]
    assert select_by_coverage(candidates, {"web": 2}) == [0, 3]
    assert sorted(select_by_coverage(candidates, {"web": 3}, times=2)) == [0, 1, 3]
    assert select_by_coverage(candidates, {"web": 3}, times=9) == [0, 1, 2]


def test_a_term_that_few_hold_comes_before_two_that_many_hold() -> None:
    # Taking the first row for its two terms would leave no room for the only one that holds the third.
    candidates = [
        row(1, terms=[0, 1]),
        row(2, terms=[2]),
        row(3, group="wiki", terms=[0, 1]),
        row(4, group="wiki", terms=[0]),
        row(5, group="wiki", terms=[1]),
    ]
    assert sorted(select_by_coverage(candidates, {"web": 1, "wiki": 1})) == [1, 2]


def test_tight_quotas_may_cost_a_term_that_another_choice_meets() -> None:
    candidates = [
        row(1, terms=[0, 1]),
        row(2, terms=[2]),
        row(2, terms=[2]),
        row(3, group="wiki", terms=[0, 1]),
    ]
    assert select_by_coverage(candidates, {"web": 1, "wiki": 1}) == [0, 3]
    assert value(candidates, [1, 3]) > value(candidates, [0, 3])


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_ids_may_be_of_any_sequence(kind: type) -> None:
    candidates = [Candidate(token_ids=kind(ids), group="web") for ids in ([4, 4, 131_071], [4], [])]
    assert select_by_coverage(candidates, {"web": 3}) == [0, 1, 2]
    assert count_distinct_tokens(candidates, [0, 1]) == 2


def test_token_sets_number_the_distinct_tokens() -> None:
    rows = [row(9, 5, 9), row(), row(5, 131_071)]
    sets = TokenSets(rows)
    assert [sets[i].tolist() for i in range(len(sets))] == [[0, 1], [], [0, 2]]
    assert sets.size == 3
    assert [count_distinct_tokens(rows, chosen) for chosen in ([], [0], [0, 1], [2, 0])] == [0, 2, 2, 3]


@pytest.mark.slow
def test_the_choice_is_the_same_whatever_the_hash_seed() -> None:
    code = (
        "from tests.selection.pools import GROUPS, topical\n"
        "from calibset.selection.coverage import Candidate, select_by_coverage\n"
        "pool, quotas = topical(3)\n"
        "pool = [Candidate(token_ids=c.token_ids, group=c.group,"
        " terms=frozenset(t % 31 for t in c.token_ids[:3])) for c in pool]\n"
        "print(select_by_coverage(pool, quotas, times=2))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2024")
    }
    assert len(said) == 1
    assert len(said.pop().split(",")) == 45
