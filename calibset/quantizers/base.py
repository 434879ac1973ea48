"""What a quantizer does with each row of a calibration file, and what is asked of each quantizer's module."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from calibset.core.errors import OutputError
from calibset.tokenizers.base import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
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
class LoadReport:
    """What becomes of a calibration file.

    Attributes:
        quantizer: The quantizer, with the versions whose rules were replayed.
        nsamples: Rows that the quantizer is asked to take.
        seqlen: Tokens of a row that it reads.
        rows: What becomes of each row.
        fatal: Faults that make the quantizer stop before it takes a row.
        warnings: What one should know of these rows, beside which are dropped.
    """

    quantizer: str
    nsamples: int
    seqlen: int
    rows: tuple[RowResult, ...]
    fatal: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def kept(self) -> int:
        """Rows that pass the quantizer's filter; none where it stops before."""
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


@dataclass(frozen=True, slots=True)
class UnusableRow:
    """A row of which a quantizer reads something else than its text or its ids.

    Attributes:
        reason: Why it counts as dropped.
    """

    reason: str


RowInput: TypeAlias = str | tuple[int, ...] | UnusableRow
"""A row as a quantizer is given it: its text, or exact ids with BOS among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """A row to be written for a quantizer.

    Attributes:
        text: Its text, without blanks at its end.
        ids: What the model is shown of it: BOS and ids, cut at ``seqlen``.
    """

    text: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """A kind of file that a quantizer can be given.

    Attributes:
        ending: Of its name; empty for a folder.
        holds: What of each row stands in it.
    """

    ending: str
    holds: Literal["text", "ids"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizerInfo:
    """Where a quantizer's rules are written down, and what it is given.

    Attributes:
        name: As commands and recipes spell it.
        product: As its makers do.
        versions: Those whose rules are replayed.
        files: Where they stand in its source.
        reads: Endings of the files that can be verified for it.
        forms: What can be exported for it; the first is what it takes best.
        joins: Whether it joins rows and cuts what it has joined, so that rows have no borders.
        traps: What goes wrong without being seen in a file, and the way around.
    """

    name: str
    product: str
    versions: str
    files: tuple[str, ...]
    reads: tuple[str, ...]
    forms: tuple[FileFormat, ...]
    joins: bool = False
    traps: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The product with its versions."""
        return f"{self.product} {self.versions}"


class Quantizer(Protocol):
    """A quantizer's module: how it reads rows, and how they are written for it."""

    INFO: QuantizerInfo

    def path_faults(self, path: str) -> tuple[str, ...]:
        """Say what in a file's path the quantizer would misread."""
        ...

    def simulate(
        self, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Say what it keeps of rows."""
        ...

    def simulate_file(self, path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
        """Say what it keeps of a file's rows.

        Raises:
            ConsumerError: The file can't be read.
        """
        ...

    def export(self, rows: Sequence[ExportRow], out: Path) -> None:
        """Write rows in the one of its forms that a path's ending names.

        Raises:
            OutputError: They can't be written.
        """
        ...

    def usage(self, out: Path, found: LoadReport) -> str:
        """Return what to type so that the quantizer reads what was exported.

        Raises:
            OutputError: The path can't be typed.
        """
        ...


QuantizerName = Literal[
    "autoround", "gptqmodel", "llm-compressor", "llama.cpp", "modelopt", "autoawq", "exllamav2"
]
"""As recipes and commands spell them; ``calibset.quantizers.base`` has a module for each."""


def shell_word(path: Path) -> str:
    """Return a path as one word of a shell's line, which no program takes for an option.

    In Python code its `repr` stands, which spells out whatever it holds.

    Raises:
        OutputError: It holds a character that can't be shown, so that nobody would see what is typed.

    Examples:
        >>> shell_word(Path("my set.txt")), shell_word(Path("-f"))
        ("'my set.txt'", './-f')
    """
    text = str(path)
    if not text.isprintable():
        raise OutputError(f"{text!r} holds a character that can't be shown; rename it")
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
