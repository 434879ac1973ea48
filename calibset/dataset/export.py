"""A calibration file as what a quantizer takes: token ids, or the form that its own rules keep whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from calibset.core.errors import OutputError, QuantizerError, TokenizerError
from calibset.dataset.calibration_file import (
    check_manifest_matches,
    ensure_unchanged,
    existing,
    name_of,
    tokenizer_of,
)
from calibset.dataset.manifest import Manifest, manifest_path, read_manifest
from calibset.quantizers import ExportRow, FileFormat, LoadReport, Quantizer, get_quantizer
from calibset.quantizers.row_reader import read_texts
from calibset.quantizers.row_writer import write_table
from calibset.tokenizers import Tokenizer, tokenizer_files
from calibset.tokenizers.truncation import text_budget, visible_ids

FORMATS = ("input_ids",)
"""What a calibration file can be exported as, whatever the quantizer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What was written for a quantizer.

    Attributes:
        path: The file, or the folder.
        replay: What the quantizer does with it.
        usage: What to type so that it reads the file.
        traps: What goes wrong without being seen in the file.
    """

    path: Path
    replay: LoadReport
    usage: str
    traps: tuple[str, ...]


def export_input_ids(
    file: str | Path,
    out: str | Path | None = None,
    *,
    tokenizer: str | None = None,
    seqlen: int | None = None,
) -> Path:
    """Write a calibration file's rows as the ids that the model is shown: BOS and text, cut at ``seqlen``.

    The parquet file has a row for each, in the same order, with the columns ``input_ids``
    (list of int32, all ``seqlen`` long), ``source`` (null without a manifest) and ``row_text``. No column
    is called ``text``, because GPTQModel would read it in place of the ids.

    Args:
        file: JSON Lines (or a ``.json`` array) of rows.
        out: The ``.parquet`` file to write; by default ``file`` with that ending.
        tokenizer: The target model's, by name or path; by default the manifest's.
        seqlen: Ids of a row; by default the manifest's.

    Returns:
        The path of the file written.

    Raises:
        ConsumerError: The file can't be read, holds a row without text or with too few tokens, or has
            no manifest to say what isn't given.
        OutputError: The manifest is of another file, or ``out`` can't be written.
        TokenizerError: The tokenizer can't be loaded, or isn't the one that measured the rows.
    """
    source = _source_of(file, tokenizer, seqlen)
    target = source.path.with_suffix(".parquet") if out is None else Path(out)
    if target.suffix != ".parquet":
        raise OutputError(f"{target}: must end in .parquet")
    texts = _texts(source)
    rows = _rows(source, texts)
    names = [sample.source for sample in source.manifest.samples] if source.manifest else [None] * len(rows)
    _write(target, rows, names, texts)
    return target


def export_for(
    file: str | Path,
    quantizer: str,
    out: str | Path | None = None,
    *,
    tokenizer: str | None = None,
    seqlen: int | None = None,
) -> ExportResult:
    """Write a calibration file's rows as a quantizer takes them best, so that its own rules keep every one.

    Args:
        file: JSON Lines (or a ``.json`` array) of rows.
        quantizer: The quantizer, by name: a key of ``calibset.quantizers.QUANTIZERS``.
        out: The file to write (or the folder, for llm-compressor); its ending says which of the
            quantizer's forms. By default ``x.NAME.ENDING`` beside ``x.jsonl``, in the first.
        tokenizer: The target model's, by name or path; by default the manifest's.
        seqlen: Tokens of a row; by default the manifest's.

    Raises:
        ConsumerError: The file can't be read, holds a row without text or with too few tokens, or has
            no manifest to say what isn't given; or the quantizer would drop a row.
        OutputError: The manifest is of another file; or ``out`` can't be written or typed, or is read.
        TokenizerError: The tokenizer can't be loaded, or isn't the one that measured the rows.
    """
    asked = get_quantizer(quantizer)
    source = _source_of(file, tokenizer, seqlen)
    form, target = _form_of(asked, source, out)
    rows = _rows(source, _texts(source))
    found = _replayed(asked, form, rows, source)
    usage = asked.usage(target, found)
    asked.export(rows, target)
    return ExportResult(path=target, replay=found, usage=usage, traps=asked.info.pitfalls)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A calibration file, what measures its rows, and all that is read to export it."""

    path: Path
    manifest: Manifest | None
    tokenizer: Tokenizer
    seqlen: int
    read: Mapping[Path, str]


def _source_of(file: str | Path, tokenizer: str | None, seqlen: int | None) -> _Source:
    if seqlen is not None and seqlen < 1:
        raise QuantizerError(f"seqlen: must be at least 1, got {seqlen}")
    path = existing(file)
    manifest = read_manifest(path)
    if manifest is None and (tokenizer is None or seqlen is None):
        raise QuantizerError(f"{path}: there is no manifest beside it, so give both --tokenizer and --seqlen")
    if manifest is not None:
        check_manifest_matches(manifest, path)
    measure = tokenizer_of(path, tokenizer, manifest)
    if manifest is not None and tokenizer is None:
        ensure_unchanged(path, measure, manifest)
    length = seqlen or (manifest.seqlen if manifest else 0)
    read = {path: "the calibration file itself", manifest_path(path): "its manifest"}
    read |= dict.fromkeys(tokenizer_files(tokenizer or name_of(manifest), path.parent), "its tokenizer's")
    return _Source(path=path, manifest=manifest, tokenizer=measure, seqlen=length, read=read)


def _texts(source: _Source) -> list[str]:
    texts, faults = read_texts(source.path)
    if faults:
        raise QuantizerError(f"{source.path}: {faults[0]}; `calibset verify` names each fault")
    return texts


def _rows(source: _Source, texts: Sequence[str]) -> list[ExportRow]:
    return [
        ExportRow(text=text.rstrip(), ids=_ids(source, number, text)) for number, text in enumerate(texts, 1)
    ]


def _form_of(quantizer: Quantizer, source: _Source, out: str | Path | None) -> tuple[FileFormat, Path]:
    """Return what to write and where."""
    contract, file = quantizer.info, source.path
    default = contract.formats[0]
    target = Path(out or file.with_name(f"{file.stem}.{contract.name}{default.ending}"))
    forms = {form.ending: form for form in contract.formats}
    if target.suffix not in forms:
        *others, last = (ending or "no ending (a folder)" for ending in forms)
        names = f"{', '.join(others)} or {last}" if others else last
        raise OutputError(f"{target}: for {contract.name} it must end in {names}")
    _ensure_apart(target, source)
    form = forms[target.suffix]
    if form.holds == "text" and (faults := quantizer.path_problems(str(target))):
        raise OutputError(f"{target}: {contract.product} can't be given this file: {'; '.join(faults)}")
    return form, target


def _ensure_apart(target: Path, source: _Source) -> None:
    """Refuse to write over a file that is read, or among such files where a folder is written."""
    place = target.absolute().resolve()
    for path, what in source.read.items():
        read = path.absolute().resolve()
        if read == place:
            raise OutputError(f"{target}: is {what}")
        if not target.suffix and read.parent == place:
            raise OutputError(f"{target}: holds {path.name}, {what}; name a folder of its own")


def _replayed(
    quantizer: Quantizer, form: FileFormat, rows: Sequence[ExportRow], source: _Source
) -> LoadReport:
    """Return what a quantizer does with the rows, which it must take; of joined ones the last may be left."""
    path = source.path
    given = [row.ids if form.holds == "ids" else row.text for row in rows]
    found = quantizer.simulate(given, source.tokenizer, nsamples=len(rows), seqlen=source.seqlen)
    if found.fatal:
        raise QuantizerError(f"{path}: {found.quantizer} would stop: {found.fatal[0]}; nothing was written")
    if found.lost and not quantizer.info.joins_rows:
        row = found.lost[0]
        raise QuantizerError(
            f"{path}: {found.quantizer} would drop {len(found.lost)} of {len(found.rows)} rows, the first "
            f"row {row.row}: {row.reason}; nothing was written"
        )
    return found


def _ids(source: _Source, number: int, text: str) -> tuple[int, ...]:
    path, tokenizer, manifest = source.path, source.tokenizer, source.manifest
    ids = tokenizer.encode(text.rstrip(), parse_special=True)
    if manifest is not None and len(ids) != manifest.samples[number - 1].tokens:
        raise TokenizerError(
            f"{path}: row {number} has {len(ids)} tokens of {tokenizer.name}, and its manifest says "
            f"{manifest.samples[number - 1].tokens} of {manifest.tokenizer.name}: rows are built for one "
            "tokenizer"
        )
    short = text_budget(tokenizer, source.seqlen) - len(ids)
    if short > 0:
        raise QuantizerError(
            f"{path}: row {number} is {short} tokens short of {source.seqlen}; `calibset verify` names each "
            "such row"
        )
    return tuple(visible_ids(ids, tokenizer, source.seqlen))


def _write(
    target: Path, rows: Sequence[ExportRow], sources: Sequence[str | None], texts: Sequence[str]
) -> None:
    import pyarrow as pa

    columns = {
        "input_ids": pa.array([row.ids for row in rows], pa.list_(pa.int32())),
        "source": pa.array(sources, pa.string()),
        "row_text": pa.array(texts, pa.string()),
    }
    write_table(target, columns)
