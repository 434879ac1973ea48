from __future__ import annotations

import io

import pytest

from calibset.core.errors import SourceError
from calibset.storage import reading_budget
from calibset.storage.compression import open_decompressed
from calibset.storage.reading_budget import BudgetedStream, ReadingBudget
from tests.storage.packed import PACKERS, file


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_file_that_unpacks_to_too_many_bytes_is_refused(
    monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(reading_budget, "MOST_FREE_BYTES", 2**20)
    packed = PACKERS[suffix](b" " * 2**22)
    with (
        pytest.raises(
            SourceError,
            match=rf"^a\{suffix}: [\d,]+ bytes of it unpack to [\d,]+ bytes, more than 200 for each of "
            r"them, as no corpus does; unpack it yourself if you trust it, or leave it out with "
            r"files = \[\.\.\.\]$",
        ),
        open_decompressed(file(packed, "a" + suffix)) as stream,
    ):
        stream.read()


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_file_of_too_many_lines_is_refused(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(reading_budget, "MOST_FREE_LINES", 2**16)
    packed = PACKERS[suffix](b"a\n" * 2**18)
    with (
        pytest.raises(SourceError, match=r"unpack to [\d,]+ lines, more than 2 for each of them"),
        open_decompressed(file(packed, "a" + suffix)) as stream,
    ):
        stream.read()


def test_below_the_free_amounts_any_ratio_is_read() -> None:
    plain = b"\n" * 2**21
    for suffix, pack in PACKERS.items():
        with open_decompressed(file(pack(plain), "a" + suffix)) as stream:
            assert stream.read() == plain


def test_what_was_read_pays_for_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_budget, "MOST_FREE_BYTES", 1_000)
    stored = [100]
    budget = ReadingBudget("a.gz", stored.pop)
    budget.count(b"x" * 20_000)
    stored.extend([99, 99])
    with pytest.raises(SourceError, match=r"^a\.gz: 99 bytes of it unpack to 20,001 bytes"):
        budget.count(b"x")


def test_the_stream_counts_what_it_gives() -> None:
    budget = ReadingBudget("a.gz", lambda: 0)
    with io.BufferedReader(BudgetedStream(io.BytesIO(b"one\ntwo\n"), budget)) as stream:
        assert stream.readline() == b"one\n"
    assert (budget.unpacked, budget.lines) == (8, 2)
