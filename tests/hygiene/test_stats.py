from __future__ import annotations

from collections import Counter

from calibset.core.documents import Filtered, Rejection
from calibset.hygiene.stats import LeftOut, ReadStats, RepairCounts, list_commonest


def left_out(*records: Rejection | Filtered) -> LeftOut:
    counted = LeftOut()
    for record in records:
        counted.add(record)
    return counted


def test_the_commonest_reasons_come_first_and_of_equally_many_the_faults() -> None:
    counted = left_out(
        Filtered(position="1", reason="a repeat"),
        Rejection(position="2", reason="empty text"),
        Filtered(position="3", reason="too short"),
        Filtered(position="4", reason="too short"),
    )
    assert counted.describe() == "2 filtered: too short, 1 rejected: empty text, 1 filtered: a repeat"
    assert counted.describe(most=1) == "2 filtered: too short"
    assert counted.examples == {"a repeat": "1", "empty text": "2", "too short": "3"}


def test_the_rejected_are_told_without_the_filtered() -> None:
    both = left_out(Rejection(position="1", reason="torn"), Filtered(position="2", reason="a repeat"))
    assert both.rejected_only().describe() == "1 rejected: torn"


def test_reasons_that_quote_a_corpus_are_counted_to_a_limit() -> None:
    both = left_out(*(Rejection(position=str(n), reason=f"no role {n % 40}") for n in range(80)))
    assert len(both.rejections) == 31
    assert both.rejections["no role 29"] == 2
    assert both.rejections["other reasons"] == 20


def test_what_was_left_out_before_packing_and_by_it_adds_up() -> None:
    reading = left_out(Filtered(position="1", reason="a repeat"))
    packing = left_out(Filtered(position="2", reason="a repeat"), Filtered(position="3", reason="too short"))
    both = reading + packing
    assert dict(both.filtered) == {"a repeat": 2, "too short": 1}
    assert [record.position for record in both.filtered_records] == ["1", "2", "3"]
    assert both.examples == {"a repeat": "1", "too short": "3"}
    reading.add(Filtered(position="4", reason="later"))
    assert "later" not in both.filtered


def test_what_was_changed_in_an_item_counts_once_it_is_admitted_and_until_it_is_taken_back() -> None:
    stats = ReadStats()
    stats.item_repairs = RepairCounts(repaired=Counter("a"), conversations=Counter("b"), control_tokens=2)
    stats.count_admitted(5)
    stats.item_repairs = RepairCounts(repaired=Counter("a"), losses=Counter("c"), shortened=1, incomplete=1)
    stats.count_admitted(9)
    copy = stats.snapshot()
    stats.take_back(9)
    assert stats.repairs == RepairCounts(repaired=Counter("a"), conversations=Counter("b"), control_tokens=2)
    assert (stats.documents, +stats.lengths) == (1, {4: 1})
    assert copy.repairs == RepairCounts(
        repaired=Counter("aa"),
        conversations=Counter("b"),
        losses=Counter("c"),
        control_tokens=2,
        shortened=1,
        incomplete=1,
    )


def test_reasons_beyond_the_commonest_are_summed() -> None:
    counts = Counter({"b": 2, "a": 2, "c": 5, "d": 1})
    assert list(list_commonest(counts, 2).items()) == [("c", 5), ("a", 2), ("other reasons", 3)]
    assert list(list_commonest(counts, 4).items()) == [("c", 5), ("a", 2), ("b", 2), ("d", 1)]
    assert list_commonest({}, 4) == {}
    assert list_commonest(list_commonest(counts, 2), 1) == {"c": 5, "other reasons": 5}
