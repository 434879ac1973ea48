"""Steps that the simulations of several quantizers share: measuring, joining and cutting rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from calibset.core.control_tokens import ControlTokens
from calibset.quantizers.load_report import RowResult
from calibset.quantizers.row_reader import RowInput, UnjudgedRow, UnusableRow
from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.engine_faults import locate_faults


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRow:
    """A row and its length.

    Attributes:
        row: The row's line in the file, counted from 1.
        tokens: How many tokens it has, without those that a tokenizer puts around it.
        length: How many tokens it has with those.
        unusable: Why the row is dropped whatever its length; None if it isn't.
        unjudged: Why it isn't known what is read of the row; None if it is.
    """

    row: int
    tokens: int
    length: int
    unusable: str | None = None
    unjudged: str | None = None

    def result(self, *, limit: int | None = None, reason: str | None = None, used: bool = True) -> RowResult:
        """Return the result of a row that is cut after ``limit`` tokens, and dropped for a ``reason``."""
        if self.unjudged is not None:
            return RowResult(row=self.row, tokens=0, unjudged=self.unjudged)
        reason = self.unusable or reason
        cut = 0 if limit is None else max(0, self.length - limit)
        return RowResult(
            row=self.row, tokens=self.tokens, cut=cut, reason=reason, used=used and reason is None
        )


def measure_rows(
    rows: Iterable[RowInput], tokenizer: Tokenizer, *, parse_special: bool = True, bare: bool = False
) -> list[MeasuredRow]:
    """Return the length of each row.

    Args:
        rows: Texts as they are read, or ids.
        tokenizer: The quantizer's tokenizer.
        parse_special: Whether control tokens in a text are parsed.
        bare: Whether no special tokens are put around a text.
    """
    around = 0 if bare else len(tokenizer.prefix) + len(tokenizer.suffix)
    prefix = tokenizer.prefix
    measured = []
    for number, row in enumerate(rows, 1):
        if isinstance(row, UnusableRow):
            measured.append(MeasuredRow(row=number, tokens=0, length=0, unusable=row.reason))
        elif isinstance(row, UnjudgedRow):
            measured.append(MeasuredRow(row=number, tokens=0, length=0, unjudged=row.reason))
        elif isinstance(row, str):
            with locate_faults(f"row {number}"):
                tokens = len(tokenizer.encode(row, parse_special=parse_special))
            measured.append(MeasuredRow(row=number, tokens=tokens, length=tokens + around))
        else:
            begun = len(prefix) if row[: len(prefix)] == prefix else 0
            measured.append(MeasuredRow(row=number, tokens=len(row) - begun, length=len(row)))
    return measured


def cut_joined_rows(rows: Iterable[MeasuredRow], end: int, reason: str | None = None) -> Iterator[RowResult]:
    """Yield the results of rows that are joined, of which only the first ``end`` tokens are read.

    Args:
        rows: The rows that are joined.
        end: How many tokens of the joined rows are read.
        reason: Why a row that isn't read at all is dropped; None if it is merely not used.
    """
    start = 0
    for row in rows:
        read = max(0, min(row.length, end - start))
        dropped = None if read else reason if row.length else "it has no tokens"
        yield row.result(limit=read, reason=dropped, used=read > 0)
        start += row.length


def drop_ids(rows: Iterable[RowInput]) -> list[RowInput]:
    """Return the rows for a quantizer that takes only texts, with rows of ids marked as unusable."""
    return [UnusableRow("ids can't be given") if isinstance(row, tuple) else row for row in rows]


def find_mixed_kinds(rows: Sequence[RowInput]) -> tuple[str, ...]:
    """Return the fault that a file mixes messages, texts or ids, if it does."""
    present = {
        "messages": any(isinstance(row, UnjudgedRow) for row in rows),
        "texts": any(isinstance(row, str) for row in rows),
        "ids": any(isinstance(row, tuple) for row in rows),
    }
    kinds = [kind for kind, is_present in present.items() if is_present]
    return (
        (f"some rows are {' and some are '.join(kinds)}; all rows must be of one kind",) if kinds[1:] else ()
    )


def count_control_rows(rows: Iterable[RowInput], tokenizer: Tokenizer) -> int:
    """Count the texts that hold letters that a tokenizer may read as a control token."""
    spelled = ControlTokens.of(tokenizer.special_tokens).pattern
    return sum(isinstance(row, str) and spelled.search(row) is not None for row in rows)


def warn_of_surplus(rows: int, nsamples: int, consequence: str) -> Iterator[str]:
    """Yield a warning of what happens to surplus rows, if there are more than asked for."""
    if rows > nsamples:
        yield f"{rows} rows for nsamples {nsamples}: {consequence}"
