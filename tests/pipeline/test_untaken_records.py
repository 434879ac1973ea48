from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from calibset.core.documents import Document, Filtered, Record
from calibset.core.errors import SourceError
from calibset.hygiene.stats import LeftOut
from calibset.pipeline.untaken_records import UntakenRecords


def blank(count: int) -> Iterator[Record]:
    return (Filtered(position=f"a#{number}", reason="empty text") for number in range(count))


def text(length: int) -> Record:
    return Document(id="a", text="x" * length)


def counted(most: int = 3) -> UntakenRecords:
    left_out = LeftOut()
    left_out.add(Filtered(position="a#0", reason="empty text"))
    return UntakenRecords("sources.a", most, left_out)


def test_so_many_in_a_row_are_read_and_no_more() -> None:
    assert len(list(counted().count(blank(3)))) == 3
    with pytest.raises(SourceError) as caught:
        list(counted().count(blank(4)))
    assert str(caught.value) == (
        "3 records in a row gave no document (1 filtered: empty text); name other files or columns, loosen "
        "what filters them, or raise sources.a.max_left_out_in_a_row if so few are wanted"
    )


def test_a_long_record_counts_for_its_characters() -> None:
    assert len(list(counted().count([text(999), text(999), text(999)]))) == 3
    with pytest.raises(SourceError, match=r"^2 records in a row"):
        list(counted().count([text(1_000), text(1_000), text(1)]))


def test_after_a_document_the_count_begins_again() -> None:
    untaken = counted()
    records = untaken.count(blank(7))
    documents = untaken.start_again_at(record for number, record in enumerate(records, 1) if number % 3 == 0)
    assert len(list(documents)) == 2
    assert untaken.records == 1


def test_it_is_told_that_nothing_was_taken_and_then_less_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Every look at the clock finds it six seconds later.
    clock = iter(range(0, 10_000, 6))
    caplog.set_level(logging.WARNING)
    untaken = UntakenRecords("sources.a", 10_000, counted().left_out, lambda: float(next(clock)))
    list(untaken.count(blank(900)))
    said = "sources.a: {} records read in {} s, none taken: 1 filtered: empty text"
    assert caplog.messages == [said.format(199, 12), said.format(399, 24), said.format(799, 48)]
