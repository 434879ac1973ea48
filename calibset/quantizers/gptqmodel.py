"""GPTQModel: what it keeps of a calibration file.

The rules are those of ``gptqmodel/utils/calibration.py`` in 7.7.0 (``prepare_calibration_dataset``) and of
``gptqmodel/looper/loop_processor.py``, for rows without ``calibration_concat_size``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibset.quantizers.base import ExportRow, FileFormat, LoadReport, QuantizerInfo, RowInput
from calibset.quantizers.row_reader import Fault, ids_in, text_in
from calibset.quantizers.row_writer import write_ids_table, write_json_lines
from calibset.quantizers.simulation import RENDERED, Measured, measured, mixing, of_file
from calibset.tokenizers.base import Tokenizer

INFO = QuantizerInfo(
    name="gptqmodel",
    product="GPTQModel",
    versions="7.7.0",
    files=("gptqmodel/utils/calibration.py", "gptqmodel/looper/loop_processor.py"),
    reads=(".jsonl", ".json", ".parquet"),
    forms=(FileFormat(ending=".parquet", holds="ids"), FileFormat(ending=".jsonl", holds="ids")),
    traps=("calibration_sort='shuffle' shuffles with no seed",),
)

# calibration_data_min_length, by default.
_SHORTEST_DROPPED = 10
# It warns of fewer rows, and of fewer tokens on average.
_ENOUGH = 256


def path_faults(path: str) -> tuple[str, ...]:  # noqa: ARG001
    """Say what in a file's path GPTQModel would misread: nothing, since it is given rows."""
    return ()


def simulate(rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what GPTQModel keeps of rows: all but the shortest, each whole.

    Args:
        rows: Texts, or ids with BOS among them.
        tokenizer: The one that GPTQModel will be given; it parses control tokens.
        nsamples: Rows asked for; GPTQModel takes all.
        seqlen: Tokens of a row that are wanted; GPTQModel doesn't cut.
    """
    found = measured(rows, tokenizer)
    accepted = tuple(row.accepted(reason=_too_short(row)) for row in found)
    kept = [row for row, what in zip(found, accepted, strict=True) if what.kept]
    # Of rows that are rendered the length isn't known.
    taken = kept or any(row.lost for row in found)
    return LoadReport(
        quantizer=INFO.label,
        nsamples=nsamples,
        seqlen=seqlen,
        rows=accepted,
        fatal=("no row has more than 10 tokens",) if found and not taken else (),
        warnings=tuple(_warnings(kept, nsamples, seqlen)),
    )


def simulate_file(path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what GPTQModel keeps of a file that ``load_dataset`` reads for it.

    Raises:
        ConsumerError: The file can't be read.
    """
    return of_file(path, _row, _replay_dataset, tokenizer, nsamples=nsamples, seqlen=seqlen)


def export(rows: Sequence[ExportRow], out: Path) -> None:
    """Write the rows' ids, cut at ``seqlen``, with no other column.

    Raises:
        OutputError: They can't be written.
    """
    if out.suffix == ".parquet":
        write_ids_table(out, [row.ids for row in rows])
    else:
        write_json_lines(out, ({"input_ids": row.ids} for row in rows))


def usage(out: Path, found: LoadReport) -> str:  # noqa: ARG001
    """Return what to type so that GPTQModel reads what was exported."""
    kind = "parquet" if out.suffix == ".parquet" else "json"
    return (
        f'model.quantize(load_dataset("{kind}", data_files={str(out)!r}, split="train"), batch_size=1)  '
        "# datasets.load_dataset"
    )


def _replay_dataset(
    rows: Sequence[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
) -> LoadReport:
    found = simulate(rows, tokenizer, nsamples=nsamples, seqlen=seqlen)
    # A column of one row is one of all rows, and null where they have no such key.
    return replace(found, fatal=mixing(rows) or found.fatal)


def _row(value: Any) -> RowInput | Fault:
    if isinstance(value, str):
        return text_in(value)
    if isinstance(value, list):
        return ids_in(value)
    if not isinstance(value, dict):
        return Fault("has no text")
    # A key wins by being there, whatever it holds.
    if "messages" in value:
        return Fault("its messages are null") if value["messages"] is None else RENDERED
    if "text" in value:
        return text_in(value["text"])
    return ids_in(value["input_ids"]) if "input_ids" in value else Fault("has no text")


def _too_short(row: Measured) -> str | None:
    if row.length > _SHORTEST_DROPPED:
        return None
    return f"{row.length} tokens, and rows of {_SHORTEST_DROPPED} or fewer are dropped"


def _warnings(kept: Sequence[Measured], nsamples: int, seqlen: int) -> Iterator[str]:
    longer = [row.length for row in kept if row.length > seqlen]
    if longer:
        yield (
            f"{len(longer)} rows are longer than seqlen {seqlen}, up to {max(longer)} tokens, and are read "
            "whole, up to the model's max_position_embeddings: `calibset export --for gptqmodel` cuts them"
        )
    if len(kept) > nsamples:
        yield f"{len(kept)} rows for nsamples {nsamples}: GPTQModel has no such option and takes all"
    if kept and len(kept) < _ENOUGH:
        yield f"GPTQModel warns of fewer than {_ENOUGH} rows; these are {len(kept)}"
    if kept and sum(row.length for row in kept) < _ENOUGH * len(kept):
        yield f"GPTQModel warns of fewer than {_ENOUGH} tokens a row on average"
