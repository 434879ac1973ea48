"""A source read ahead, held against the same source read record by record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Document, Filtered, Item, Record, Rejection
from calibset.core.errors import SourceError
from calibset.core.timing import Timings
from calibset.hygiene.examination import Examiner, RepairedItem
from calibset.hygiene.options import Hygiene
from calibset.pipeline.own_process import OwnProcess
from calibset.pipeline.read_ahead import ReadAhead
from calibset.pipeline.workers import Workers
from calibset.storage.files import memory_reader
from calibset.storage.read_tracker import TrackedReader
from tests.pipeline.executors import Inline


def read_files(reader: TrackedReader, count: int, fault_at: int | None) -> Iterator[Record]:
    """Yield a record for each file, of which some bytes are read."""
    for number, file in enumerate(reader.files("*.txt")[:count]):
        with file.open_bytes() as stream:
            text = stream.read(number + 1).decode()
        if number == fault_at:
            raise SourceError("damaged")
        if number % 5 == 4:
            yield Rejection(position=file.name, reason="no")
        elif number % 7 == 6:
            yield Document(id=file.name, text="", token_ids=(1, 2))
        else:
            yield Document(id=file.name, text=text)


def new_reader() -> TrackedReader:
    return TrackedReader(memory_reader({f"{number:03}.txt": b"text " * 40 for number in range(60)}))


def ahead_of(records: Iterator[Record], reader: TrackedReader, workers: int) -> ReadAhead:
    chosen = Workers(workers, Inline()) if workers else OwnProcess()
    return ReadAhead(records, reader, chosen, Examiner(options=Hygiene()), timings=Timings())


def ranges(reader: TrackedReader) -> list[object]:
    return [(read.name, read.ranges, read.sha256) for read in reader.read()]


@given(
    taken=st.integers(0, 60),
    count=st.integers(0, 60),
    fault_at=st.none() | st.integers(0, 59),
    workers=st.integers(0, 6),
)
def test_after_any_record_the_same_was_read_and_a_fault_comes_in_its_turn(
    taken: int, count: int, fault_at: int | None, workers: int
) -> None:
    one, other = new_reader(), new_reader()
    records, ahead = (
        read_files(one, count, fault_at),
        ahead_of(read_files(other, count, fault_at), other, workers).read(),
    )
    for _ in range(taken):
        expected = found = None
        with suppress(SourceError, StopIteration):
            expected = next(records)
        with suppress(SourceError, StopIteration):
            found = next(ahead)
        assert found == expected
        assert one.bytes_read == other.bytes_read
    assert ranges(one) == ranges(other)


def test_a_fault_is_the_one_that_was_raised() -> None:
    reader = new_reader()
    ahead = ahead_of(read_files(reader, 9, 3), reader, 2).read()
    assert [next(ahead).id for _ in range(3)] == ["000.txt", "001.txt", "002.txt"]  # type: ignore[union-attr]
    with pytest.raises(SourceError, match=r"^damaged$"):
        next(ahead)


@pytest.mark.parametrize("workers", [0, 1, 4, 64])
def test_no_more_is_read_ahead_than_was_taken_but_for_the_first_records(workers: int) -> None:
    read = 0

    def endless() -> Iterator[Record]:
        nonlocal read
        while True:
            read += 1
            yield Document(id=str(read), text="x")

    ahead = ahead_of(endless(), new_reader(), workers).read()
    assert read == 0
    for taken in range(1, 2_000):
        next(ahead)
        assert read <= 2 * taken + 2
    assert read <= 2_000 + (2 * workers + 1) * 64


def test_only_items_whose_text_is_known_are_examined_ahead() -> None:
    reader = new_reader()
    ahead = ahead_of(read_files(reader, 60, None), reader, 2)
    for record, examination in ahead.examined(ahead.read()):
        is_text = isinstance(record, Document) and not record.token_ids
        assert (examination is not None) == is_text
        if examination and isinstance(record, Document):
            assert not isinstance(examination.item, Filtered)
            assert examination.item.id == record.id


def test_a_library_that_panics_ahead_does_so_in_its_turn_and_an_interruption_at_once() -> None:
    class PanicException(BaseException):
        pass

    def records(error: type[BaseException]) -> Iterator[Record]:
        yield Document(id="a", text="x")
        raise error

    ahead = ahead_of(records(PanicException), new_reader(), 2).read()
    next(ahead)
    with pytest.raises(PanicException):
        next(ahead)
    with pytest.raises(KeyboardInterrupt):
        next(ahead_of(records(KeyboardInterrupt), new_reader(), 2).read())


class Fussy(Examiner):
    """Fails on a document of one name."""

    def repair(self, item: Item, timings: Timings) -> RepairedItem:
        if item.id == "b":
            raise ZeroDivisionError
        return super().repair(item, timings)


def test_an_item_that_cannot_be_examined_is_left_to_its_turn_and_the_others_are_not() -> None:
    items = [Document(id=name, text="x") for name in "abc"]
    ahead = ReadAhead(iter(items), new_reader(), OwnProcess(), Fussy(options=Hygiene()), timings=Timings())
    examined = [examination for _, examination in ahead.examined(ahead.read())]
    assert [one and not isinstance(one.item, Filtered) and one.item.id for one in examined] == [
        "a",
        None,
        "c",
    ]
