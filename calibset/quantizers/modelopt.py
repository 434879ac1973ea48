"""NVIDIA ModelOpt: which rows of a calibration file its loader keeps.

The rules are those of ``modelopt/torch/utils/dataset_utils.py`` in 0.47.0 (``get_dataset_dataloader``), for a
``.jsonl`` file without ``pack``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from calibset.quantizers.base import FileFormat, Quantizer, QuantizerInfo
from calibset.quantizers.load_report import LoadReport
from calibset.quantizers.message_reader import MessageReader
from calibset.quantizers.row_reader import FatalRow, RowInput, UnusableRow, read_rows, read_text
from calibset.quantizers.row_writer import ExportRow, write_json_lines
from calibset.quantizers.simulation import (
    MeasuredRow,
    drop_ids,
    measure_rows,
    warn_of_surplus,
)
from calibset.tokenizers.base import Tokenizer

_EMPTY = UnusableRow("an empty text is skipped")


class ModelOpt(Quantizer):
    """ModelOpt keeps the first ``nsamples`` rows, each cut at ``seqlen``."""

    info = QuantizerInfo(
        name="modelopt",
        product="NVIDIA ModelOpt",
        versions="0.47.0",
        reads=(".jsonl",),
        formats=(FileFormat(ending=".jsonl", holds="text"),),
        pitfalls=(
            "rows are cut at 512 tokens unless max_sample_length is given",
            "the tokenizer needs a pad token, even where all rows are of one length",
        ),
    )

    def path_problems(self, path: str) -> tuple[str, ...]:
        """Return what ModelOpt would misread in the path of a file.

        Examples:
            >>> ModelOpt().path_problems("set.json")
            ('the path must end in .jsonl',)
        """
        return () if path.endswith(".jsonl") else ("the path must end in .jsonl",)

    def simulate(
        self, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Return which rows ModelOpt keeps; it takes only texts.

        ``nsamples`` is its ``num_samples``, ``seqlen`` its ``max_sample_length``.
        """
        measured = measure_rows((row or _EMPTY for row in drop_ids(rows)), tokenizer)
        return LoadReport(
            quantizer=self.info.label,
            nsamples=nsamples,
            seqlen=seqlen,
            rows=tuple(row.result(limit=seqlen, used=row.row <= nsamples) for row in measured),
            warnings=tuple(_find_warnings(measured, nsamples, seqlen)),
        )

    def read_file(self, path: Path, tokenizer: Tokenizer) -> tuple[list[RowInput], list[str]]:
        """Return the rows of a file as ModelOpt takes them."""
        reader = MessageReader.of(tokenizer)
        return read_rows(path, lambda row: _read_row(row, reader), tokenizer=tokenizer)

    def export(self, rows: Sequence[ExportRow], out: Path) -> None:
        """Write the rows' texts; ModelOpt cuts them."""
        write_json_lines(out, ({"text": row.text} for row in rows))

    def usage(self, out: Path, report: LoadReport) -> str:
        """Return the code that makes ModelOpt read an exported file."""
        return (
            "from modelopt.torch.utils.dataset_utils import get_dataset_dataloader\n\n"
            f"batches = get_dataset_dataloader({str(out)!r}, tokenizer, num_samples={report.nsamples}, "
            f"max_sample_length={report.seqlen})"
        )


def _read_row(value: Any, reader: MessageReader) -> RowInput | FatalRow:
    if not isinstance(value, dict):
        return FatalRow("is not an object")
    for key in ("messages", "conversations"):
        if value.get(key) is not None:
            return reader.read(value, key)
    if value.get("prompt") is not None:
        if value.get("text") is not None:
            return UnusableRow("its prompt is read instead of its text")
        return _join_texts(value, "prompt", "completion", "response", "output")
    if value.get("text") is not None:
        return read_text(value["text"])
    return _join_texts(value, "input", "output")


def _join_texts(value: Mapping[str, Any], *keys: str) -> str | FatalRow:
    """Return the texts under keys, a line each, the first of which must be there."""
    texts = [value[key] for key in keys if value.get(key) is not None]
    if value.get(keys[0]) is None:
        return FatalRow("has no text")
    return read_text("\n".join(texts)) if all(isinstance(text, str) for text in texts) else read_text(texts)


def _find_warnings(measured: Sequence[MeasuredRow], nsamples: int, seqlen: int) -> Iterator[str]:
    lengths = {min(row.length, seqlen) for row in measured[:nsamples] if row.unusable is row.unjudged is None}
    if len(lengths) > 1:
        yield "rows differ in length: the shorter ones are padded, which the attention mask hides"
    yield from warn_of_surplus(len(measured), nsamples, "the first are used, in the file's order")
