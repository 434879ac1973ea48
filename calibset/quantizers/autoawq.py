"""AutoAWQ: which rows of a calibration file it keeps.

The rules are those of ``awq/utils/calib_data.py`` in 0.2.9 (``get_calib_dataset``), for a list of texts or of
ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from calibset.quantizers.base import FileFormat, Quantizer, QuantizerInfo
from calibset.quantizers.load_report import LoadReport
from calibset.quantizers.row_reader import FatalRow, RowInput, read_ids, read_rows, read_text
from calibset.quantizers.row_writer import ExportRow, write_json_list
from calibset.quantizers.simulation import (
    MeasuredRow,
    cut_joined_rows,
    find_mixed_kinds,
    measure_rows,
    warn_of_surplus,
)
from calibset.tokenizers.base import Tokenizer


class AutoAwq(Quantizer):
    """AutoAWQ keeps the first ``nsamples`` rows that aren't longer than ``seqlen``."""

    info = QuantizerInfo(
        name="autoawq",
        product="AutoAWQ",
        versions="0.2.9",
        reads=(".jsonl", ".json", ".parquet"),
        formats=(FileFormat(ending=".json", holds="ids"),),
        joins_rows=True,
        pitfalls=(
            "rows longer than max_calib_seq_len (512 by default) are dropped, not cut",
            "128 rows are taken unless max_calib_samples is set",
        ),
    )

    def simulate(
        self, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Return which rows AutoAWQ keeps.

        ``nsamples`` is its ``max_calib_samples``, ``seqlen`` its ``max_calib_seq_len``.
        """
        # str.strip() is what AutoAWQ does.
        rows = [row.strip() if isinstance(row, str) else row for row in rows]
        measured = measure_rows(rows, tokenizer)
        fitting = [row for row in measured if _drop_reason(row, seqlen) is None]
        taken = fitting[:nsamples]
        total = sum(row.length for row in taken)
        cut = cut_joined_rows(taken, total - total % seqlen, "all of it comes after the last whole block")
        joined = {result.row: result for result in cut}
        # Where no row fits, each says so itself.
        no_block = (f"{total} tokens in all, too few for a block of {seqlen}",) if 0 < total < seqlen else ()
        return LoadReport(
            quantizer=self.info.label,
            nsamples=nsamples,
            seqlen=seqlen,
            rows=tuple(
                joined.get(row.row) or row.result(reason=_drop_reason(row, seqlen), used=False)
                for row in measured
            ),
            fatal=find_mixed_kinds(rows) or no_block,
            warnings=tuple(_find_warnings(fitting, nsamples, seqlen)),
        )

    def read_file(self, path: Path, tokenizer: Tokenizer) -> tuple[list[RowInput], list[str]]:
        """Return the texts or ids of a file, which AutoAWQ takes as a list."""
        return read_rows(path, _read_row, tokenizer=tokenizer)

    def export(self, rows: Sequence[ExportRow], out: Path) -> None:
        """Write the rows' ids, cut at ``seqlen``, as a list of lists."""
        write_json_list(out, [row.ids for row in rows])

    def usage(self, out: Path, report: LoadReport) -> str:
        """Return the code that makes AutoAWQ read an exported file."""
        return (
            "import json\n\n"
            "# model = AutoAWQForCausalLM.from_pretrained(MODEL)\n"
            "model.quantize(tokenizer, quant_config=quant_config, "
            f"calib_data=json.load(open({str(out)!r})), "
            f"max_calib_samples={report.nsamples}, max_calib_seq_len={report.seqlen})"
        )


def _read_row(value: Any) -> RowInput | FatalRow:
    if isinstance(value, list):
        return read_ids(value)
    if not isinstance(value, dict):
        return read_text(value)
    if value.get("text") is not None:
        return read_text(value["text"])
    return read_ids(value["input_ids"]) if value.get("input_ids") is not None else FatalRow("has no text")


def _drop_reason(row: MeasuredRow, seqlen: int) -> str | None:
    if row.unusable:
        return row.unusable
    if row.length > seqlen:
        return f"{row.length} tokens, and rows longer than {seqlen} are dropped"
    return None if row.length else "it has no tokens"


def _find_warnings(fitting: Sequence[MeasuredRow], nsamples: int, seqlen: int) -> Iterator[str]:
    if any(row.length < seqlen for row in fitting[:nsamples]):
        yield f"rows are joined and cut into blocks of {seqlen}, so that blocks begin inside rows"
    yield from warn_of_surplus(len(fitting), nsamples, "the first are used, in the file's order")
