"""ModelOpt's own loader reads exactly the rows that the simulation predicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibset.quantizers.modelopt import ModelOpt
from calibset.tokenizers import Tokenizer
from tests.heavy.quantizers.material import SEQLEN, Rows, read_by, whole

pytest.importorskip("modelopt")

MODELOPT = ModelOpt()


def read(path: Path, tokenizer: Any, **options: Any) -> list[tuple[int, ...]]:
    from modelopt.torch.utils.dataset_utils import get_dataset_dataloader

    loader = get_dataset_dataloader(str(path), tokenizer, **options)
    return [
        tuple(ids[mask.bool()].tolist())
        for batch in loader
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]


@pytest.mark.parametrize("nsamples", [7, 280])
def test_texts_are_read_as_predicted(theirs: Any, letters: Tokenizer, rows: Rows, nsamples: int) -> None:
    report = MODELOPT.simulate_file(rows.file, letters, nsamples=nsamples, seqlen=SEQLEN)
    expected = read_by(report, [whole(text, letters) for text in rows.texts])
    assert len(expected) == nsamples
    assert read(rows.file, theirs, num_samples=nsamples, max_sample_length=SEQLEN) == expected


def test_rows_are_cut_at_512_by_default(theirs: Any, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps({"text": "a" * 600}) + "\n")
    assert [len(ids) for ids in read(tmp_path / "x.jsonl", theirs)] == [512]


def test_an_empty_text_and_a_row_with_a_prompt(theirs: Any, letters: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = [
        {"text": "", "prompt": None},
        {"text": "one", "prompt": None},
        {"text": "two", "prompt": "three"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = MODELOPT.simulate_file(path, letters, nsamples=3, seqlen=SEQLEN)
    assert [row.reason for row in report.rows] == [
        "an empty text is skipped", None, "its prompt is read instead of its text",
    ]  # fmt: skip
    assert read(path, theirs, num_samples=3) == [tuple(whole(text, letters)) for text in ("one", "three")]
