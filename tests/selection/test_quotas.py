from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.shortage import Shortage, ShortagePolicy
from calibset.selection.quotas import Mixture, apportion, interleave

FRACTIONS = st.builds(Fraction, st.integers(1, 1000), st.integers(1, 60))
WEIGHTS = st.dictionaries(st.text("abcdefghij", min_size=1, max_size=2), FRACTIONS, min_size=1, max_size=8)
POLICIES: tuple[ShortagePolicy, ...] = ("fill", "redistribute", "repeat", "error")


@given(st.integers(0, 10_000), WEIGHTS)
def test_parts_sum_to_the_whole_and_are_within_one_of_the_exact_share(
    total: int, weights: dict[str, Fraction]
) -> None:
    parts = apportion(total, weights)
    assert list(parts) == list(weights)
    assert sum(parts.values()) == total
    whole = sum(weights.values())
    for name, part in parts.items():
        exact = total * weights[name] / whole
        assert math.floor(exact) <= part <= math.ceil(exact)


@given(st.integers(0, 1000), WEIGHTS, FRACTIONS)
def test_the_scale_of_weights_does_not_matter(
    total: int, weights: dict[str, Fraction], scale: Fraction
) -> None:
    scaled = {name: weight * scale for name, weight in weights.items()}
    assert apportion(total, weights) == apportion(total, scaled)


@given(st.integers(0, 1000), WEIGHTS)
def test_a_larger_weight_never_gets_less(total: int, weights: dict[str, Fraction]) -> None:
    parts = apportion(total, weights)
    by_weight = sorted(weights, key=weights.__getitem__)
    for less, more in pairwise(by_weight):
        assert parts[less] <= parts[more] or weights[less] == weights[more]


def test_the_first_named_wins_a_tie() -> None:
    one = Fraction(1)
    assert apportion(4, {"z": one, "a": one, "m": one}) == {"z": 2, "a": 1, "m": 1}
    assert apportion(0, {"a": one}) == {"a": 0}
    assert apportion(3, {"a": one, "b": Fraction(0)}) == {"a": 3, "b": 0}


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=1), st.integers(0, 60), max_size=6))
def test_every_prefix_holds_the_proportions(counts: dict[str, int]) -> None:
    order = interleave(counts)
    assert Counter(order) == Counter(counts)
    placed: Counter[str] = Counter()
    for k, name in enumerate(order, start=1):
        placed[name] += 1
        for other, count in counts.items():
            assert k * count // len(order) <= placed[other] <= -(-k * count // len(order))


def test_interleaving_a_real_mixture() -> None:
    order = interleave({"slovak": 205, "insurance": 154, "tools": 153})
    assert order[:7] == ["slovak", "insurance", "tools", "slovak", "insurance", "tools", "slovak"]
    assert Counter(order[:256]) == {"slovak": 103, "insurance": 77, "tools": 76}
    assert interleave({}) == []
    assert interleave({"a": 0, "b": 2}) == ["b", "b"]


def mixture(policy: ShortagePolicy = "fill", *, nsamples: int = 100, max_repeats: int = 4) -> Mixture:
    return Mixture(
        nsamples=nsamples,
        shares={"sk": Fraction(2, 5), "ins": Fraction(3, 5)},
        weights={
            "sk": {"web": Fraction(2), "wiki": Fraction(1)},
            "ins": {"terms": Fraction(1), "onto": Fraction(1)},
            "general": {"pile": Fraction(1), "books": Fraction(3)},
        },
        fill="general",
        shortage=policy,
        max_repeats=max_repeats,
    )


def test_quotas_are_split_over_groups_and_then_over_their_sources() -> None:
    assert mixture().quotas() == {"web": 27, "wiki": 13, "terms": 30, "onto": 30, "pile": 0, "books": 0}


def got(**given: int) -> dict[str, int]:
    return {"web": 27, "wiki": 13, "terms": 30, "onto": 30, "pile": 0, "books": 0} | given


def test_nothing_more_is_asked_of_a_complete_set() -> None:
    for policy in POLICIES:
        assert mixture(policy).next_quotas(got(), ["onto"]) == {}


def test_fill_asks_the_fill_group_by_weight() -> None:
    assert mixture().next_quotas(got(onto=5), ["onto"]) == {"pile": 6, "books": 19}
    assert mixture().next_quotas(got(onto=5, pile=6, books=2), ["onto", "books"]) == {"pile": 17}
    assert mixture().next_quotas(got(onto=29), ["onto"]) == {"books": 1}


def test_redistribute_asks_the_group_first_and_then_the_fill_group() -> None:
    asked = mixture("redistribute")
    assert asked.next_quotas(got(onto=5), ["onto"]) == {"terms": 25}
    assert asked.next_quotas(got(onto=5, wiki=3), ["onto", "wiki"]) == {"web": 10, "terms": 25}
    assert asked.next_quotas(got(onto=5, terms=40), ["onto", "terms"]) == {"pile": 4, "books": 11}
    both = asked.next_quotas(got(onto=5, terms=40, wiki=0), ["onto", "terms", "wiki"])
    assert both == {"web": 13, "pile": 4, "books": 11}


def test_repeat_asks_nobody_and_makes_it_up() -> None:
    asked = mixture("repeat")
    assert asked.next_quotas(got(onto=8), ["onto"]) == {}
    assert asked.repeats(got(onto=8, wiki=12)) == {"wiki": 1, "onto": 22}
    assert asked.repeats(got()) == {}


def described(outcome: dict[str, int] | Shortage) -> str:
    assert isinstance(outcome, Shortage)
    return outcome.describe()


@pytest.mark.parametrize(
    ("policy", "had", "gone", "message"),
    [
        (
            "error",
            got(onto=5),
            ["onto"],
            'mixture: onto gives 5 of 30 rows: 75 of 100 rows in all (shortage = "error"); '
            'lower nsamples or its weight, or add a source to its group, or set shortage = "redistribute", '
            'or set shortage = "repeat" with max_repeats >= 6',
        ),
        (
            "error",
            got(onto=0),
            ["onto"],
            'mixture: onto gives 0 of 30 rows: 70 of 100 rows in all (shortage = "error"); '
            'lower nsamples or its weight, or add a source to its group, or set shortage = "redistribute"',
        ),
        (
            "fill",
            got(onto=5, pile=3, books=1),
            ["onto", "pile", "books"],
            "mixture: onto gives 5 of 30 rows, the fill group general has no more to give: "
            '79 of 100 rows in all (shortage = "fill"); lower nsamples or its weight, or '
            "add a source to its group",
        ),
    ],
)
def test_what_no_policy_can_complete_is_a_shortage_with_numbers(
    policy: ShortagePolicy, had: dict[str, int], gone: list[str], message: str
) -> None:
    assert described(mixture(policy).next_quotas(had, gone)) == message


def test_too_many_repeats_are_a_shortage_that_says_how_many_it_takes() -> None:
    assert described(mixture("repeat").repeats(got(onto=7))) == (
        'mixture: onto gives 7 of 30 rows: 77 of 100 rows in all (shortage = "repeat"); '
        "lower nsamples or its weight, or add a source to its group, "
        'or set shortage = "repeat" with max_repeats >= 5'
    )
    assert mixture("repeat", max_repeats=5).repeats(got(onto=7)) == {"onto": 23}


def test_without_a_fill_group_the_message_names_none() -> None:
    lone = Mixture(
        nsamples=10,
        shares={"a": Fraction(1)},
        weights={"a": {"x": Fraction(1)}},
        fill=None,
        shortage="redistribute",
    )
    assert described(lone.next_quotas({"x": 4}, ["x"])) == (
        'mixture: x gives 4 of 10 rows: 4 of 10 rows in all (shortage = "redistribute"); '
        "lower nsamples or its weight, or add a source to its group"
    )


@st.composite
def mixtures(draw: st.DrawFn) -> Mixture:
    groups = draw(st.integers(1, 4))
    has_fill = draw(st.booleans())
    weights = {
        f"g{group}": {f"g{group}s{i}": draw(FRACTIONS) for i in range(draw(st.integers(1, 3)))}
        for group in range(groups + has_fill)
    }
    parts = [draw(st.integers(1, 10)) for _ in range(groups)]
    policies = POLICIES if has_fill else POLICIES[1:]
    return Mixture(
        nsamples=draw(st.integers(1, 200)),
        shares={f"g{group}": Fraction(part, sum(parts)) for group, part in enumerate(parts)},
        weights=weights,
        fill=f"g{groups}" if has_fill else None,
        shortage=draw(st.sampled_from(policies)),
        max_repeats=draw(st.integers(1, 5)),
    )


@given(mixtures(), st.data())
def test_a_build_always_ends_complete_or_in_a_shortage(asked: Mixture, data: st.DataObject) -> None:
    quotas = asked.quotas()
    assert sum(quotas.values()) == asked.nsamples
    holds = {name: data.draw(st.integers(0, 250), label=name) for name in quotas}
    had = dict.fromkeys(quotas, 0)
    gone: set[str] = set()
    wanted: dict[str, int] | Shortage = dict(quotas)
    rounds = 0
    while wanted and not isinstance(wanted, Shortage):
        rounds += 1
        assert rounds <= len(quotas) + 2
        for name, count in wanted.items():
            assert count > 0 or rounds == 1
            assert name not in gone
            given_now = min(count, holds[name] - had[name])
            had[name] += given_now
            if given_now < count:
                gone.add(name)
        wanted = asked.next_quotas(had, gone)
    repeated = asked.repeats(had) if asked.shortage == "repeat" else {}
    if isinstance(wanted, Shortage) or isinstance(repeated, Shortage):
        assert asked.shortage != "fill" or gone.issuperset(asked.weights[asked.fill or ""])
        return
    assert sum(had.values()) + sum(repeated.values()) == asked.nsamples
    for name, count in had.items():
        assert not repeated.get(name) or count + repeated[name] <= asked.max_repeats * count
    if asked.shortage != "redistribute":
        fillers = asked.weights.get(asked.fill or "", {})
        assert all(had[name] <= quotas[name] for name in quotas if name not in fillers)
    if asked.shortage in ("repeat", "error"):
        total = {name: had[name] + repeated.get(name, 0) for name in quotas}
        assert total == quotas
