"""llama.cpp's ``llama-imatrix``: what it reads of a text file.

The rules are those of ``tools/imatrix/imatrix.cpp`` (``compute_imatrix``) at commit 006e7ef9, with
``--parse-special`` and without ``--chunk`` and ``--chunks``. Rows are joined by blank lines, as `export`
writes them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from calibset.quantizers.base import (
    ExportRow,
    FileFormat,
    LoadReport,
    QuantizerInfo,
    RowInput,
    RowResult,
    UnusableRow,
    shell_word,
)
from calibset.quantizers.row_reader import text_alone
from calibset.quantizers.row_writer import write_text
from calibset.quantizers.simulation import Measured, count_spelled, cut_behind, of_file, without_ids
from calibset.tokenizers.base import Tokenizer

INFO = QuantizerInfo(
    name="llama.cpp",
    product="llama.cpp imatrix",
    versions="at 006e7ef9",
    files=("tools/imatrix/imatrix.cpp",),
    reads=(".jsonl", ".json"),
    forms=(FileFormat(ending=".txt", holds="text"),),
    joins=True,
    traps=(
        "a .jsonl would be read as text, braces and all: give it what `calibset export` writes",
        "the text is read in chunks of -c tokens, 512 by default, that begin and end inside rows",
    ),
)

_BETWEEN = "\n\n"
_BEHIND = "all of it stands behind the last whole chunk"


def path_faults(path: str) -> tuple[str, ...]:  # noqa: ARG001
    """Say what in a file's path llama-imatrix would misread: nothing."""
    return ()


def simulate(rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what llama-imatrix reads of rows that are joined by blank lines: all but what fills no chunk.

    Args:
        rows: Texts; it takes no ids.
        tokenizer: The model's; it parses control tokens.
        nsamples: Rows asked for; it reads all.
        seqlen: Its ``-c``, tokens of a chunk.
    """
    given = without_ids(rows)
    found = _shares(given, tokenizer)
    total = sum(row.length for row in found)
    fatal: tuple[str, ...] = ()
    if total < 2 * seqlen:
        fatal = (f"{total:,} tokens in all, and chunks of {seqlen} need {2 * seqlen:,}",)
    return LoadReport(
        quantizer=INFO.label,
        nsamples=nsamples,
        seqlen=seqlen,
        rows=tuple(_without_others(cut_behind(found, total - total % seqlen, _BEHIND), found)),
        fatal=fatal,
        warnings=tuple(_warnings(given, tokenizer, total, seqlen)),
    )


def simulate_file(path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> LoadReport:
    """Say what llama-imatrix reads of a file's texts, once `export` has joined them.

    Raises:
        ConsumerError: The file can't be read.
    """
    return of_file(path, text_alone, simulate, tokenizer, nsamples=nsamples, seqlen=seqlen)


def export(rows: Sequence[ExportRow], out: Path) -> None:
    """Write the rows' texts as one, a blank line between two of them.

    Raises:
        OutputError: They can't be written.
    """
    # llama.cpp takes one line end away from the end of the file.
    write_text(out, _BETWEEN.join(row.text for row in rows) + "\n")


def usage(out: Path, found: LoadReport) -> str:
    """Return what to type so that llama-imatrix reads what was exported."""
    return f"llama-imatrix -m MODEL.gguf -f {shell_word(out)} -c {found.seqlen} --parse-special"


def _shares(rows: Sequence[RowInput], tokenizer: Tokenizer) -> list[Measured]:
    """Return how many tokens of the joined text begin in each row, or in what stands before it."""
    texts = [row if isinstance(row, str) else "" for row in rows]
    encoded = tokenizer.encode_with_ends(_BETWEEN.join(texts), parse_special=True)
    borders = [*accumulate(len(text) + len(_BETWEEN) for text in texts)]
    counts = [0] * len(rows)
    for start in (0, *encoded.ends[:-1]) if encoded.ids else ():
        counts[min(bisect_right(borders, start), len(rows) - 1)] += 1
    shares = []
    for number, (row, count) in enumerate(zip(rows, counts, strict=True), 1):
        length = count + (len(tokenizer.prefix) if number == 1 else 0)
        lost = row.reason if isinstance(row, UnusableRow) else None
        shares.append(Measured(row=number, tokens=count, length=length, lost=lost))
    return shares


def _without_others(accepted: Iterable[RowResult], found: Sequence[Measured]) -> Iterator[RowResult]:
    """Yield the same, with no more tokens cut of a row than its own."""
    for one, row in zip(accepted, found, strict=True):
        yield replace(one, cut=min(one.cut, row.tokens))


def _warnings(given: Sequence[RowInput], tokenizer: Tokenizer, total: int, seqlen: int) -> Iterator[str]:
    if spelled := count_spelled(given, tokenizer):
        yield f"{spelled} rows hold control tokens, which are read as letters without --parse-special"
    chunks = total // seqlen
    if chunks > 1 and tokenizer.prefix:
        yield f"{chunks - 1} tokens give way to BOS, one at the head of each chunk but the first"
