"""llm-compressor: what it keeps of a calibration file.

The rules are those of ``llmcompressor/datasets/utils.py`` and ``llmcompressor/transformers/data/base.py`` in
0.14.0.1, for a dataset that ``load_dataset`` made of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from calibset.quantizers.base import ExportRow, FileFormat, LoadReport, QuantizerInfo, RowInput
from calibset.quantizers.row_reader import Fault, ids_in, text_in
from calibset.quantizers.row_writer import write_ids_table, write_json_lines
from calibset.quantizers.simulation import Measured, measured, mixing, note_on_more, of_file
from calibset.tokenizers.base import Tokenizer

INFO = QuantizerInfo(
    name="llm-compressor",
    product="llm-compressor",
    versions="0.14.0.1",
    files=("llmcompressor/datasets/utils.py", "llmcompressor/transformers/data/base.py"),
    reads=(".jsonl", ".json", ".parquet"),
    forms=(
        FileFormat(ending=".parquet", holds="ids"),
        FileFormat(ending=".jsonl", holds="ids"),
        FileFormat(ending="", holds="ids"),
    ),
    traps=(
        "without max_seq_length ids aren't cut, and texts at the tokenizer's model_max_length; where it has "
        "none, that is an OverflowError",
        "rows are drawn at random with no seed unless shuffle_calibration_samples=False",
        "dataset_path must be a folder of files that end in json; it doesn't see a .jsonl",
    ),
)

_IN_FOLDER = "train.json"


def path_faults(path: str) -> tuple[str, ...]:  # noqa: ARG001
    """Say what in a file's path llm-compressor would misread: nothing, since it is given a dataset."""
    return ()


def simulate(rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what llm-compressor keeps of rows: all, each cut at ``seqlen``.

    Args:
        rows: Texts, or ids with BOS among them.
        tokenizer: The one that it will be given; it parses control tokens.
        nsamples: Its ``num_calibration_samples``.
        seqlen: Its ``max_seq_length``.
    """
    given = list(rows)
    found = measured(given, tokenizer)
    # Of more rows chance decides which are used.
    used = len(found) <= nsamples
    return LoadReport(
        quantizer=INFO.label,
        nsamples=nsamples,
        seqlen=seqlen,
        rows=tuple(row.accepted(limit=seqlen, used=used) for row in found),
        fatal=mixing(given),
        warnings=tuple(_warnings(found, nsamples, seqlen)),
    )


def simulate_file(path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what llm-compressor keeps of a file that ``load_dataset`` reads for it.

    Raises:
        ConsumerError: The file can't be read.
    """
    return of_file(path, _row, simulate, tokenizer, nsamples=nsamples, seqlen=seqlen)


def export(rows: Sequence[ExportRow], out: Path) -> None:
    """Write the rows' ids, cut at ``seqlen``, with a mask of ones; a folder gets ``train.json``.

    Raises:
        OutputError: They can't be written.
    """
    if out.suffix == ".parquet":
        write_ids_table(out, [row.ids for row in rows], mask=True)
        return
    objects = ({"input_ids": row.ids, "attention_mask": [1] * len(row.ids)} for row in rows)
    write_json_lines(out if out.suffix else out / _IN_FOLDER, objects)


def usage(out: Path, found: LoadReport) -> str:
    """Return what to type so that llm-compressor reads what was exported."""
    kind = "parquet" if out.suffix == ".parquet" else "json"
    given = f'dataset=load_dataset("{kind}", data_files={str(out)!r}, split="train")'
    if not out.suffix:
        given = f'dataset="json", dataset_path={str(out)!r}'
    return (
        f"oneshot(model=model, recipe=recipe, {given}, max_seq_length={found.seqlen}, "
        f"num_calibration_samples={found.nsamples}, shuffle_calibration_samples=False)"
    )


def _row(value: Any) -> RowInput | Fault:
    if not isinstance(value, dict):
        return Fault("is no object")
    # The column alone, whatever it holds, keeps texts from being read.
    if "input_ids" in value:
        return ids_in(value["input_ids"])
    return text_in(value["text"]) if value.get("text") is not None else Fault("has no text")


def _warnings(found: Sequence[Measured], nsamples: int, seqlen: int) -> Iterator[str]:
    if len({min(row.length, seqlen) for row in found}) > 1:
        yield "rows differ in length: with batch_size above 1 each batch is cut to its shortest"
    yield from note_on_more(
        len(found),
        nsamples,
        "chance decides which of them are used, and so the mixture",
    )
