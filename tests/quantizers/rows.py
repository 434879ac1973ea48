"""Rows for a tokenizer of single letters, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calibset.quantizers import LoadReport, get_quantizer
from calibset.tokenizers import Tokenizer

SEQLEN = 16
# One token of a row of 16 is BOS, so a text of 15 letters is as short as one may be.
EXACT = "abcdefghijklmno"


def fates(report: LoadReport) -> list[tuple[int, int, str | None, bool]]:
    """Return what becomes of each row: its tokens, those cut, why it is dropped, whether it is used."""
    return [(row.tokens, row.cut, row.reason, row.used) for row in report.rows]


def simulate_rows(
    name: str, rows: list[Any], tokenizer: Tokenizer, folder: Path, nsamples: int = 2
) -> LoadReport:
    """Return what a quantizer does with a file of rows."""
    path = folder / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return get_quantizer(name).simulate_file(path, tokenizer, nsamples=nsamples, seqlen=SEQLEN)
