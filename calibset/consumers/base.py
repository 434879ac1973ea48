"""What a quantizer does with each row of a calibration file."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Acceptance", "Replay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What becomes of one row.

    Attributes:
        row: The line it stands on, counted from 1.
        tokens: Tokens of its text, special tokens not counted; 0 where there is no text.
        cut: Tokens at its end that the quantizer does not read.
        reason: Why it is dropped, or None if it is kept.
        used: Whether it is among the ``nsamples`` that the quantizer takes.
    """

    row: int
    tokens: int
    cut: int = 0
    reason: str | None = None
    used: bool = False

    @property
    def kept(self) -> bool:
        """Whether the quantizer's filter lets it through."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What becomes of a calibration file.

    Attributes:
        consumer: The quantizer, with the versions whose rules were replayed.
        nsamples: Rows that the quantizer is asked to take.
        seqlen: Tokens of a row that it reads.
        rows: What becomes of each row.
        fatal: Faults that make the quantizer stop before it takes a row.
        warnings: What one can't see in the rows but should know.
    """

    consumer: str
    nsamples: int
    seqlen: int
    rows: tuple[Acceptance, ...]
    fatal: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def kept(self) -> int:
        """Rows that pass the quantizer's filter; none where it stops before."""
        return 0 if self.fatal else sum(row.kept for row in self.rows)

    @property
    def lost(self) -> tuple[Acceptance, ...]:
        """The rows that are dropped."""
        return tuple(row for row in self.rows if not row.kept)

    @property
    def waste(self) -> float:
        """The share of the kept rows' tokens that stand beyond ``seqlen``, 0 to 1."""
        tokens = sum(row.tokens for row in self.rows if row.kept)
        beyond = sum(max(0, row.tokens - self.seqlen) for row in self.rows if row.kept)
        return beyond / tokens if tokens else 0.0

    @property
    def passed(self) -> bool:
        """Whether no row is lost and there are as many as asked for."""
        return not self.fatal and not self.lost and self.kept >= self.nsamples
