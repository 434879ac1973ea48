"""NVIDIA ModelOpt: what its loader keeps of a calibration file.

The rules are those of ``modelopt/torch/utils/dataset_utils.py`` in 0.47.0 (``get_dataset_dataloader``), for a
``.jsonl`` file without ``pack``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibset.quantizers.base import ExportRow, FileFormat, LoadReport, QuantizerInfo, RowInput, UnusableRow
from calibset.quantizers.row_reader import Fault, text_in
from calibset.quantizers.row_writer import write_json_lines
from calibset.quantizers.simulation import RENDERED, Measured, measured, note_on_more, of_file, without_ids
from calibset.tokenizers.base import Tokenizer

INFO = QuantizerInfo(
    name="modelopt",
    product="NVIDIA ModelOpt",
    versions="0.47.0",
    files=("modelopt/torch/utils/dataset_utils.py",),
    reads=(".jsonl",),
    forms=(FileFormat(ending=".jsonl", holds="text"),),
    traps=(
        "rows are cut at 512 tokens unless max_sample_length is given",
        "the tokenizer needs a pad token, even where all rows are of one length",
    ),
)

_EMPTY = UnusableRow("an empty text is skipped")


def path_faults(path: str) -> tuple[str, ...]:
    """Say what in a file's path ModelOpt would misread.

    Examples:
        >>> path_faults("set.json")
        ('the path must end in .jsonl',)
    """
    return () if path.endswith(".jsonl") else ("the path must end in .jsonl",)


def simulate(rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what ModelOpt keeps of rows: the first ``nsamples``, each cut at ``seqlen``.

    Args:
        rows: Texts; it takes no ids.
        tokenizer: The one that ModelOpt will be given; it parses control tokens.
        nsamples: Its ``num_samples``.
        seqlen: Its ``max_sample_length``.
    """
    found = measured((row or _EMPTY for row in without_ids(rows)), tokenizer)
    accepted = (row.accepted(limit=seqlen, used=row.row <= nsamples) for row in found)
    return LoadReport(
        quantizer=INFO.label,
        nsamples=nsamples,
        seqlen=seqlen,
        rows=tuple(accepted),
        warnings=tuple(_warnings(found, nsamples, seqlen)),
    )


def simulate_file(path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what ModelOpt keeps of a file.

    Raises:
        ConsumerError: The file can't be read.
    """
    found = of_file(path, _row, simulate, tokenizer, nsamples=nsamples, seqlen=seqlen)
    return replace(found, fatal=(*path_faults(str(path)), *found.fatal))


def export(rows: Sequence[ExportRow], out: Path) -> None:
    """Write the rows' texts; ModelOpt cuts them.

    Raises:
        OutputError: They can't be written.
    """
    write_json_lines(out, ({"text": row.text} for row in rows))


def usage(out: Path, found: LoadReport) -> str:
    """Return what to type so that ModelOpt reads what was exported."""
    return (
        f"get_dataset_dataloader({str(out)!r}, tokenizer, num_samples={found.nsamples}, "
        f"max_sample_length={found.seqlen})"
        "  # modelopt.torch.utils.dataset_utils"
    )


def _row(value: Any) -> RowInput | Fault:
    if not isinstance(value, dict):
        return Fault("is no object")
    if value.get("messages") is not None or value.get("conversations") is not None:
        return RENDERED
    if value.get("prompt") is not None:
        return UnusableRow("its prompt is read in place of its text")
    if value.get("text") is not None:
        return text_in(value["text"])
    if value.get("input") is not None:
        return UnusableRow("its input is read in place of a text")
    return Fault("has no text")


def _warnings(found: Sequence[Measured], nsamples: int, seqlen: int) -> Iterator[str]:
    read = {min(row.length, seqlen) for row in found[:nsamples] if row.lost is None}
    if len(read) > 1:
        yield "rows differ in length: the shorter ones are padded, which the attention mask hides"
    yield from note_on_more(len(found), nsamples, "the first are used, in the file's order")
