from __future__ import annotations

from hypothesis import given

from calibset.selection.coverage import Candidate, TokenSets, distinct, select_by_coverage
from calibset.selection.coverage_report import coverage_upper_bound
from tests.selection.pools import choices, pools, topical


def bound(candidates: list[Candidate], quotas: dict[str, int]) -> int:
    return coverage_upper_bound(candidates, quotas, TokenSets(candidates))


@given(pools())
def test_no_choice_holds_more(pool: tuple[list[Candidate], dict[str, int]]) -> None:
    candidates, quotas = pool
    best = max(distinct(candidates, choice) for choice in choices(candidates, quotas))
    assert best <= bound(candidates, quotas) <= distinct(candidates, range(len(candidates)))


def test_it_is_exact_where_rows_share_nothing() -> None:
    rows = [Candidate(token_ids=range(10 * i, 10 * i + i), group="ab"[i % 2]) for i in range(10)]
    assert bound(rows, {"a": 2, "b": 1}) == 8 + 6 + 9


def test_it_is_the_pool_where_every_row_is_taken() -> None:
    rows = [Candidate(token_ids=range(i, i + 5), group="web") for i in range(8)]
    assert bound(rows, {"web": 8}) == 12


def test_nothing_can_be_held_of_nothing() -> None:
    assert bound([], {"web": 3}) == 0
    assert bound([Candidate(token_ids=(1, 2), group="web")], {}) == 0


def test_it_comes_close_to_what_greedy_reaches() -> None:
    candidates, quotas = topical(7)
    reached = distinct(candidates, select_by_coverage(candidates, quotas))
    assert reached <= bound(candidates, quotas) <= 1.06 * reached
