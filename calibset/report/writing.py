"""A report of a calibration file, as text and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calibset.belonging import ensure_of_file
from calibset.consumers import autoround
from calibset.errors import ConsumerError, OutputError, TokenizerError
from calibset.manifest import Manifest, read_manifest
from calibset.report.figures import figures_of
from calibset.report.page import ensure_installed, page
from calibset.report.rows import Row, read_rows
from calibset.report.samples import samples_of
from calibset.storage.atomic import replaced
from calibset.tokenizers import ControlTokens, Tokenizer
from calibset.verification import ensure_unchanged, existing, tokenizer_of


def report_path(file: Path) -> Path:
    """Return where the report of a calibration file stands: ``x.jsonl`` has ``x.report.html``."""
    return file.parent / f"{file.stem}.report.html"


def write_report(file: str | Path, out: str | Path | None = None, *, tokenizer: str | None = None) -> Path:
    """Write a page about a calibration file: what is in it, where it comes from, and each of its rows.

    The page needs no network and loads nothing; the same file gives the same bytes.

    Args:
        file: The calibration file; its manifest stands beside it.
        out: The ``.html`` file to write; by default ``x.report.html`` beside ``x.jsonl``.
        tokenizer: The target model's, by name or path; by default the manifest's.

    Returns:
        The path of the file written.

    Raises:
        ConsumerError: The file can't be read, or has no manifest.
        OutputError: The manifest is of another file, ``out`` can't be written, or what draws the page
            is not installed.
        TokenizerError: The tokenizer can't be loaded, or isn't the one that measured the rows.
    """
    target = report_path(Path(file)) if out is None else Path(out)
    if target.suffix not in (".html", ".htm"):
        raise OutputError(f"{target}: a report must end in .html")
    text = report_html(file, tokenizer=tokenizer)
    with replaced(target) as stream:
        stream.write(text.encode("utf-8"))
    return target


def report_html(file: str | Path, *, tokenizer: str | None = None) -> str:
    """Return the page that `write_report` writes.

    Args:
        file: The calibration file; its manifest stands beside it.
        tokenizer: The target model's, by name or path; by default the manifest's.

    Raises:
        ConsumerError: The file can't be read, or has no manifest.
        OutputError: The manifest is of another file, or what draws the page is not installed.
        TokenizerError: The tokenizer can't be loaded, or isn't the one that measured the rows.
    """
    path = existing(file)
    ensure_installed()
    manifest = _manifest_of(path)
    measure = tokenizer_of(path, tokenizer, manifest)
    if tokenizer is None:
        ensure_unchanged(path, measure, manifest)
    texts, faults = autoround.file_texts(path)
    if faults:
        raise ConsumerError(f"{path}: {faults[0]}; `calibset verify` names each fault")
    control_tokens = ControlTokens.of(measure.special_tokens)
    rows = read_rows(texts, manifest, measure)
    _ensure_measured(path, rows, manifest, measure)
    around = len(measure.prefix) + len(measure.suffix)
    figures = figures_of(manifest, rows, control_tokens, around=around)
    return page(path.name, figures, samples_of(rows, control_tokens), measure.notes)


def _ensure_measured(path: Path, rows: Sequence[Row], manifest: Manifest, tokenizer: Tokenizer) -> None:
    for row, sample in zip(rows, manifest.samples, strict=True):
        if row.tokens != sample.tokens:
            raise TokenizerError(
                f"{path}: row {row.number} has {row.tokens} tokens of {tokenizer.name}, and its manifest "
                f"says {sample.tokens} of {manifest.tokenizer.name}: rows are built for one tokenizer"
            )


def _manifest_of(path: Path) -> Manifest:
    manifest = read_manifest(path)
    if manifest is None:
        raise ConsumerError(f"{path}: there is no manifest beside it, and a report tells what stands there")
    ensure_of_file(manifest, path)
    return manifest
