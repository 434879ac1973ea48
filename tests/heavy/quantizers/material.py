"""Rows of every kind that quantizers treat differently, and what a simulation says is read of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from calibset.quantizers import LoadReport
from calibset.tokenizers import Tokenizer

SEQLEN = 64
_WORDS = "the keeper of the light went down to the harbour and came back with two lamps and some oil"


@dataclass(frozen=True)
class Rows:
    """A calibration file and its texts."""

    file: Path
    texts: list[str]


def mixed(folder: Path) -> Rows:
    """Write rows as long as wanted, shorter, longer, of one letter, with control tokens and with blanks."""
    texts = []
    for number in range(40):
        exact = f"{number:03} {_WORDS}"[: SEQLEN - 1]
        texts += [
            exact,
            f"{number:03} {_WORDS * 2}"[: SEQLEN + number],
            f"{number:03} short"[: 3 + number % 9],
            f"{number:03} " + "x" * (SEQLEN - 5),
            f"  {exact} \n",
            f"{number:03}</s>{_WORDS}"[: SEQLEN + 2],
            f"é{number:03}ž {_WORDS}"[: SEQLEN - 3],
        ]
    texts[10] = "a"
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps({"text": text, "tokens": 1}) + "\n" for text in texts), "ascii")
    return Rows(file, texts)


def whole(text: str, tokenizer: Tokenizer) -> list[int]:
    """Return a text's ids as a quantizer's call gives them."""
    return [*tokenizer.prefix, *tokenizer.encode(text, parse_special=True), *tokenizer.suffix]


def read_by(report: LoadReport, ids: list[list[int]]) -> list[tuple[int, ...]]:
    """Return what a simulation says is read of rows of these ids."""
    assert report.fatal == ()
    return [
        tuple(row_ids[: len(row_ids) - row.cut])
        for row, row_ids in zip(report.rows, ids, strict=True)
        if row.used
    ]
