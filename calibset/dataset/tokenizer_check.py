"""The check that the tokenizer which a quantizer loads reads a file as calibset does.

A row's text is right for a quantizer only if its tokenizer gives the ids that calibset counted. This doesn't
depend on the model alone: the same folder is loaded as one class or another, depending on the files in it
and on the packages that are installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

from calibset.core.errors import QuantizerError, TokenizerError
from calibset.core.installation import install_command
from calibset.dataset.calibration_file import CalibrationFile
from calibset.quantizers import LoadReport, RowInput
from calibset.tokenizers import Tokenizer, find_tokenizer_file
from calibset.tokenizers.auto_tokenizer import AutoTokenizer, load_auto_tokenizer
from calibset.tokenizers.engine_faults import locate_faults, translate_faults
from calibset.tokenizers.huggingface import HuggingFaceTokenizer
from calibset.tokenizers.tekken import TekkenTokenizer
from calibset.tokenizers.tekken_conversion import tekken_json, write_fast_tokenizer
from calibset.tokenizers.transformers_import import import_transformers

Backend = Literal["auto", "fast", "mistral-common", "tokenizers"]
"""What AutoTokenizer loads from the model's folder; or one that is chosen by name: transformers' fast
tokenizer for a ``tokenizer.json``, its ``MistralCommonBackend`` for a ``tekken.json``, and its
``TokenizersBackend`` for a ``tekken.json`` if mistral-common is not used."""

BACKENDS: tuple[Backend, ...] = get_args(Backend)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMismatch:
    """A row whose ids differ between a checked tokenizer and calibset's.

    Attributes:
        row: The row's line in the file, counted from 1.
        index: The index of the first token that differs, counted from 0 and including BOS.
        expected: The token that should be there, as text; empty after the last.
        found: The token that is there instead.
        reason: What is wrong, in the same words for the same fault.
    """

    row: int
    index: int
    expected: str
    found: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerReport:
    """The result of checking a tokenizer against a calibration file.

    Attributes:
        backend: The class that was loaded, with its package's version.
        rows: How many rows were read.
        misread: The rows whose ids differ from calibset's.
    """

    backend: str
    rows: int
    misread: tuple[TokenMismatch, ...]

    @property
    def passed(self) -> bool:
        """Whether every row is read as calibset reads it."""
        return not self.misread


def check_tokenizer(file: str | Path, backend: Backend, *, tokenizer: str | None = None) -> TokenizerReport:
    """Find the rows of a calibration file that a tokenizer of transformers reads differently from calibset.

    Args:
        file: JSON Lines (or a ``.json`` array) of rows.
        backend: The tokenizer to check, one of `BACKENDS`.
        tokenizer: The target model's tokenizer, by name or path; by default the manifest's, else
            ``mistral-small-3.2``.

    Raises:
        QuantizerError: The file can't be read, or holds rows without text.
        TokenizerError: transformers is not installed, or has no such tokenizer for this model.
    """
    opened = CalibrationFile.open(file, check_manifest=False)
    path = opened.path
    if faults := opened.row_faults:
        raise QuantizerError(f"{path}: {faults[0]}; `calibset verify` without --backend names each fault")
    expected = opened.tokenizer(tokenizer)
    tokenizer_file = find_tokenizer_file(opened.tokenizer_name(tokenizer), path.parent)
    with _load_backend(backend, expected, tokenizer_file) as loaded:
        return TokenizerReport(
            backend=loaded.name,
            rows=len(opened.texts),
            misread=tuple(find_mismatches(opened.texts, expected, loaded.read)),
        )


def find_misread(texts: Iterable[str], tokenizer: Tokenizer) -> tuple[TokenMismatch, ...]:
    """Return the rows that AutoTokenizer reads differently; none where it is not installed or not asked."""
    loaded = tokenizer.auto_tokenizer if isinstance(tokenizer, HuggingFaceTokenizer) else None
    return () if loaded is None else tuple(find_mismatches(texts, tokenizer, loaded.read))


def drop_misread(report: LoadReport, rows: Sequence[RowInput], tokenizer: Tokenizer) -> LoadReport:
    """Return a report in which texts that AutoTokenizer reads differently are not kept."""
    texts = [(number, row) for number, row in enumerate(rows, 1) if isinstance(row, str)]
    misread = find_misread((text for _, text in texts), tokenizer)
    reasons = {texts[row.row - 1][0]: f"AutoTokenizer reads other ids: {row.reason}" for row in misread}
    results = (
        replace(row, reason=reasons[row.row], used=False) if row.kept and row.row in reasons else row
        for row in report.rows
    )
    return replace(report, rows=tuple(results))


def find_mismatches(
    texts: Iterable[str], tokenizer: Tokenizer, encode: Callable[[str], list[int]]
) -> Iterator[TokenMismatch]:
    """Yield the rows whose ids differ between ``encode``, which adds BOS itself, and a tokenizer."""
    for row, text in enumerate((text.rstrip() for text in texts), 1):
        with locate_faults(f"row {row}"), translate_faults("transformers can't read", text=text):
            ids = encode(text)
            bare = tokenizer.encode(text, parse_special=True)
        right = [*tokenizer.prefix, *bare, *tokenizer.suffix]
        if ids == right:
            continue
        spelled = tokenizer.encode(text, parse_special=False)
        pairs = enumerate(zip(ids, right, strict=False))
        index = next((i for i, (token, other) in pairs if token != other), min(len(ids), len(right)))
        yield TokenMismatch(
            row=row,
            index=index,
            expected=tokenizer.decode(right[index : index + 1]),
            found=tokenizer.decode(ids[index : index + 1]),
            reason=_reason(ids, tokenizer, bare, spelled),
        )


def _reason(ids: list[int], tokenizer: Tokenizer, bare: list[int], spelled: list[int]) -> str:
    if ids == [*tokenizer.prefix, *spelled, *tokenizer.suffix]:
        return "control tokens are read as plain text"
    if ids == bare:
        return "no BOS is put before the text"
    if ids == spelled:
        return "control tokens are read as plain text, and no BOS is put before the text"
    return "the text is split differently"


@contextmanager
def _load_backend(backend: Backend, tokenizer: Tokenizer, file: Path | None) -> Iterator[AutoTokenizer]:
    """Load a tokenizer of transformers from the files that it would find, and no others."""
    transformers = _transformers()
    if backend == "auto":
        yield _load_auto(tokenizer, file)
        return
    kind = "MistralCommonBackend" if backend == "mistral-common" else "TokenizersBackend"
    with TemporaryDirectory(prefix="calibset-") as name:
        folder = Path(name)
        if backend == "fast":
            _provide_fast(tokenizer, file, folder)
        else:
            _provide_tekken(tokenizer, file, folder)
        with translate_faults(f"{tokenizer.name}: transformers can't load it as {kind}"):
            loaded = getattr(transformers, kind).from_pretrained(str(folder))
        yield AutoTokenizer.of(loaded)


def _load_auto(tokenizer: Tokenizer, file: Path | None) -> AutoTokenizer:
    if file is None:
        raise TokenizerError(f"{tokenizer.name}: there is no model's folder that AutoTokenizer could load")
    try:
        return load_auto_tokenizer(file.parent)
    except TokenizerError as error:
        raise TokenizerError(f"{tokenizer.name}: {error}") from error


def _provide_fast(tokenizer: Tokenizer, file: Path | None, folder: Path) -> None:
    if isinstance(tokenizer, TekkenTokenizer):
        write_fast_tokenizer(tokenizer, folder)
        return
    if file is None:
        raise TokenizerError(f"{tokenizer.name}: there is no tokenizer.json, so this backend can't be loaded")
    shutil.copyfile(file, folder / "tokenizer.json")
    for name in ("tokenizer_config.json", "special_tokens_map.json", "config.json"):
        if (file.parent / name).is_file():
            shutil.copyfile(file.parent / name, folder / name)


def _provide_tekken(tokenizer: Tokenizer, file: Path | None, folder: Path) -> None:
    if file is None and isinstance(tokenizer, TekkenTokenizer):
        (folder / "tekken.json").write_text(tekken_json(tokenizer), "utf-8")
        return
    tekken = file if isinstance(tokenizer, TekkenTokenizer) else file and file.parent / "tekken.json"
    if tekken is None or not tekken.is_file():
        raise TokenizerError(f"{tokenizer.name}: there is no tekken.json, so this backend can't be loaded")
    shutil.copyfile(tekken, folder / "tekken.json")


def _transformers() -> Any:
    try:
        transformers = import_transformers()
    except ImportError as error:
        raise TokenizerError(
            f"--backend needs transformers, which is not installed; {install_command('transformers')}"
        ) from error
    transformers.utils.logging.disable_progress_bar()
    return transformers
