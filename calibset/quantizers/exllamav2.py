"""ExLlamaV2: what its converter reads of a calibration file.

The rules are those of ``exllamav2/conversion/tokenize.py`` (``get_tokens``) and of
``ExLlamaV2Tokenizer.encode`` in 0.3.2, for a parquet file with the column ``text`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from calibset.quantizers.base import (
    ExportRow,
    FileFormat,
    LoadReport,
    QuantizerInfo,
    RowInput,
    UnusableRow,
    shell_word,
)
from calibset.quantizers.row_reader import Fault, text_alone, text_in
from calibset.quantizers.row_writer import write_table
from calibset.quantizers.simulation import Measured, count_spelled, cut_behind, measured, of_file, without_ids
from calibset.tokenizers.base import Tokenizer

INFO = QuantizerInfo(
    name="exllamav2",
    product="ExLlamaV2",
    versions="0.3.2",
    files=("exllamav2/conversion/tokenize.py", "exllamav2/tokenizer/tokenizer.py"),
    reads=(".jsonl", ".json", ".parquet"),
    forms=(FileFormat(ending=".parquet", holds="text"),),
    joins=True,
    traps=(
        "no BOS is put before a row",
        "--dataset_rows (100 by default) of --length (2048) tokens are read",
        "measuring reads --measurement_rows (16) of --measurement_length (2048), and stops where there are "
        "fewer",
    ),
)


# --measurement_rows, by default.
_MEASURED = 16


def path_faults(path: str) -> tuple[str, ...]:  # noqa: ARG001
    """Say what in a file's path ExLlamaV2 would misread: nothing."""
    return ()


def simulate(rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what ExLlamaV2 reads of rows: as many as fill its ``--dataset_rows`` of ``seqlen`` tokens.

    Args:
        rows: Texts; it takes no ids.
        tokenizer: The model's; control tokens are read as letters.
        nsamples: The converter's ``--dataset_rows`` where there are more rows than that; where all are
            wanted, that is as many as they fill.
        seqlen: Its ``--length``.
    """
    given = without_ids(rows)
    found = measured(given, tokenizer, parse_special=False, bare=True)
    total = sum(row.length for row in found)
    filled = nsamples if nsamples < len(found) else max(nsamples, total // seqlen)
    wanted = filled * seqlen
    fatal: tuple[str, ...] = ()
    if total < wanted:
        fatal = (f"{total:,} tokens in all, and {nsamples} rows of {seqlen} take {wanted:,}",)
    return LoadReport(
        quantizer=INFO.label,
        nsamples=nsamples,
        seqlen=seqlen,
        rows=tuple(cut_behind(found, wanted)),
        fatal=fatal,
        warnings=tuple(_warnings(given, found, tokenizer, filled, seqlen)),
    )


def simulate_file(path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what ExLlamaV2 reads of a file's texts, written as parquet, or of such a file.

    Raises:
        ConsumerError: The file can't be read.
    """
    take = _cells if path.suffix == ".parquet" else text_alone
    return of_file(path, take, simulate, tokenizer, nsamples=nsamples, seqlen=seqlen)


def export(rows: Sequence[ExportRow], out: Path) -> None:
    """Write the rows' texts as the one column of a parquet file.

    Raises:
        OutputError: They can't be written.
    """
    import pyarrow as pa

    write_table(out, {"text": pa.array([row.text for row in rows], pa.string())})


def usage(out: Path, found: LoadReport) -> str:
    """Return what to type so that ExLlamaV2 reads what was exported."""
    rows = sum(row.tokens - row.cut for row in found.rows) // found.seqlen
    return (
        f"python convert.py --in_dir MODEL --out_dir WORK --cal_dataset {shell_word(out)} "
        f"--dataset_rows {rows} --length {found.seqlen} "
        f"--measurement_rows {min(_MEASURED, rows)} --measurement_length {found.seqlen}"
    )


def _cells(value: dict[str, Any]) -> RowInput | Fault:
    if set(value) != {"text"}:
        return UnusableRow("its other columns are read as text, too")
    return text_in(value["text"])


def _warnings(
    given: Sequence[RowInput], found: Sequence[Measured], tokenizer: Tokenizer, nsamples: int, seqlen: int
) -> Iterator[str]:
    total = sum(row.length for row in found)
    if spelled := count_spelled(given, tokenizer):
        yield f"{spelled} rows hold control tokens, which ExLlamaV2 reads as letters"
    if total > nsamples * seqlen:
        yield "rows are joined and cut, so that what it reads begins inside rows"
    if nsamples * seqlen <= total < _MEASURED * seqlen:
        rows = total // seqlen
        yield f"give --measurement_rows {rows} or fewer: without it measuring takes {_MEASURED}, and stops"
