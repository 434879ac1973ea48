"""Intel AutoRound: which rows of a calibration file its loader keeps.

The rules are those of ``auto_round/calib_dataset.py`` in 0.12.3 and 0.16.1 (``get_local_dataset`` and the
filter in ``get_dataset``), for text rows without options; and of ``Compressor.calib`` for token ids, which
AutoRound takes as tensors from Python alone. Both versions keep the same rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from calibset.core.short_forms import count
from calibset.quantizers.autoround import pitfall
from calibset.quantizers.base import FileFormat, Quantizer, QuantizerInfo, shell_word
from calibset.quantizers.load_report import LoadReport, RowResult
from calibset.quantizers.row_reader import RowInput, UnusableRow, read_ids, read_rows, read_texts
from calibset.quantizers.row_writer import ExportRow, write_ids_table, write_json_lines
from calibset.quantizers.simulation import measure_rows, warn_of_surplus
from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.engine_faults import locate_faults
from calibset.tokenizers.truncation import last_token_dominates, text_budget, visible_ids

# AutoRound shuffles the rows with this seed before it takes the first nsamples.
_SHUFFLE_SEED = 42
_MIXED = "texts and ids don't go together"


class AutoRound(Quantizer):
    """AutoRound keeps rows of at least ``seqlen`` tokens that aren't half filled by their last token."""

    info = QuantizerInfo(
        name="autoround",
        product="AutoRound",
        versions="0.12.3 to 0.16.1",
        reads=(".jsonl", ".json", ".parquet"),
        formats=(FileFormat(ending=".parquet", holds="ids"), FileFormat(ending=".jsonl", holds="text")),
        pitfalls=(
            f"{pitfall.FILE_OF_MULTIMODAL}; {pitfall.READ_AS_TEXT}",
            f"before 0.16, if rows % batch_size is 1, {pitfall.SHORT_BATCH}",
            f"{pitfall.MISTRAL_PATH}; hand over model and tokenizer as objects, or ids",
            pitfall.BATCHES_OF_IDS,
        ),
    )

    @property
    def takes_ids(self) -> bool:
        """Always False: AutoRound's command line reads the text of a built file as it is."""
        return False

    def path_problems(self, path: str) -> tuple[str, ...]:
        """Return what AutoRound would misread in the path of a text file; ids are passed from Python.

        Examples:
            >>> AutoRound().path_problems("out/my set.jsonl")
            ('the path holds a space, which it removes',)
        """
        if path.endswith(".parquet"):
            return ()
        problems = [f"the path holds {meaning}" for sign, meaning in pitfall.MISREAD.items() if sign in path]
        if not path.endswith((".json", ".jsonl")):
            problems.append("the path must end in .jsonl or .json")
        return tuple(problems)

    def simulate(
        self, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Return which rows AutoRound keeps, all of them texts or all of them ids (a tensor each)."""
        rows = list(rows)
        simulate = _simulate_ids if any(isinstance(row, tuple) for row in rows) else _simulate_texts
        results, warnings = simulate(rows, tokenizer, nsamples, seqlen)
        return LoadReport(
            quantizer=self.info.label, nsamples=nsamples, seqlen=seqlen, rows=results, warnings=warnings
        )

    def read_file(self, path: Path, tokenizer: Tokenizer) -> tuple[list[RowInput], list[str]]:
        """Return the texts of a file, or the ids of a ``.parquet`` file."""
        if path.suffix == ".parquet":
            return read_rows(path, lambda row: read_ids(row.get("input_ids")), tokenizer=tokenizer)
        texts, faults = read_texts(path)
        return [*texts], faults

    def simulate_file(self, path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
        """Return which rows of a file AutoRound keeps, with a warning if it isn't ASCII."""
        report = super().simulate_file(path, tokenizer, nsamples=nsamples, seqlen=seqlen)
        if path.suffix not in (".jsonl", ".json") or path.read_bytes().isascii():
            return report
        warning = "the file isn't ASCII: AutoRound reads it in the locale's encoding"
        return replace(report, warnings=(*report.warnings, warning))

    def export(self, rows: Sequence[ExportRow], out: Path) -> None:
        """Write the rows' ids as parquet, or their texts as JSON Lines."""
        if out.suffix == ".parquet":
            write_ids_table(out, [row.ids for row in rows])
        else:
            write_json_lines(out, ({"text": row.text} for row in rows))

    def usage(self, out: Path, report: LoadReport) -> str:
        """Return the command or code that makes AutoRound read an exported file."""
        if out.suffix != ".parquet":
            rows = f"--nsamples {report.nsamples} --seqlen {report.seqlen}"
            return f"auto-round --model MODEL --dataset {shell_word(out)} {rows}"
        # Batches that the rows divide into: of others versions before 0.16 lose rows.
        size = next(size for size in (4, 2, 1) if report.nsamples % size == 0)
        return (
            "import torch\nfrom auto_round import AutoRound\nfrom pyarrow import parquet\n\n"
            f'rows = torch.tensor(parquet.read_table({str(out)!r})["input_ids"].to_pylist())\n'
            'dataset = [{"input_ids": ids, "attention_mask": torch.ones_like(ids)} '
            f"for ids in rows.split({size})]\n"
            f"AutoRound(model, tokenizer, dataset=dataset, nsamples={report.nsamples}, "
            f"seqlen={report.seqlen}, batch_size={size})"
        )


_Simulated = tuple[tuple[RowResult, ...], tuple[str, ...]]


def _simulate_texts(rows: Sequence[RowInput], tokenizer: Tokenizer, nsamples: int, seqlen: int) -> _Simulated:
    results = [_check_text(number, row, tokenizer, seqlen) for number, row in enumerate(rows, 1)]
    order = list(range(len(rows)))
    random.Random(_SHUFFLE_SEED).shuffle(order)  # noqa: S311  (AutoRound's own shuffle)
    warnings = warn_of_surplus(
        len(rows),
        nsamples,
        "AutoRound's shuffle decides which of them are used, and so the mixture",
    )
    return _mark_used(results, order, nsamples), tuple(warnings)


def _check_text(number: int, row: RowInput, tokenizer: Tokenizer, seqlen: int) -> RowResult:
    if not isinstance(row, str):
        return RowResult(row=number, tokens=0, reason=_MIXED if isinstance(row, tuple) else row.reason)
    with locate_faults(f"row {number}"):
        ids = tokenizer.encode(row.rstrip(), parse_special=True)
    read = visible_ids(ids, tokenizer, seqlen)
    reason = None
    if len(read) < seqlen:
        reason = _say_short(len(read), seqlen)
    elif last_token_dominates(read, seqlen):
        reason = f"its last token makes up {read.count(read[-1])} of {seqlen} tokens"
    cut = max(0, len(ids) - text_budget(tokenizer, seqlen))
    return RowResult(row=number, tokens=len(ids), cut=cut, reason=reason)


def _say_short(length: int, seqlen: int) -> str:
    return f"{count(seqlen - length, 'token')} short of {seqlen}"


def _simulate_ids(rows: Sequence[RowInput], tokenizer: Tokenizer, nsamples: int, seqlen: int) -> _Simulated:
    measured = measure_rows((UnusableRow(_MIXED) if isinstance(row, str) else row for row in rows), tokenizer)
    results = [
        row.result(reason=_say_short(row.length, seqlen) if row.length < seqlen else None) for row in measured
    ]
    warnings = []
    if longer := sum(row.length > seqlen for row in measured):
        warnings.append(f"{longer} rows are longer than seqlen {seqlen}, and AutoRound doesn't cut ids")
    warnings += warn_of_surplus(len(rows), nsamples, "the first are used, in the file's order")
    # Nothing is shuffled.
    return _mark_used(results, range(len(rows)), nsamples), tuple(warnings)


def _mark_used(results: Sequence[RowResult], order: Iterable[int], nsamples: int) -> tuple[RowResult, ...]:
    """Return the results with the first ``nsamples`` of the kept rows, in an order, marked as used."""
    used = set([index for index in order if results[index].kept][:nsamples])
    return tuple(replace(result, used=index in used) for index, result in enumerate(results))
