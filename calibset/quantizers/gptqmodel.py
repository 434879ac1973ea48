"""GPTQModel: which rows of a calibration file it keeps.

The rules are those of ``gptqmodel/utils/calibration.py`` in 7.7.0 (``prepare_calibration_dataset``) and of
``gptqmodel/looper/loop_processor.py``, for rows without ``calibration_concat_size``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from calibset.quantizers.base import FileFormat, Quantizer, QuantizerInfo
from calibset.quantizers.load_report import LoadReport
from calibset.quantizers.message_reader import MessageReader
from calibset.quantizers.row_reader import FatalRow, RowInput, UnjudgedRow, read_ids, read_rows, read_text
from calibset.quantizers.row_writer import ExportRow, write_ids_table, write_json_lines
from calibset.quantizers.simulation import MeasuredRow, find_mixed_kinds, measure_rows
from calibset.tokenizers.base import Tokenizer

# calibration_data_min_length, by default.
_LONGEST_DROPPED = 10
# It warns of fewer rows, and of fewer tokens on average.
_ENOUGH = 256


class GptqModel(Quantizer):
    """GPTQModel keeps all rows but the shortest, each whole."""

    info = QuantizerInfo(
        name="gptqmodel",
        product="GPTQModel",
        versions="7.7.0",
        reads=(".jsonl", ".json", ".parquet"),
        formats=(FileFormat(ending=".parquet", holds="ids"), FileFormat(ending=".jsonl", holds="ids")),
        pitfalls=("calibration_sort='shuffle' shuffles without a seed",),
    )

    def simulate(
        self, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Return which rows GPTQModel keeps; it ignores ``nsamples`` and cuts no row at ``seqlen``."""
        measured = measure_rows(rows, tokenizer)
        results = tuple(row.result(reason=_drop_reason(row)) for row in measured)
        kept_rows = [row for row, result in zip(measured, results, strict=True) if result.kept]
        # Of rows that are rendered the length isn't known.
        some_left = kept_rows or any(row.unjudged for row in measured)
        return LoadReport(
            quantizer=self.info.label,
            nsamples=nsamples,
            seqlen=seqlen,
            rows=results,
            fatal=("no row has more than 10 tokens",) if measured and not some_left else (),
            warnings=tuple(_find_warnings(kept_rows, nsamples, seqlen)),
        )

    def read_file(self, path: Path, tokenizer: Tokenizer) -> tuple[list[RowInput], list[str]]:
        """Return the rows of a file that ``load_dataset`` reads for GPTQModel."""
        reader = MessageReader.of(tokenizer)
        kinds: list[RowInput] = []

        def read(value: Any) -> RowInput | FatalRow:
            row = _read_row(value, reader)
            if not isinstance(row, FatalRow):
                kinds.append(UnjudgedRow("") if _reads_messages(value, reader) else row)
            return row

        rows, faults = read_rows(path, read, tokenizer=tokenizer)
        # A column of one row is one of all rows, and null where they have no such key.
        return rows, faults or [*find_mixed_kinds(kinds)]

    def export(self, rows: Sequence[ExportRow], out: Path) -> None:
        """Write the rows' ids, cut at ``seqlen``, with no other column."""
        if out.suffix == ".parquet":
            write_ids_table(out, [row.ids for row in rows])
        else:
            write_json_lines(out, ({"input_ids": row.ids} for row in rows))

    def usage(self, out: Path, report: LoadReport) -> str:  # noqa: ARG002
        """Return the code that makes GPTQModel read an exported file."""
        kind = "parquet" if out.suffix == ".parquet" else "json"
        return (
            "from datasets import load_dataset\n\n"
            "# model = GPTQModel.load(MODEL, quantize_config)\n"
            f'model.quantize(load_dataset("{kind}", data_files={str(out)!r}, split="train"), batch_size=1)'
        )


def _reads_messages(value: Any, reader: MessageReader) -> bool:
    """Return whether a row's messages are read: where there is no template, a text is read instead."""
    has_messages = isinstance(value, dict) and "messages" in value
    return has_messages and (reader.has_template is not False or "text" not in value)


def _read_row(value: Any, reader: MessageReader) -> RowInput | FatalRow:
    if isinstance(value, str):
        return read_text(value)
    if isinstance(value, list):
        return read_ids(value)
    if not isinstance(value, dict):
        return FatalRow("has no text")
    # A key wins by being there, whatever it holds.
    if _reads_messages(value, reader):
        return reader.read(value, "messages")
    if "text" in value:
        return read_text(value["text"])
    return read_ids(value["input_ids"]) if "input_ids" in value else FatalRow("has no text")


def _drop_reason(row: MeasuredRow) -> str | None:
    if row.length > _LONGEST_DROPPED:
        return None
    return f"{row.length} tokens, and rows of {_LONGEST_DROPPED} or fewer are dropped"


def _find_warnings(kept_rows: Sequence[MeasuredRow], nsamples: int, seqlen: int) -> Iterator[str]:
    longer = [row.length for row in kept_rows if row.length > seqlen]
    if longer:
        yield (
            f"{len(longer)} rows are longer than seqlen {seqlen}, up to {max(longer)} tokens, and are read "
            "whole, up to the model's max_position_embeddings"
        )
    if len(kept_rows) > nsamples:
        yield f"{len(kept_rows)} rows for nsamples {nsamples}: GPTQModel has no such option and takes all"
    if kept_rows and len(kept_rows) < _ENOUGH:
        yield f"{len(kept_rows)} rows: GPTQModel warns if there are fewer than {_ENOUGH}"
    if kept_rows and sum(row.length for row in kept_rows) < _ENOUGH * len(kept_rows):
        yield f"GPTQModel warns if rows have fewer than {_ENOUGH} tokens on average"
