from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calibset.quantizers.gptqmodel import GptqModel
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.chatml import write_chatml
from tests.quantizers.rows import EXACT, SEQLEN, fates, simulate_rows

GPTQMODEL = GptqModel()


def test_gptqmodel_drops_ten_tokens_and_cuts_none(letters: Tokenizer) -> None:
    report = GPTQMODEL.simulate(
        ["a" * 9, "a" * 10, "b" * 40, (256, *[5] * 9), (5,) * 11], letters, nsamples=3, seqlen=SEQLEN
    )
    short = "10 tokens, and rows of 10 or fewer are dropped"
    assert fates(report) == [
        (9, 0, short, False), (10, 0, None, True), (40, 0, None, True), (9, 0, short, False),
        (11, 0, None, True),
    ]  # fmt: skip
    assert report.warnings == (
        "1 rows are longer than seqlen 16, up to 41 tokens, and are read whole, up to the model's "
        "max_position_embeddings",
        "3 rows: GPTQModel warns if there are fewer than 256",
        "GPTQModel warns if rows have fewer than 256 tokens on average",
    )


def test_gptqmodel_stops_where_nothing_is_left(letters: Tokenizer) -> None:
    report = GPTQMODEL.simulate(["short"], letters, nsamples=1, seqlen=SEQLEN)
    assert report.fatal == ("no row has more than 10 tokens",)


@pytest.mark.parametrize("row", [{"text": None, "input_ids": [1] * 16}, {"text": None}])
def test_gptqmodel_reads_a_text_that_is_null(row: Any, letters: Tokenizer, tmp_path: Path) -> None:
    assert simulate_rows("gptqmodel", [row], letters, tmp_path).fatal == ("row 1: its text is not a string",)


def test_gptqmodel_reads_messages_that_are_null(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(write_chatml(tmp_path)))
    report = simulate_rows("gptqmodel", [{"messages": None, "text": EXACT}], tokenizer, tmp_path)
    assert report.fatal == ("row 1: its messages are null",)


def test_gptqmodel_is_given_no_messages_beside_texts(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "How?"}]}, {"text": EXACT}, {"input_ids": [1] * 16}]
    report = simulate_rows("gptqmodel", rows, load_tokenizer(str(write_chatml(tmp_path))), tmp_path)
    assert report.fatal == (
        "some rows are messages and some are texts and some are ids; all rows must be of one kind",
    )
