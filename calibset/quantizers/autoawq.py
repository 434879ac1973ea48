"""AutoAWQ: what it keeps of a calibration file.

The rules are those of ``awq/utils/calib_data.py`` in 0.2.9 (``get_calib_dataset``), for a list of texts or of
ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibset.quantizers.base import ExportRow, FileFormat, LoadReport, QuantizerInfo, RowInput, RowResult
from calibset.quantizers.row_reader import Fault, ids_in, text_in
from calibset.quantizers.row_writer import write_json_list
from calibset.quantizers.simulation import Measured, cut_behind, measured, mixing, note_on_more, of_file
from calibset.tokenizers.base import Tokenizer

INFO = QuantizerInfo(
    name="autoawq",
    product="AutoAWQ",
    versions="0.2.9",
    files=("awq/utils/calib_data.py",),
    reads=(".jsonl", ".json", ".parquet"),
    forms=(FileFormat(ending=".json", holds="ids"),),
    joins=True,
    traps=(
        "rows longer than max_calib_seq_len are dropped, not cut, and it is 512 unless given",
        "128 rows are taken unless max_calib_samples is given",
    ),
)

_BEHIND = "all of it stands behind the last whole block"


def path_faults(path: str) -> tuple[str, ...]:  # noqa: ARG001
    """Say what in a file's path AutoAWQ would misread: nothing, since it is given a list."""
    return ()


def simulate(rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what AutoAWQ keeps of rows: the first ``nsamples`` that aren't longer than ``seqlen``.

    Args:
        rows: Texts, or ids with BOS among them.
        tokenizer: The one that AutoAWQ will be given; it parses control tokens.
        nsamples: Its ``max_calib_samples``.
        seqlen: Its ``max_calib_seq_len``.
    """
    # str.strip() is what AutoAWQ does.
    given = [row.strip() if isinstance(row, str) else row for row in rows]
    found = measured(given, tokenizer)
    passed = [row for row in found if _reason(row, seqlen) is None]
    taken = passed[:nsamples]
    total = sum(row.length for row in taken)
    joined = {row.row: row for row in cut_behind(taken, total - total % seqlen, _BEHIND)}
    return LoadReport(
        quantizer=INFO.label,
        nsamples=nsamples,
        seqlen=seqlen,
        rows=tuple(joined.get(row.row) or _left(row, seqlen) for row in found),
        fatal=mixing(given) or _no_block(total, seqlen),
        warnings=tuple(_warnings(found, passed, nsamples, seqlen)),
    )


def simulate_file(path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what AutoAWQ keeps of a file's texts or ids, given to it as a list.

    Raises:
        ConsumerError: The file can't be read.
    """
    return of_file(path, _row, simulate, tokenizer, nsamples=nsamples, seqlen=seqlen)


def export(rows: Sequence[ExportRow], out: Path) -> None:
    """Write the rows' ids, cut at ``seqlen``, as a list of lists.

    Raises:
        OutputError: They can't be written.
    """
    write_json_list(out, [row.ids for row in rows])


def usage(out: Path, found: LoadReport) -> str:
    """Return what to type so that AutoAWQ reads what was exported."""
    return (
        f"model.quantize(tokenizer, quant_config=quant_config, calib_data=json.load(open({str(out)!r})), "
        f"max_calib_samples={found.nsamples}, max_calib_seq_len={found.seqlen})"
    )


def _row(value: Any) -> RowInput | Fault:
    if isinstance(value, list):
        return ids_in(value)
    if not isinstance(value, dict):
        return text_in(value)
    if value.get("text") is not None:
        return text_in(value["text"])
    return ids_in(value["input_ids"]) if value.get("input_ids") is not None else Fault("has no text")


def _no_block(total: int, seqlen: int) -> tuple[str, ...]:
    return (f"{total} tokens in all, which make no block of {seqlen}",) if total < seqlen else ()


def _reason(row: Measured, seqlen: int) -> str | None:
    if row.lost:
        return row.lost
    if row.length > seqlen:
        return f"{row.length} tokens, and rows longer than {seqlen} are dropped"
    return None if row.length else "it has no tokens"


def _left(row: Measured, seqlen: int) -> RowResult:
    return replace(row.accepted(reason=_reason(row, seqlen)), used=False)


def _warnings(
    found: Sequence[Measured], passed: Sequence[Measured], nsamples: int, seqlen: int
) -> Iterator[str]:
    if any(row.length > seqlen for row in found):
        yield "`calibset export --for autoawq` writes rows that are cut, so that none is dropped"
    if any(row.length < seqlen for row in passed[:nsamples]):
        yield f"rows are joined and cut into blocks of {seqlen}, so that blocks begin inside rows"
    yield from note_on_more(len(passed), nsamples, "the first are used, in the file's order")
