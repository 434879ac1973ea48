"""ExLlamaV2: what its converter reads of a calibration file.

The rules are those of ``exllamav2/conversion/tokenize.py`` (``get_tokens``) and of
``ExLlamaV2Tokenizer.encode`` in 0.3.2, for a parquet file with the column ``text`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from calibset.quantizers.base import FileFormat, Quantizer, QuantizerInfo, shell_word
from calibset.quantizers.load_report import LoadReport
from calibset.quantizers.row_reader import (
    FatalRow,
    RowInput,
    UnusableRow,
    read_rows,
    read_text,
)
from calibset.quantizers.row_writer import ExportRow, write_table
from calibset.quantizers.simulation import count_control_rows, cut_joined_rows, drop_ids, measure_rows
from calibset.tokenizers.base import Tokenizer

# --measurement_rows, by default.
_MEASUREMENT_ROWS = 16


class ExLlamaV2(Quantizer):
    """ExLlamaV2 reads as many joined rows as fill its ``--dataset_rows`` of ``seqlen`` tokens."""

    info = QuantizerInfo(
        name="exllamav2",
        product="ExLlamaV2",
        versions="0.3.2",
        reads=(".parquet",),
        formats=(FileFormat(ending=".parquet", holds="text"),),
        joins_rows=True,
        own_tokenizer=True,
        parses_control_tokens=False,
        pitfalls=(
            "no BOS is put before a row",
            "--dataset_rows (100 by default) of --length (2048) tokens are read",
            "measuring reads --measurement_rows (16) of --measurement_length (2048), and fails if there "
            "are fewer",
        ),
    )

    def simulate(
        self, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Return which rows ExLlamaV2 reads; it takes only texts, and reads control tokens as plain text.

        ``nsamples`` is the converter's ``--dataset_rows`` if there are more rows than that; if all rows are
        wanted, ``--dataset_rows`` is as many as they fill. ``seqlen`` is its ``--length``.
        """
        rows = drop_ids(rows)
        measured = measure_rows(rows, tokenizer, parse_special=False, bare=True)
        total = sum(row.length for row in measured)
        filled = nsamples if nsamples < len(measured) else max(nsamples, total // seqlen)
        wanted = filled * seqlen
        fatal: tuple[str, ...] = ()
        if total < wanted:
            fatal = (f"{total:,} tokens in all, and {nsamples} rows of {seqlen} take {wanted:,}",)
        return LoadReport(
            quantizer=self.info.label,
            nsamples=nsamples,
            seqlen=seqlen,
            rows=tuple(cut_joined_rows(measured, wanted)),
            fatal=fatal,
            warnings=(
                *_find_warnings(count_control_rows(rows, tokenizer), total, wanted, seqlen),
                *_note_more_rows(len(measured), filled, seqlen),
            ),
        )

    def read_file(self, path: Path, tokenizer: Tokenizer) -> tuple[list[RowInput], list[str]]:
        """Return the texts of a parquet file, all of whose columns ExLlamaV2 reads."""
        return read_rows(path, _read_columns, tokenizer=tokenizer)

    def export(self, rows: Sequence[ExportRow], out: Path) -> None:
        """Write the rows' texts as the one column of a parquet file."""
        import pyarrow as pa

        write_table(out, {"text": pa.array([row.text for row in rows], pa.string())})

    def usage(self, out: Path, report: LoadReport) -> str:
        """Return the command that makes ExLlamaV2 read an exported file."""
        rows = sum(row.tokens - row.cut for row in report.rows) // report.seqlen
        return (
            f"python convert.py --in_dir MODEL --out_dir WORK --cal_dataset {shell_word(out)} "
            f"--dataset_rows {rows} --length {report.seqlen} "
            f"--measurement_rows {min(_MEASUREMENT_ROWS, rows)} --measurement_length {report.seqlen}"
        )


def _read_columns(value: dict[str, Any]) -> RowInput | FatalRow:
    if set(value) != {"text"}:
        return UnusableRow("its other columns are read as text, too")
    return read_text(value["text"])


def _note_more_rows(rows: int, filled: int, seqlen: int) -> Iterator[str]:
    if filled > rows:
        yield (
            f"give --dataset_rows {filled}: its rows are --length pieces of the joined text, and the {rows} "
            f"rows of the file make {filled} of {seqlen} tokens"
        )


def _find_warnings(control_rows: int, total: int, wanted: int, seqlen: int) -> Iterator[str]:
    if control_rows:
        yield f"{control_rows} rows hold control tokens, which ExLlamaV2 reads as plain text"
    if total > wanted:
        yield "rows are joined and cut, so that what it reads begins inside rows"
    if wanted <= total < _MEASUREMENT_ROWS * seqlen:
        rows = total // seqlen
        yield (
            f"give --measurement_rows {rows} or fewer: without it measuring takes {_MEASUREMENT_ROWS}, "
            "and stops"
        )
