"""llama.cpp's ``llama-imatrix``: which part of a text file it reads.

The rules are those of ``tools/imatrix/imatrix.cpp`` (``compute_imatrix``) at commit 006e7ef9, with
``--parse-special`` and without ``--chunk`` and ``--chunks``. Rows are joined by blank lines, as
`LlamaCpp.export` writes them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from calibset.quantizers.base import FileFormat, Quantizer, QuantizerInfo, shell_word
from calibset.quantizers.load_report import LoadReport, RowResult
from calibset.quantizers.row_reader import RowInput, UnusableRow, read_text_file
from calibset.quantizers.row_writer import ExportRow, write_text
from calibset.quantizers.simulation import MeasuredRow, count_control_rows, cut_joined_rows, drop_ids
from calibset.tokenizers.base import Tokenizer

_SEPARATOR = "\n\n"


class LlamaCpp(Quantizer):
    """llama-imatrix reads whole chunks of rows that are joined by blank lines."""

    info = QuantizerInfo(
        name="llama.cpp",
        product="llama.cpp imatrix",
        versions="at 006e7ef9",
        reads=(".txt",),
        formats=(FileFormat(ending=".txt", holds="text"),),
        joins_rows=True,
        own_tokenizer=True,
        pitfalls=("the text is read in chunks of -c tokens, 512 by default, that begin and end inside rows",),
    )

    def simulate(
        self, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        """Return what llama-imatrix reads of each row; it takes only texts. ``seqlen`` is its ``-c``."""
        rows = drop_ids(rows)
        measured = _measure_joined(rows, tokenizer)
        total = sum(row.length for row in measured)
        fatal: tuple[str, ...] = ()
        if total < 2 * seqlen:
            fatal = (f"{total:,} tokens in all, and chunks of {seqlen} need {2 * seqlen:,}",)
        return LoadReport(
            quantizer=self.info.label,
            nsamples=nsamples,
            seqlen=seqlen,
            rows=tuple(_cut(measured, total - total % seqlen)),
            fatal=fatal,
            warnings=tuple(_find_warnings(rows, tokenizer, total, seqlen)),
        )

    def read_file(self, path: Path, tokenizer: Tokenizer) -> tuple[list[RowInput], list[str]]:  # noqa: ARG002
        """Return a file's text, which is all one row: nothing in it shows where one ends."""
        return [read_text_file(path).removesuffix("\n")], []

    def simulate_file(self, path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
        """Return what llama-imatrix reads of a file's text; ``nsamples`` has no meaning for it."""
        report = super().simulate_file(path, tokenizer, nsamples=nsamples, seqlen=seqlen)
        return replace(report, nsamples=1, joined=True) if report.rows else report

    def export(self, rows: Sequence[ExportRow], out: Path) -> None:
        """Write the rows' texts as one text, separated by blank lines."""
        # llama.cpp takes one line end away from the end of the file.
        write_text(out, _SEPARATOR.join(row.text for row in rows) + "\n")

    def usage(self, out: Path, report: LoadReport) -> str:
        """Return the command that makes llama-imatrix read an exported file."""
        return f"llama-imatrix -m MODEL.gguf -f {shell_word(out)} -c {report.seqlen} --parse-special"


def _measure_joined(rows: Sequence[RowInput], tokenizer: Tokenizer) -> list[MeasuredRow]:
    """Return how many tokens of the joined text begin in each row, or in the blank line after it."""
    texts = [row if isinstance(row, str) else "" for row in rows]
    encoded = tokenizer.encode_with_ends(_SEPARATOR.join(texts), parse_special=True)
    borders = [*accumulate(len(text) + len(_SEPARATOR) for text in texts)]
    counts = [0] * len(rows)
    for start in (0, *encoded.ends[:-1]) if encoded.ids else ():
        counts[min(bisect_right(borders, start), len(rows) - 1)] += 1
    measured = []
    for number, (row, count) in enumerate(zip(rows, counts, strict=True), 1):
        length = count + (len(tokenizer.prefix) if number == 1 else 0)
        unusable = row.reason if isinstance(row, UnusableRow) else None
        measured.append(MeasuredRow(row=number, tokens=count, length=length, unusable=unusable))
    return measured


def _cut(measured: Sequence[MeasuredRow], end: int) -> Iterator[RowResult]:
    results = cut_joined_rows(measured, end, "all of it comes after the last whole chunk")
    for row, result in zip(measured, results, strict=True):
        # The first row's length counts BOS, which isn't its own.
        yield replace(result, cut=min(result.cut, row.tokens))


def _find_warnings(rows: Sequence[RowInput], tokenizer: Tokenizer, total: int, seqlen: int) -> Iterator[str]:
    if spelled := count_control_rows(rows, tokenizer):
        yield f"{spelled} of {len(rows)} rows hold control tokens, plain text without --parse-special"
    chunks = total // seqlen
    if chunks > 1 and tokenizer.prefix:
        yield f"{chunks - 1} tokens are replaced by BOS, one at the beginning of each chunk but the first"
