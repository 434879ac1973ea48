"""The base class of quantizers: how they read a calibration file, and how rows are written for them."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from calibset.core.errors import OutputError
from calibset.core.quantizer_names import QuantizerName
from calibset.quantizers.load_report import LoadReport
from calibset.quantizers.row_reader import RowInput
from calibset.quantizers.row_writer import ExportRow
from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.engine_faults import locate_faults


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """A kind of file that can be exported for a quantizer.

    Attributes:
        ending: The ending of the file's name; empty for a folder.
        holds: The form in which it holds each row.
    """

    ending: str
    holds: Literal["text", "ids"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizerInfo:
    """A quantizer's names, the versions that are simulated, and the files that it takes.

    Attributes:
        name: The name that commands and recipes use.
        product: The name that its makers use.
        versions: The versions whose rules are simulated.
        reads: The endings of the files that it can be given.
        formats: The formats that can be exported for it; the first suits it best.
        joins_rows: Whether it joins rows and cuts the joined text, so that rows have no borders.
        own_tokenizer: Whether it reads text with code of its own, and not with a tokenizer of transformers.
        parses_control_tokens: Whether control tokens in a text are read as such.
        pitfalls: What can go wrong whatever the file, and the way around it.
    """

    name: QuantizerName
    product: str
    versions: str
    reads: tuple[str, ...]
    formats: tuple[FileFormat, ...]
    joins_rows: bool = False
    own_tokenizer: bool = False
    parses_control_tokens: bool = True
    pitfalls: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The product's name with its versions."""
        return f"{self.product} {self.versions}"


class Quantizer(ABC):
    """A quantizer whose loader is simulated, so that its treatment of a file is known before it runs.

    A subclass sets `info` and says how rows are read, simulated, exported and used.
    """

    info: ClassVar[QuantizerInfo]

    @property
    def takes_ids(self) -> bool:
        """Whether it takes the rows of a built set as exported token ids, and not as text."""
        return self.info.formats[0].holds == "ids"

    def path_problems(self, path: str) -> tuple[str, ...]:  # noqa: ARG002
        """Return what the quantizer would misread in the path of a file."""
        return ()

    @abstractmethod
    def simulate(
        self, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Return what the quantizer does with rows.

        Args:
            rows: Texts, or ids that include BOS.
            tokenizer: The tokenizer that the quantizer will use.
            nsamples: How many rows it is asked to take.
            seqlen: How many tokens of a row it is asked to read.
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
        if path.suffix not in self.info.reads:
            takes = " and ".join(self.info.reads)
            fault = f"it takes {takes} files, not {path.suffix or 'files without an ending'}"
            return LoadReport(
                quantizer=self.info.label, nsamples=nsamples, seqlen=seqlen, rows=(), fatal=(fault,)
            )
        with locate_faults(str(path)):
            rows, faults = self.read_file(path, tokenizer)
            report = self.simulate(rows, tokenizer, nsamples=nsamples, seqlen=seqlen)
        # With a row missing, what follows from all of them isn't known.
        return replace(report, fatal=(*self.path_problems(str(path)), *(faults or report.fatal)))

    @abstractmethod
    def export(self, rows: Sequence[ExportRow], out: Path) -> None:
        """Write rows in the format of `info.formats` that the ending of ``out`` names.

        Raises:
            OutputError: The rows can't be written.
        """

    @abstractmethod
    def usage(self, out: Path, report: LoadReport) -> str:
        """Return the command or code that makes the quantizer read an exported file.

        Args:
            out: The exported file or folder.
            report: What the quantizer does with the exported rows.

        Raises:
            OutputError: The path holds a character that can't be shown.
        """


def shell_word(path: Path) -> str:
    """Quote a path for a shell, so that no program takes it for an option.

    Raises:
        OutputError: The path holds a character that can't be shown.

    Examples:
        >>> shell_word(Path("my set.txt")), shell_word(Path("-f"))
        ("'my set.txt'", './-f')
    """
    text = str(path)
    if not text.isprintable():
        raise OutputError(f"{text!r} holds a character that can't be shown; rename it")
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
