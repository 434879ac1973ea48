from __future__ import annotations

import tracemalloc
from collections import Counter
from statistics import fmean, stdev

import pytest
from hypothesis import given

from calibset.selection.coverage import Candidate, TokenSets, select_by_coverage
from calibset.selection.coverage_report import (
    CoverageReport,
    CurvePoint,
    bound_coverage,
    choose_at_random,
    report_coverage,
)
from tests.selection.pools import choices, count_distinct_tokens, pools, topical


@pytest.fixture(scope="module")
def pool() -> tuple[list[Candidate], dict[str, int]]:
    return topical(7)


@pytest.fixture(scope="module")
def report(pool: tuple[list[Candidate], dict[str, int]]) -> CoverageReport:
    candidates, quotas = pool
    return report_coverage(candidates, select_by_coverage(candidates, quotas), quotas)


def test_distinct_tokens_are_those_of_the_choice_random_choices_and_the_pool(
    pool: tuple[list[Candidate], dict[str, int]], report: CoverageReport
) -> None:
    candidates, quotas = pool
    drawn = [
        count_distinct_tokens(candidates, choose_at_random(candidates, quotas, seed=seed))
        for seed in range(20)
    ]
    assert report.distinct_tokens == count_distinct_tokens(candidates, select_by_coverage(candidates, quotas))
    assert (report.random_mean, report.random_sd) == (round(fmean(drawn), 2), round(stdev(drawn), 2))
    assert report.pool_tokens == count_distinct_tokens(candidates, range(len(candidates)))


def test_gaps_are_measured_from_random_choice(
    pool: tuple[list[Candidate], dict[str, int]], report: CoverageReport
) -> None:
    candidates, quotas = pool
    mean = fmean(
        count_distinct_tokens(candidates, choose_at_random(candidates, quotas, seed=seed))
        for seed in range(20)
    )
    gained = report.distinct_tokens - mean
    assert report.closed == round(gained / (report.pool_tokens - mean), 4)
    assert report.closed_of_attainable == round(gained / (report.attainable - mean), 4)
    assert 0 < report.closed < report.closed_of_attainable <= 1


def test_the_curve_ends_with_the_whole_choice(report: CoverageReport) -> None:
    assert [point.rows for point in report.curve] == [6, 12, 17, 23, 29, 34, 40, 45]
    assert report.curve[-1] == CurvePoint(
        rows=45, chosen=report.distinct_tokens, random_mean=report.random_mean
    )
    assert all(point.chosen > point.random_mean for point in report.curve)


def test_the_curve_counts_rows_in_the_order_given() -> None:
    rows = [Candidate(token_ids=ids, group="web") for ids in ((1,), (2, 3), (4, 5, 6))]
    curve = report_coverage(rows, [2, 0, 1], {"web": 3}).curve
    assert [(point.rows, point.chosen) for point in curve] == [(1, 3), (2, 4), (3, 6)]


def test_there_is_no_gap_where_all_candidates_are_taken() -> None:
    rows = [Candidate(token_ids=(i, i + 1), group="web") for i in range(3)]
    found = report_coverage(rows, [0, 1, 2], {"web": 3})
    assert (found.distinct_tokens, found.pool_tokens, found.attainable, found.random_sd) == (4, 4, 4, 0.0)
    assert (found.closed, found.closed_of_attainable) == (None, None)


def test_nothing_chosen_of_nothing_is_reported_too() -> None:
    found = report_coverage([], [], {"web": 3}, terms=["a"])
    assert (found.distinct_tokens, found.random_mean, found.pool_tokens, found.attainable) == (0, 0.0, 0, 0)
    assert (found.terms_met, found.terms_missed, found.terms_absent) == ((), (), ("a",))


def test_terms_are_met_missed_or_absent() -> None:
    held = ({0, 1}, {0, 2}, {0}, {1, 2})
    rows = [Candidate(token_ids=(), group="web", terms=frozenset(terms)) for terms in held]

    def cover(chosen: list[int], terms: str, times: int = 1) -> tuple[str, str, str]:
        report = report_coverage(rows, chosen, {"web": len(chosen)}, terms=terms, times=times)
        return "".join(report.terms_met), "".join(report.terms_missed), "".join(report.terms_absent)

    assert cover([0, 2], "abcd") == ("ab", "c", "d")
    assert cover([0, 2], "abcd", times=2) == ("a", "bc", "d")
    # All that hold it are enough, where they are fewer than wanted.
    assert cover([0, 1, 3], "abc", times=2) == ("abc", "", "")


def test_random_choice_fills_the_quotas_and_the_seed_alone_decides() -> None:
    candidates, _ = topical(1)
    quotas = {"a": 7, "b": 500, "none": 3}
    chosen = choose_at_random(candidates, quotas, seed=1)
    assert Counter(candidates[i].group for i in chosen) == {"a": 7, "b": 80}
    assert len(set(chosen)) == 87
    assert chosen == choose_at_random(candidates, quotas, seed=1)
    assert chosen != choose_at_random(candidates, quotas, seed=2)


def test_random_choice_mixes_groups_from_its_beginning_on() -> None:
    rows = [Candidate(token_ids=(), group="small" if i % 10 == 0 else "large") for i in range(400)]
    chosen = choose_at_random(rows, {"small": 40, "large": 40}, seed=3)
    first = Counter(rows[i].group for i in chosen[:40])
    assert 12 <= first["small"] <= 28


def bound(candidates: list[Candidate], quotas: dict[str, int]) -> int:
    return bound_coverage(candidates, quotas, TokenSets(candidates))


@given(pools())
def test_no_choice_holds_more_than_the_bound(pool: tuple[list[Candidate], dict[str, int]]) -> None:
    candidates, quotas = pool
    best = max(count_distinct_tokens(candidates, choice) for choice in choices(candidates, quotas))
    assert best <= bound(candidates, quotas) <= count_distinct_tokens(candidates, range(len(candidates)))


def test_the_bound_is_exact_where_rows_share_nothing() -> None:
    rows = [Candidate(token_ids=range(10 * i, 10 * i + i), group="ab"[i % 2]) for i in range(10)]
    assert bound(rows, {"a": 2, "b": 1}) == 8 + 6 + 9


def test_the_bound_is_the_pool_where_every_row_is_taken() -> None:
    rows = [Candidate(token_ids=range(i, i + 5), group="web") for i in range(8)]
    assert bound(rows, {"web": 8}) == 12


def test_nothing_can_be_held_of_nothing() -> None:
    assert bound([], {"web": 3}) == 0
    assert bound([Candidate(token_ids=(1, 2), group="web")], {}) == 0


def test_the_bound_comes_close_to_what_greedy_reaches() -> None:
    candidates, quotas = topical(7)
    reached = count_distinct_tokens(candidates, select_by_coverage(candidates, quotas))
    assert reached <= bound(candidates, quotas) <= 1.06 * reached


@pytest.mark.slow
def test_a_large_pool_takes_little_beside_its_rows_and_is_counted_like_a_small_one() -> None:
    alike = [Candidate(token_ids=range(1_000), group="web") for _ in range(3_000)]
    own = [Candidate(token_ids=range(1_000 * n, 1_000 * n + 900), group="own") for n in range(2, 10)]
    rows, quotas = [*alike, *own], {"web": 1, "own": 2}
    tracemalloc.start()
    try:
        sets = TokenSets(rows)
        chosen = select_by_coverage(rows, quotas, sets=sets)
        report = report_coverage(rows, chosen, quotas, sets=sets)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sorted(chosen) == [0, 3_000, 3_001]
    assert [sets[n].tolist() for n in (0, 3_000)] == [list(range(1_000)), list(range(1_000, 1_900))]
    assert sets.count_holders().tolist() == [3_000] * 1_000 + [1] * 7_200
    assert report.pool_tokens == 8_200
    assert report.distinct_tokens == report.attainable == 2_800
    # Four bytes for each token of a row, and a constant for what is done a chunk at a time.
    assert peak < sets.tokens.nbytes + 14_000_000
