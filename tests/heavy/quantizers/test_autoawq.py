"""AutoAWQ's own function gives exactly the blocks that the simulation predicts."""

from __future__ import annotations

from typing import Any

import pytest

from calibset.quantizers.autoawq import AutoAwq
from calibset.tokenizers import Tokenizer
from tests.heavy.quantizers.loaded import alone
from tests.heavy.quantizers.material import SEQLEN, Rows, read_by, whole

pytest.importorskip("torch")

AUTOAWQ = AutoAwq()


def blocks(tokenizer: Any, data: Any, nsamples: int) -> list[list[int]]:
    module = alone("autoawq", "awq/utils/calib_data.py")
    calibration = module.get_calib_dataset(data, tokenizer, n_samples=nsamples, max_seq_len=SEQLEN)
    return [block[0].tolist() for block in calibration]


def joined(rows: list[tuple[int, ...]]) -> list[int]:
    return [token for row in rows for token in row]


@pytest.mark.parametrize("nsamples", [3, 100, 400])
def test_texts_are_read_as_predicted(theirs: Any, letters: Tokenizer, rows: Rows, nsamples: int) -> None:
    report = AUTOAWQ.simulate_file(rows.file, letters, nsamples=nsamples, seqlen=SEQLEN)
    assert len(report.lost) == 40
    expected = read_by(report, [whole(text.strip(), letters) for text in rows.texts])
    assert joined(blocks(theirs, rows.texts, nsamples)) == joined(expected)


def test_ids_of_one_length_are_read_as_they_are(theirs: Any, letters: Tokenizer, rows: Rows) -> None:
    ids = [whole(text, letters) for text in rows.texts]
    ids = [row[:SEQLEN] for row in ids if len(row) >= SEQLEN]
    report = AUTOAWQ.simulate([tuple(row) for row in ids], letters, nsamples=len(ids), seqlen=SEQLEN)
    assert report.passed
    assert blocks(theirs, ids, len(ids)) == ids == [list(row) for row in read_by(report, ids)]


def test_no_block_is_predicted(theirs: Any, letters: Tokenizer) -> None:
    assert AUTOAWQ.simulate(["short"], letters, nsamples=1, seqlen=SEQLEN).fatal
    assert blocks(theirs, ["short"], 1) == []
