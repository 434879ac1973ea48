"""What a quantizer's loader does with the rows of a calibration file, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What a quantizer does with one row.

    Attributes:
        row: The row's line in the file, counted from 1.
        tokens: How many tokens its text has, without special tokens; 0 if there is no text.
        cut: How many tokens at its end the quantizer does not read.
        reason: Why the row is dropped; None if it is kept.
        used: Whether the row is among the ``nsamples`` that the quantizer takes.
    """

    row: int
    tokens: int
    cut: int = 0
    reason: str | None = None
    used: bool = False

    @property
    def kept(self) -> bool:
        """Whether the row passes the quantizer's filter."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What a quantizer's loader does with the rows of a calibration file.

    Attributes:
        quantizer: The quantizer, with the versions whose rules are simulated.
        nsamples: How many rows the quantizer is asked to take.
        seqlen: How many tokens of a row it reads.
        rows: What it does with each row.
        fatal: Faults that make it stop before it takes a row.
        warnings: What else users of these rows should know.
    """

    quantizer: str
    nsamples: int
    seqlen: int
    rows: tuple[RowResult, ...]
    fatal: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def kept(self) -> int:
        """How many rows pass the quantizer's filter; 0 if it stops before."""
        return 0 if self.fatal else sum(row.kept for row in self.rows)

    @property
    def lost(self) -> tuple[RowResult, ...]:
        """The rows that are dropped."""
        return tuple(row for row in self.rows if not row.kept)

    @property
    def waste(self) -> float:
        """The share of the kept rows' tokens that are cut, 0 to 1."""
        tokens = sum(row.tokens for row in self.rows if row.kept)
        return sum(row.cut for row in self.rows if row.kept) / tokens if tokens else 0.0

    @property
    def passed(self) -> bool:
        """Whether no row is lost and there are as many as asked for."""
        return not self.fatal and not self.lost and self.kept >= self.nsamples
