"""llm-compressor: which rows of a calibration file it reads.

The rules are those of ``llmcompressor/datasets/utils.py`` and ``llmcompressor/transformers/data/base.py`` in
0.14.0.1, for a dataset that ``load_dataset`` made of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from calibset.quantizers.base import FileFormat, Quantizer, QuantizerInfo
from calibset.quantizers.load_report import LoadReport
from calibset.quantizers.row_reader import FatalRow, RowInput, read_ids, read_rows, read_text
from calibset.quantizers.row_writer import ExportRow, write_ids_table, write_json_lines
from calibset.quantizers.simulation import MeasuredRow, find_mixed_kinds, measure_rows, warn_of_surplus
from calibset.tokenizers.base import Tokenizer

_FILE_IN_FOLDER = "train.json"


class LlmCompressor(Quantizer):
    """llm-compressor keeps all rows, each cut at ``seqlen``."""

    info = QuantizerInfo(
        name="llm-compressor",
        product="llm-compressor",
        versions="0.14.0.1",
        reads=(".jsonl", ".json", ".parquet"),
        formats=(
            FileFormat(ending=".parquet", holds="ids"),
            FileFormat(ending=".jsonl", holds="ids"),
            FileFormat(ending="", holds="ids"),
        ),
        pitfalls=(
            "without max_seq_length, ids aren't cut, and texts are cut at the tokenizer's model_max_length "
            "(an OverflowError if it has none)",
            "rows are drawn at random without a seed unless shuffle_calibration_samples=False",
            "dataset_path must be a folder of files that end in json; a .jsonl in it is not found",
        ),
    )

    def simulate(
        self, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Return which rows llm-compressor keeps.

        ``nsamples`` is its ``num_calibration_samples``, ``seqlen`` its ``max_seq_length``.
        """
        rows = list(rows)
        measured = measure_rows(rows, tokenizer)
        # Of more rows chance decides which are used.
        used = len(measured) <= nsamples
        return LoadReport(
            quantizer=self.info.label,
            nsamples=nsamples,
            seqlen=seqlen,
            rows=tuple(row.result(limit=seqlen, used=used) for row in measured),
            fatal=find_mixed_kinds(rows),
            warnings=tuple(_find_warnings(measured, nsamples, seqlen)),
        )

    def read_file(self, path: Path, tokenizer: Tokenizer) -> tuple[list[RowInput], list[str]]:
        """Return the rows of a file that ``load_dataset`` reads for llm-compressor."""
        return read_rows(path, _read_row, tokenizer=tokenizer)

    def export(self, rows: Sequence[ExportRow], out: Path) -> None:
        """Write the rows' ids, cut at ``seqlen``, with a mask of ones; in a folder as ``train.json``."""
        if out.suffix == ".parquet":
            write_ids_table(out, [row.ids for row in rows], mask=True)
            return
        objects = ({"input_ids": row.ids, "attention_mask": [1] * len(row.ids)} for row in rows)
        write_json_lines(out if out.suffix else out / _FILE_IN_FOLDER, objects)

    def usage(self, out: Path, report: LoadReport) -> str:
        """Return the code that makes llm-compressor read an exported file."""
        kind = "parquet" if out.suffix == ".parquet" else "json"
        imports = "from datasets import load_dataset\nfrom llmcompressor import oneshot\n\n"
        dataset = f'dataset=load_dataset("{kind}", data_files={str(out)!r}, split="train")'
        if not out.suffix:
            imports = "from llmcompressor import oneshot\n\n"
            dataset = f'dataset="json", dataset_path={str(out)!r}'
        return (
            f'{imports}# model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="auto")\n'
            '# recipe = GPTQModifier(targets="Linear", scheme="W4A16", ignore=["lm_head"])\n'
            f"oneshot(model=model, recipe=recipe, {dataset}, max_seq_length={report.seqlen}, "
            f"num_calibration_samples={report.nsamples}, shuffle_calibration_samples=False)"
        )


def _read_row(value: Any) -> RowInput | FatalRow:
    if not isinstance(value, dict):
        return FatalRow("is not an object")
    # The mere presence of the column keeps texts from being read.
    if "input_ids" in value:
        return read_ids(value["input_ids"])
    return read_text(value["text"]) if value.get("text") is not None else FatalRow("has no text")


def _find_warnings(measured: Sequence[MeasuredRow], nsamples: int, seqlen: int) -> Iterator[str]:
    if len({min(row.length, seqlen) for row in measured}) > 1:
        yield "rows differ in length: with batch_size above 1 each batch is cut to its shortest row"
    yield from warn_of_surplus(
        len(measured), nsamples, "chance decides which of them are used, and so the mixture"
    )
