from __future__ import annotations

import pytest

from calibset.quantizers import get_quantizer
from calibset.tokenizers import Tokenizer
from tests.quantizers.rows import EXACT, SEQLEN


@pytest.mark.parametrize("name", ["llama.cpp", "modelopt", "exllamav2"])
def test_ids_are_nothing_to_those_that_read_text(name: str, letters: Tokenizer) -> None:
    rows = [EXACT * 3, (256, *[5] * 15)]
    report = get_quantizer(name).simulate(rows, letters, nsamples=1, seqlen=SEQLEN)
    assert [row.reason for row in report.rows] == [None, "ids can't be given"]
