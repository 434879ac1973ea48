from __future__ import annotations

from calibset.quantizers.autoawq import AutoAwq
from calibset.tokenizers import Tokenizer
from tests.quantizers.rows import EXACT, SEQLEN, fates

AUTOAWQ = AutoAwq()


def test_autoawq_drops_the_longer_and_what_fills_no_block(letters: Tokenizer) -> None:
    rows = [EXACT + "p", f" {EXACT}\n", "abc", EXACT, "abc", "a", EXACT]
    report = AUTOAWQ.simulate(rows, letters, nsamples=5, seqlen=SEQLEN)
    behind = "all of it comes after the last whole block"
    assert fates(report) == [
        (16, 0, "17 tokens, and rows longer than 16 are dropped", False),
        (15, 0, None, True),
        (3, 0, None, True),
        (15, 4, None, True),
        (3, 4, behind, False),
        (1, 2, behind, False),
        (15, 0, None, False),
    ]
    assert report.warnings == (
        "rows are joined and cut into blocks of 16, so that blocks begin inside rows",
        "6 rows for nsamples 5: the first are used, in the file's order",
    )
    longer = AUTOAWQ.simulate([EXACT + "p"], letters, nsamples=1, seqlen=SEQLEN)
    assert longer.fatal == ()
    assert [row.reason for row in longer.lost] == ["17 tokens, and rows longer than 16 are dropped"]
    assert AUTOAWQ.simulate(["abc"], letters, nsamples=1, seqlen=SEQLEN).fatal == (
        "4 tokens in all, too few for a block of 16",
    )
