"""The recipe that the project is for, whole: AutoRound takes its 512 rows of 2,048 tokens."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from calibset.tokenizers.tekken import TekkenTokenizer
from tests.heavy.autoround.conftest import RealAutoRound
from tests.heavy.autoround.prediction import predict_ids
from tests.heavy.hub import Hub


@pytest.fixture(scope="module")
def file(hub: Hub, corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flagship") / "slovak-insurance.jsonl"
    ran = hub.build(path, "--quiet", data=corpora)
    assert (ran.code, ran.err) == (0, "")
    return path


def test_autoround_takes_every_row_and_reads_what_calibset_counted(
    autoround: RealAutoRound, tekken: TekkenTokenizer, file: Path
) -> None:
    texts = [json.loads(line)["text"] for line in file.read_text("ascii").splitlines()]
    expected = predict_ids(file, texts, tekken, seqlen=2048, nsamples=512)
    taken = autoround.ids(file, seqlen=2048, nsamples=512)
    assert [len(ids) for ids in taken] == [2048] * 512
    assert Counter(taken) == Counter(expected)
