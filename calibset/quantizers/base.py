"""What every quantizer offers: how it reads a calibration file, and how rows are written for it."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from calibset.core.errors import OutputError
from calibset.quantizers.row_reader import RowInput
from calibset.quantizers.row_writer import ExportRow
from calibset.tokenizers.base import Tokenizer

QuantizerName = Literal[
    "autoround", "gptqmodel", "llm-compressor", "llama.cpp", "modelopt", "autoawq", "exllamav2"
]
"""As recipes and commands spell them: the keys of ``calibset.quantizers.QUANTIZERS``."""

DEFAULT_QUANTIZER: QuantizerName = "autoround"
"""The quantizer of recipes and files that name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What a quantizer does with one row.

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
    """What a quantizer's loader does with the rows of a calibration file.

    Attributes:
        quantizer: The quantizer, with the versions whose rules are simulated.
        nsamples: Rows that the quantizer is asked to take.
        seqlen: Tokens of a row that it reads.
        rows: What it does with each row.
        fatal: Faults that make it stop before it takes a row.
        warnings: What else one should know of these rows.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """A kind of file that can be exported for a quantizer.

    Attributes:
        ending: The ending of its name; empty for a folder.
        holds: What it holds of each row.
    """

    ending: str
    holds: Literal["text", "ids"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizerInfo:
    """What a quantizer is called, which versions are simulated, and what files it takes.

    Attributes:
        name: As commands and recipes spell it.
        product: As its makers spell it.
        versions: Those whose rules are simulated.
        reads: Endings of the files that can be verified for it.
        formats: What can be exported for it; the first is what it takes best.
        joins_rows: Whether it joins rows and cuts the joined text anew, so that rows have no borders.
        pitfalls: What can go wrong without showing in a file, and the way around it.
    """

    name: QuantizerName
    product: str
    versions: str
    reads: tuple[str, ...]
    formats: tuple[FileFormat, ...]
    joins_rows: bool = False
    pitfalls: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The product with its versions."""
        return f"{self.product} {self.versions}"


class Quantizer(ABC):
    """A quantizer whose loader is simulated, so that what it does with a file is known before it runs.

    A subclass sets `info` and says how rows are read, simulated, exported and used.
    """

    info: ClassVar[QuantizerInfo]

    @property
    def takes_ids(self) -> bool:
        """Whether it is given the rows of a built set as token ids, by an export, and not as text."""
        return self.info.formats[0].holds == "ids"

    def path_problems(self, path: str) -> tuple[str, ...]:  # noqa: ARG002
        """Return what the quantizer would misread in the path of a file that it is given."""
        return ()

    @abstractmethod
    def simulate(
        self, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Return what the quantizer does with rows.

        Args:
            rows: Texts, or ids with BOS among them.
            tokenizer: The one that the quantizer will be given.
            nsamples: Rows that it is asked to take.
            seqlen: Tokens of a row that it is asked to read.
        """

    @abstractmethod
    def read_file(self, path: Path, tokenizer: Tokenizer) -> tuple[list[RowInput], list[str]]:
        """Return the rows of a file as the quantizer takes them, and the faults that it stops at.

        Raises:
            QuantizerError: The file can't be read.
        """

    def simulate_file(self, path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
        """Return what the quantizer does with the rows of a file; arguments as `simulate` takes them.

        Raises:
            QuantizerError: The file can't be read.
        """
        rows, faults = self.read_file(path, tokenizer)
        report = self.simulate(rows, tokenizer, nsamples=nsamples, seqlen=seqlen)
        # With a row missing, what follows from all of them isn't known.
        return replace(report, fatal=(*self.path_problems(str(path)), *(faults or report.fatal)))

    @abstractmethod
    def export(self, rows: Sequence[ExportRow], out: Path) -> None:
        """Write rows in the one of `info.formats` that the ending of ``out`` names.

        Raises:
            OutputError: They can't be written.
        """

    @abstractmethod
    def usage(self, out: Path, report: LoadReport) -> str:
        """Return what to type so that the quantizer reads an exported file.

        Args:
            out: The file, or the folder.
            report: What it does with the exported rows.

        Raises:
            OutputError: The path can't be typed.
        """


def shell_word(path: Path) -> str:
    """Return a path quoted for a shell, so that no program takes it for an option.

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
