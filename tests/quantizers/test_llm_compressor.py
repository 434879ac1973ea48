from __future__ import annotations

from pathlib import Path

from calibset.quantizers.llm_compressor import LlmCompressor
from calibset.tokenizers import Tokenizer
from tests.quantizers.rows import EXACT, SEQLEN, fates, simulate_rows

LLMCOMPRESSOR = LlmCompressor()


def test_llm_compressor_reads_ids_that_are_null(letters: Tokenizer, tmp_path: Path) -> None:
    report = simulate_rows("llm-compressor", [{"text": EXACT, "input_ids": None}], letters, tmp_path)
    assert report.fatal == ("row 1: its input_ids are not a list of ids",)


def test_llm_compressor_cuts_and_draws_lots(letters: Tokenizer) -> None:
    report = LLMCOMPRESSOR.simulate([EXACT, EXACT + "pq", "abc"], letters, nsamples=2, seqlen=SEQLEN)
    assert fates(report) == [(15, 0, None, False), (17, 2, None, False), (3, 0, None, False)]
    assert report.warnings == (
        "rows differ in length: with batch_size above 1 each batch is cut to its shortest row",
        "3 rows for nsamples 2: chance decides which of them are used, and so the mixture",
    )
    assert all(row.used for row in LLMCOMPRESSOR.simulate([EXACT], letters, nsamples=1, seqlen=9).rows)
