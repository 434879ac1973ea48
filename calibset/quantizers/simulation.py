"""What replays of several quantizers have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from calibset.quantizers.base import LoadReport, RowInput, RowResult, UnusableRow
from calibset.quantizers.row_reader import Fault, file_rows
from calibset.tokenizers.base import Tokenizer

RENDERED = UnusableRow("its messages are read in place of its text, rendered with BOS twice")


class ReplayRows(Protocol):
    """A quantizer's replay."""

    def __call__(
        self, rows: Sequence[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Say what it keeps of rows."""
        ...


def of_file(
    path: Path,
    take: Callable[[Any], RowInput | Fault],
    simulate: ReplayRows,
    tokenizer: Tokenizer,
    *,
    nsamples: int,
    seqlen: int,
) -> LoadReport:
    """Return the replay of a file's rows, with what the quantizer stops at.

    Raises:
        ConsumerError: The file can't be read.
    """
    rows, faults = file_rows(path, take, tokenizer=tokenizer)
    found = simulate(rows, tokenizer, nsamples=nsamples, seqlen=seqlen)
    # Where a row can't be taken, what joining them would give can't be told.
    return replace(found, fatal=tuple(faults)) if faults else found


def mixing(rows: Sequence[RowInput]) -> tuple[str, ...]:
    """Say that messages, texts or ids stand in one file, if they do."""
    of_kind = {
        "messages": RENDERED in rows,
        "texts": any(isinstance(row, str) for row in rows),
        "ids": any(isinstance(row, tuple) for row in rows),
    }
    kinds = [kind for kind, there in of_kind.items() if there]
    return (f"some rows are {' and some are '.join(kinds)}; it takes rows of one kind",) if kinds[1:] else ()


def without_ids(rows: Iterable[RowInput]) -> list[RowInput]:
    """Return the rows as a quantizer takes them that can be given texts alone."""
    return [UnusableRow("ids can't be given") if isinstance(row, tuple) else row for row in rows]


def note_on_more(rows: int, nsamples: int, what: str) -> Iterator[str]:
    """Say what becomes of more rows than are asked for, if there are more."""
    if rows > nsamples:
        yield f"{rows} rows for nsamples {nsamples}: {what}"


def cut_behind(rows: Sequence[Measured], end: int, reason: str | None = None) -> Iterator[RowResult]:
    """Yield what becomes of rows that are joined, where nothing behind the first ``end`` tokens is read.

    Args:
        rows: Those that are joined.
        end: Tokens that are read.
        reason: Why a row of which nothing is read is dropped; None if it is merely not used.
    """
    start = 0
    for row in rows:
        read = max(0, min(row.length, end - start))
        why = None if read else reason if row.length else "it has no tokens"
        yield replace(row.accepted(reason=why, used=read > 0), cut=row.length - read)
        start += row.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A row and its length.

    Attributes:
        row: The line it stands on, counted from 1.
        tokens: Its tokens without those that a tokenizer puts around it.
        length: With them.
        lost: Why it counts as dropped whatever its length, if it does.
    """

    row: int
    tokens: int
    length: int
    lost: str | None = None

    def accepted(
        self, *, limit: int | None = None, reason: str | None = None, used: bool = True
    ) -> RowResult:
        """Return what becomes of it where nothing behind ``limit`` is read, and where ``reason`` drops it."""
        why = self.lost or reason
        cut = 0 if limit is None else max(0, self.length - limit)
        return RowResult(row=self.row, tokens=self.tokens, cut=cut, reason=why, used=used and why is None)


def measured(
    rows: Iterable[RowInput], tokenizer: Tokenizer, *, parse_special: bool = True, bare: bool = False
) -> list[Measured]:
    """Return the length of each row.

    Args:
        rows: Texts as they are read, or ids.
        tokenizer: The quantizer's.
        parse_special: Whether control tokens in a text are parsed.
        bare: Whether nothing is put around a text.
    """
    return [_one(number, row, tokenizer, parse_special, bare) for number, row in enumerate(rows, 1)]


def count_spelled(rows: Iterable[RowInput], tokenizer: Tokenizer) -> int:
    """Return how many texts hold letters that a tokenizer may read as a control token."""
    spellings = tuple(tokenizer.special_tokens)
    return sum(isinstance(row, str) and any(one in row for one in spellings) for row in rows)


def _one(number: int, row: RowInput, tokenizer: Tokenizer, parse_special: bool, bare: bool) -> Measured:
    if isinstance(row, UnusableRow):
        return Measured(row=number, tokens=0, length=0, lost=row.reason)
    if isinstance(row, str):
        tokens = len(tokenizer.encode(row, parse_special=parse_special))
        around = 0 if bare else len(tokenizer.prefix) + len(tokenizer.suffix)
        return Measured(row=number, tokens=tokens, length=tokens + around)
    prefix = tokenizer.prefix
    begun = len(prefix) if prefix and row[: len(prefix)] == prefix else 0
    return Measured(row=number, tokens=len(row) - begun, length=len(row))
