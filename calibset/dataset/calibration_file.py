"""A calibration file on disk: its rows, the manifest beside it, and the tokenizer that measured it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import Self

from calibset.core.documents import Sample
from calibset.core.errors import OutputError, QuantizerError, TokenizerError
from calibset.core.quantizer_names import DEFAULT_QUANTIZER
from calibset.core.short_forms import write_line, write_table
from calibset.dataset.manifest import Manifest, SampleReport, manifest_path
from calibset.dataset.message_rows import MESSAGES, AnyRowReader
from calibset.quantizers.row_reader import FatalRow, read_one_row, read_rows, read_texts
from calibset.tokenizers import DEFAULT_TOKENIZER, Encoded, Tokenizer, load_tokenizer
from calibset.tokenizers.engine_faults import locate_faults

NAMED_BY_VERIFY = "; `calibset verify` names each fault"
"""What an error adds to the first of several faults of rows."""

_HOLDOUT = ".holdout"

MENDED_BY_REPACK = ", and `calibset repack` makes rows of texts, also from messages"
"""What an error adds where the rows are another script's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRow:
    """A row of a calibration file as its tokenizer reads it.

    Attributes:
        number: The row's line in the file, counted from 1.
        text: The row's text.
        encoded: The ids of the text without white space at its end and without BOS, and where each ends.
        report: The manifest's entry for the row, if there is a manifest.
    """

    number: int
    text: str
    encoded: Encoded
    report: SampleReport | None


@dataclass(frozen=True)
class CalibrationFile:
    """A file of rows, with the manifest beside it if there is one.

    Attributes:
        path: The file: JSON Lines, or a ``.json`` array of rows.
        manifest: The record of the build that wrote the file; None for a file of other origin.
    """

    path: Path
    manifest: Manifest | None

    def __repr__(self) -> str:
        origin = f"built by the recipe {self.manifest.name}" if self.manifest else "without a manifest"
        return write_line("CalibrationFile", self.path.name, origin)

    def _repr_html_(self) -> str:
        if self.manifest is not None:
            return self.manifest._repr_html_()
        return write_table(f"{self.path.name}: without a manifest", (), ())

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        endings: Sequence[str] | None = (".jsonl", ".json"),
        check_manifest: bool = True,
    ) -> Self:
        """Open a calibration file, which must exist; a manifest beside it must match its bytes.

        Args:
            path: The file.
            endings: The endings that its name may have; None for any.
            check_manifest: Whether a manifest of another file is an error.

        Raises:
            QuantizerError: There is no such file, or its name is that of another kind of file.
            OutputError: The file or its manifest can't be read, or the manifest belongs to another file.
        """
        path = Path(path)
        if not os.path.isfile(path):  # noqa: PTH113  (Path's raises where a folder may not be entered)
            kind = "a folder, not a calibration file" if os.path.isdir(path) else "no such file"  # noqa: PTH112
            raise QuantizerError(f"{path}: {kind}")
        if endings is not None:
            check_ending(path, endings)
        opened = cls(path, Manifest.read(path))
        if check_manifest:
            opened.check_manifest()
        return opened

    def check_manifest(self) -> None:
        """Make sure that the manifest is of this file: same bytes, and a sample for each row.

        Raises:
            OutputError: The manifest belongs to another file, or the file can't be read.
        """
        if self.manifest is None:
            return
        content = _read_bytes(self.path)
        digest, expected = hashlib.sha256(content).hexdigest(), self.manifest.sha256
        rows, samples = _count_rows(self.path, content), len(self.manifest.samples)
        if digest != expected:
            fault = f"it says sha256 {expected[:16]}…, and {self.path} has {digest[:16]}…"
        elif rows != samples:
            fault = f"it has {samples:,} samples, and {self.path} has {rows:,} rows"
        else:
            return
        raise OutputError(
            f"{manifest_path(self.path)}: belongs to another file: {fault}; "
            "build again, or move the manifest away"
        )

    def require_manifest(self) -> Manifest:
        """Return the manifest.

        Raises:
            OutputError: There is no manifest.
        """
        if self.manifest is None:
            raise OutputError(
                f"{self.path}: no manifest is beside it; `calibset build` and `calibset repack` write one"
            )
        return self.manifest

    def find_holdout(self) -> Self | None:
        """Open the holdout that was built with this file, or return None if it can't be found.

        Raises:
            OutputError: A manifest that may be the holdout's can't be read, or is not of its file.
        """
        if self.manifest is None or self.manifest.other is None or not self.manifest.has_holdout:
            return None
        for candidate in self._list_others():
            manifest = Manifest.read(candidate) if candidate.is_file() else None
            if manifest is not None and manifest.sha256 == self.manifest.other.sha256:
                return self.open(candidate)
        return None

    def find_pair_fault(self) -> str | None:
        """Return why the other file of the pair is not of this file's build, if one is where it belongs.

        A build that was ended between two renames leaves such a pair, and the two may share documents.

        Raises:
            OutputError: The other file can't be read.
        """
        if self.manifest is None or self.manifest.other is None:
            return None
        there = [candidate for candidate in self._list_others() if candidate.is_file()]
        if not there or any(_hash_file(path) == self.manifest.other.sha256 for path in there):
            return None
        return (
            f"{there[0]}: is of another build than {self.path}, and they may share documents; "
            "build both again, or move it away"
        )

    def _list_others(self) -> list[Path]:
        """Return where the other file of the pair may be."""
        if self.manifest is None or not self.manifest.has_holdout:
            stem = self.path.stem.removesuffix(_HOLDOUT)
            return [] if stem == self.path.stem else [self.path.with_name(stem + self.path.suffix)]
        options = self.manifest.recipe.get("holdout")
        output = options.get("output") if isinstance(options, Mapping) else None
        if not isinstance(output, str):
            return [holdout_path(self.path)]
        # The folder that it is relative to is not recorded; of an absolute path, only the name is.
        folder = self.path.parent
        return [folder / output, folder / Path(output).name, Path(output)]

    @property
    def quantizer_name(self) -> str:
        """The quantizer that the file was built for; the default one without a manifest."""
        return self.manifest.quantizer_name if self.manifest else DEFAULT_QUANTIZER

    def tokenizer_name(self, override: str | None = None) -> str:
        """Return the name of the tokenizer that `tokenizer` loads."""
        return override or (self.manifest.tokenizer.name if self.manifest else DEFAULT_TOKENIZER)

    def tokenizer(self, override: str | None = None, *, allow_changed: bool = False) -> Tokenizer:
        """Load the tokenizer that measured the rows.

        Args:
            override: Another tokenizer, by name or path. Without it the manifest's is loaded, or the default
                one if there is no manifest.
            allow_changed: Whether the manifest's tokenizer may have changed since the file was built.

        Raises:
            TokenizerError: The tokenizer can't be loaded, or it changed.
        """
        manifest = self.manifest if override is None else None
        try:
            tokenizer = load_tokenizer(self.tokenizer_name(override), self.path.parent)
        except TokenizerError as error:
            if manifest is None:
                raise
            raise TokenizerError(
                f"{error}; the manifest names this tokenizer, say where it is with --tokenizer"
            ) from error
        if not allow_changed and override is None:
            self.require_same_tokenizer(tokenizer)
        return tokenizer

    def require_same_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Make sure that a tokenizer is what the manifest's was when the file was built.

        Raises:
            TokenizerError: It changed.
        """
        if self.manifest and tokenizer.fingerprint != self.manifest.tokenizer.sha256:
            raise TokenizerError(
                f"{self.path}: {tokenizer.name} is not what it was when the file was built; "
                "build again, or give --tokenizer"
            )

    @cached_property
    def _texts_and_faults(self) -> tuple[list[str], list[str]]:
        return read_texts(self.path)

    @property
    def row_count(self) -> int:
        """How many rows the file has, faulty ones among them."""
        return len(self._texts_and_faults[0])

    @property
    def row_faults(self) -> tuple[str, ...]:
        """The faults of rows that have no text, as ``row 2: has no text``."""
        return tuple(self._texts_and_faults[1])

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each row.

        Raises:
            QuantizerError: The file can't be read, or a row has no text.
        """
        if self.row_faults:
            raise QuantizerError(f"{self.path}: {self.row_faults[0]}{NAMED_BY_VERIFY}")
        return tuple(self._texts_and_faults[0])

    def text(self, row: int) -> str:
        """Return the text of one row, even if other rows have faults.

        Args:
            row: The row's line, counted from 1.

        Raises:
            QuantizerError: The file can't be read, or the row has no text.
            OutputError: There is no such row.
        """
        texts = self._texts_and_faults[0]
        if not 1 <= row <= len(texts):
            raise OutputError(f"{self.path}: has {len(texts):,} rows, so there is no row {row}")
        for fault in self.row_faults:
            if fault.startswith(f"row {row}: "):
                raise QuantizerError(f"{self.path}: {fault}")
        return texts[row - 1]

    def decode(self, row: int, reader: AnyRowReader) -> str:
        """Return the text of one row; of ids and messages, the text that they stand for.

        Raises:
            QuantizerError: The file can't be read, or the row has none of them.
            TokenizerError: The reader's tokenizer has no chat template for messages.
            OutputError: There is no such row.
        """
        try:
            return self.text(row)
        except QuantizerError as error:
            found = read_one_row(self.path, row, reader.read, reader.tokenizer)
            if isinstance(found, FatalRow) and found.reason.startswith(MESSAGES):
                raise QuantizerError(f"{self.path}: row {row}: {found.reason}") from None
            if isinstance(found, tuple):
                with locate_faults(f"{self.path}: row {row}"):
                    return reader.tokenizer.decode(found)
            if isinstance(found, str):
                return found
            raise error from None

    def decode_all(self, reader: AnyRowReader) -> tuple[str, ...]:
        """Return the text of each row; of ids and messages, the text that they stand for.

        Raises:
            QuantizerError: The file can't be read, or a row has none of them.
            TokenizerError: The reader's tokenizer has no chat template for messages.
        """
        rows, faults = read_rows(self.path, reader.read, tokenizer=reader.tokenizer, skip_blank=False)
        if faults:
            told = MESSAGES in faults[0]
            raise QuantizerError(
                f"{self.path}: {faults[0]}" + ("" if told else NAMED_BY_VERIFY + MENDED_BY_REPACK)
            )
        with locate_faults(str(self.path)):
            return tuple(reader.tokenizer.decode(row) if isinstance(row, tuple) else str(row) for row in rows)

    def rows(self, tokenizer: Tokenizer) -> Iterator[EncodedRow]:
        """Yield the rows in the order of the file, encoded.

        Args:
            tokenizer: The tokenizer that measured the rows; control tokens are parsed.

        Raises:
            QuantizerError: The file can't be read, or a row has no text.
            TokenizerError: A row's number of tokens is not the one in its manifest.
        """
        reports = self.manifest.samples if self.manifest else repeat(None, len(self.texts))
        for number, (text, report) in enumerate(zip(self.texts, reports, strict=True), 1):
            with locate_faults(f"{self.path}: row {number}"):
                encoded = tokenizer.encode_with_ends(text.rstrip(), parse_special=True)
            if self.manifest and report and len(encoded.ids) != report.tokens:
                raise TokenizerError(
                    f"{self.path}: row {number} has {len(encoded.ids)} tokens of {tokenizer.name}, and its "
                    f"manifest says {report.tokens} of {self.manifest.tokenizer.name}: rows are built for "
                    "one tokenizer"
                )
            yield EncodedRow(number=number, text=text, encoded=encoded, report=report)


def check_ending(path: Path, endings: Sequence[str]) -> None:
    """Make sure that a file's name has one of the endings.

    Raises:
        QuantizerError: The name has none of them.
    """
    if path.suffix not in endings:
        raise QuantizerError(f"{path}: a calibration file must end in {alternatives(endings)}")


def alternatives(names: Sequence[str]) -> str:
    """Join names with commas and a final "or".

    Examples:
        >>> alternatives([".jsonl", ".json", ".parquet"]), alternatives([".txt"])
        ('.jsonl, .json or .parquet', '.txt')
    """
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _count_rows(path: Path, content: bytes) -> int:
    if path.suffix != ".json":
        return len(content.splitlines())
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError):
        return 0
    return len(rows) if isinstance(rows, list | dict) else 0


def row_bytes(samples: Iterable[Sample]) -> bytes:
    """Return samples as a calibration file: JSON Lines in ASCII, one object per line, no blank lines."""
    lines = (
        json.dumps({"text": sample.text, "source": sample.source, "tokens": len(sample.token_ids)}) + "\n"
        for sample in samples
    )
    return "".join(lines).encode("ascii")


def rows_sha256(samples: Iterable[Sample]) -> str:
    """Return the SHA-256 of the calibration file that the samples make."""
    return hashlib.sha256(row_bytes(samples)).hexdigest()


def holdout_path(path: Path) -> Path:
    """Return the path of a calibration file's holdout: ``x.holdout.jsonl`` for ``x.jsonl``."""
    return path.with_name(f"{path.stem}{_HOLDOUT}{path.suffix}")


def _hash_file(path: Path) -> str:
    return hashlib.sha256(_read_bytes(path)).hexdigest()


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutputError(f"{path}: can't be read: {error.strerror}") from error
