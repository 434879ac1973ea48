"""A calibration file as token ids, for quantizers whose own tokenizer would read its text otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from calibset.consumers import autoround
from calibset.errors import ConsumerError, OutputError, TokenizerError
from calibset.manifest import Manifest, manifest_path, read_manifest
from calibset.reading import read_of, room
from calibset.storage.atomic import replaced
from calibset.tokenizers import Tokenizer
from calibset.verification import ensure_unchanged, existing, tokenizer_of

__all__ = ["FORMATS", "export_input_ids"]

FORMATS = ("input_ids",)
"""What a calibration file can be exported as."""


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
    if seqlen is not None and seqlen < 1:
        raise ConsumerError(f"seqlen: must be at least 1, got {seqlen}")
    path = existing(file)
    target = path.with_suffix(".parquet") if out is None else Path(out)
    if target.suffix != ".parquet":
        raise OutputError(f"{target}: must end in .parquet")
    manifest = read_manifest(path)
    if manifest is None and (tokenizer is None or seqlen is None):
        raise ConsumerError(f"{path}: there is no manifest beside it, so give both --tokenizer and --seqlen")
    if manifest is not None:
        _ensure_of_file(manifest, path)
    measure = tokenizer_of(path, tokenizer, manifest)
    if manifest is not None and tokenizer is None:
        ensure_unchanged(path, measure, manifest)
    texts, faults = autoround.file_texts(path)
    if faults:
        raise ConsumerError(f"{path}: {faults[0]}; `calibset verify` names each fault")
    length = seqlen or (manifest.seqlen if manifest else 0)
    rows = [_row(path, number, text, measure, length, manifest) for number, text in enumerate(texts, 1)]
    sources = [sample.source for sample in manifest.samples] if manifest else [None] * len(rows)
    _write(target, rows, sources, texts)
    return target


def _ensure_of_file(manifest: Manifest, path: Path) -> None:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConsumerError(f"{path}: can't be read: {error.strerror}") from error
    if digest != manifest.sha256:
        raise OutputError(
            f"{manifest_path(path)}: is of another file: it says sha256 {manifest.sha256[:16]}…, "
            f"and {path} has {digest[:16]}…; build again, or move the manifest away and give --tokenizer "
            "and --seqlen"
        )


def _row(
    path: Path, number: int, text: str, tokenizer: Tokenizer, seqlen: int, manifest: Manifest | None
) -> list[int]:
    ids = tokenizer.encode(text.rstrip(), parse_special=True)
    if manifest is not None and len(ids) != manifest.samples[number - 1].tokens:
        raise TokenizerError(
            f"{path}: row {number} has {len(ids)} tokens of {tokenizer.name}, and its manifest says "
            f"{manifest.samples[number - 1].tokens} of {manifest.tokenizer.name}: rows are built for one "
            "tokenizer"
        )
    short = room(tokenizer, seqlen) - len(ids)
    if short > 0:
        raise ConsumerError(
            f"{path}: row {number} is {short} tokens short of {seqlen}; `calibset verify` names each such row"
        )
    return read_of(ids, tokenizer, seqlen)


def _write(
    target: Path, rows: Sequence[list[int]], sources: Sequence[str | None], texts: Sequence[str]
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(
        {
            "input_ids": pa.array(rows, pa.list_(pa.int32())),
            "source": pa.array(sources, pa.string()),
            "row_text": pa.array(texts, pa.string()),
        }
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent}: can't be made: {error.strerror}") from error
    with replaced(target) as stream:
        parquet.write_table(table, stream, compression="zstd")
