"""What the simulation says AutoRound will take, as ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calibset.quantizers.autoround.loader import AutoRound
from calibset.tokenizers import Tokenizer


def predict_ids(
    path: Path, texts: Sequence[str], tokenizer: Tokenizer, *, seqlen: int, nsamples: int
) -> list[tuple[int, ...]]:
    """Return what AutoRound should read of the rows that the simulation calls used.

    Args:
        path: The file.
        texts: Its rows' texts, known to the test or read in another way than the simulation's.
        tokenizer: Puts a prefix before each text, and no suffix behind.
        seqlen: Ids of each row.
        nsamples: Rows asked for.
    """
    report = AutoRound().simulate_file(path, tokenizer, nsamples=nsamples, seqlen=seqlen)
    assert report.fatal == ()
    assert [row.row for row in report.rows] == list(range(1, len(texts) + 1))
    assert tokenizer.suffix == ()
    return [
        (*tokenizer.prefix, *tokenizer.encode(text.rstrip(), parse_special=True))[:seqlen]
        for row, text in zip(report.rows, texts, strict=True)
        if row.used
    ]
