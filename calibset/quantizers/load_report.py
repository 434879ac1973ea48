"""What a quantizer's loader does with the rows of a calibration file, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from calibset.core.short_forms import count, write_line, write_table

_MOST_SHOWN = 20


class Verdict(StrEnum):
    """Whether a quantizer can be given a file."""

    USABLE = "usable"
    """It keeps every row, and there are as many as it asks for."""
    UNUSABLE = "unusable"
    """It stops, loses rows, or finds too few; or the rows are not those that the manifest describes."""
    NOT_JUDGED = "not judged"
    """Nothing of this is found, and some rows are of a kind that is not simulated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What a quantizer does with one row.

    Attributes:
        row: The row's line in the file, counted from 1.
        tokens: How many tokens its text has, without special tokens; 0 if there is no text.
        cut: How many tokens at its end the quantizer does not read.
        reason: Why the row is dropped; None if it is kept.
        used: Whether the row is among the ``nsamples`` that the quantizer takes.
        unjudged: Why it isn't known what the quantizer does with the row; None if it is.
    """

    row: int
    tokens: int
    cut: int = 0
    reason: str | None = None
    used: bool = False
    unjudged: str | None = None

    @property
    def kept(self) -> bool:
        """Whether the row is known to pass the quantizer's filter."""
        return self.reason is None and self.unjudged is None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What a quantizer's loader does with the rows of a calibration file.

    Attributes:
        quantizer: The quantizer, with the versions whose rules are simulated.
        nsamples: How many rows the quantizer is asked to take.
        seqlen: How many tokens of a row it reads.
        rows: What it does with each row.
        fatal: Faults that make it stop before it takes a row.
        mismatches: Why the rows aren't those that the manifest describes, or not for this tokenizer, so that
            they can't be exported.
        export_fault: Why the rows can't be exported either, where that was tried; empty if they can be.
        warnings: What else users of these rows should know.
        joined: Whether the file is one text without borders of rows, which stands here as one row.
        remedy: The command that mends what was found, and what it does; empty if there is nothing to mend.
    """

    quantizer: str
    nsamples: int
    seqlen: int
    rows: tuple[RowResult, ...]
    fatal: tuple[str, ...] = ()
    mismatches: tuple[str, ...] = ()
    export_fault: str = ""
    warnings: tuple[str, ...] = ()
    joined: bool = False
    remedy: str = ""

    def __repr__(self) -> str:
        kept = f"keeps {self.kept:,} of {count(len(self.rows), 'row')}"
        return write_line("LoadReport", self.quantizer, self.verdict, kept)

    def _repr_html_(self) -> str:
        faults = (*self.fatal, *self.mismatches, *filter(None, (self.export_fault,)), *self.warnings)
        return write_table(
            f"{self.quantizer}: {self.verdict}; keeps {self.kept:,} of {count(len(self.rows), 'row')}",
            ("row", "tokens", "reason"),
            (
                *(("", "", fault) for fault in faults),
                *((row.row, row.tokens, row.reason) for row in self.lost[:_MOST_SHOWN]),
            ),
        )

    @property
    def kept(self) -> int:
        """How many rows pass the quantizer's filter; 0 if it stops before."""
        return 0 if self.fatal else sum(row.kept for row in self.rows)

    @property
    def lost(self) -> tuple[RowResult, ...]:
        """The rows that are dropped."""
        return tuple(row for row in self.rows if row.reason is not None)

    @property
    def unjudged(self) -> tuple[RowResult, ...]:
        """The rows of which it isn't known what the quantizer does with them."""
        return tuple(row for row in self.rows if row.reason is None and row.unjudged is not None)

    @property
    def waste(self) -> float:
        """The share of the kept rows' tokens that are cut, 0 to 1."""
        tokens = sum(row.tokens for row in self.rows if row.kept)
        return sum(row.cut for row in self.rows if row.kept) / tokens if tokens else 0.0

    @property
    def verdict(self) -> Verdict:
        """Whether the quantizer can be given the file."""
        if self.fatal or self.mismatches or self.lost or self.kept + len(self.unjudged) < self.nsamples:
            return Verdict.UNUSABLE
        return Verdict.NOT_JUDGED if self.unjudged else Verdict.USABLE

    @property
    def passed(self) -> bool:
        """Whether it is certain that no row is lost and that there are as many as asked for."""
        return self.verdict is Verdict.USABLE
