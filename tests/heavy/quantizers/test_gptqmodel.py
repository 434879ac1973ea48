"""GPTQModel's own function prepares exactly the rows that the simulation predicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from calibset.quantizers.gptqmodel import GptqModel
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.huggingface import HuggingFaceTokenizer
from tests.heavy.quantizers.loaded import beneath
from tests.heavy.quantizers.material import SEQLEN, Rows, read_by, whole

pytest.importorskip("torch")

GPTQMODEL = GptqModel()


class Model:
    """A model without limits of its own."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.support_batch_quantize = True
        self.model = None


def prepared(tokenizer: Any, dataset: Any) -> list[tuple[int, ...]]:
    module = beneath("gptqmodel", "gptqmodel/utils/calibration.py")
    batches = module.prepare_calibration_dataset(Model(tokenizer), dataset)
    return [tuple(row) for batch in batches for row in batch["input_ids"].tolist()]


def test_texts_are_kept_as_predicted(theirs: Any, letters: Tokenizer, rows: Rows) -> None:
    report = GPTQMODEL.simulate_file(rows.file, letters, nsamples=len(rows.texts), seqlen=SEQLEN)
    assert 20 < len(report.lost) < 60
    examples = [json.loads(line) for line in rows.file.read_text().splitlines()]
    assert prepared(theirs, examples) == read_by(report, [whole(text, letters) for text in rows.texts])


def test_ids_are_kept_as_predicted(theirs: Any, letters: Tokenizer, rows: Rows) -> None:
    ids = [whole(text, letters)[:SEQLEN] for text in rows.texts]
    report = GPTQMODEL.simulate([tuple(row) for row in ids], letters, nsamples=len(ids), seqlen=SEQLEN)
    assert prepared(theirs, [{"input_ids": row} for row in ids]) == read_by(report, ids)


def test_text_wins_over_ids_and_no_row_may_have_neither(theirs: Any, letters: Tokenizer) -> None:
    text = "a row of some length"
    assert prepared(theirs, [{"input_ids": [1] * 20, "text": text}]) == [tuple(whole(text, letters))]
    with pytest.raises(ValueError, match="unsupported calibration example structure"):
        prepared(theirs, [{"prompt": text}])


NULLS = [
    [{"text": None, "input_ids": [1] * 20}],
    [{"text": "a row of some length"}, {"input_ids": [1] * 20}],
    [{"messages": None, "text": "a row of some length"}],
]


@pytest.mark.parametrize("examples", NULLS)
def test_a_key_wins_by_being_there(
    theirs: Any, letters: HuggingFaceTokenizer, tmp_path: Path, examples: list[dict[str, Any]]
) -> None:
    from datasets import load_dataset

    file = tmp_path / "x.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in examples))
    template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    templated = replace(letters, chat_template=template)
    assert GPTQMODEL.simulate_file(file, templated, nsamples=1, seqlen=SEQLEN).fatal
    dataset = load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    theirs.chat_template = template
    try:
        with pytest.raises((TypeError, ValueError, UndefinedError)):
            prepared(theirs, dataset)
    finally:
        theirs.chat_template = None


def test_messages_win_over_text_and_have_bos_twice(theirs: Any, letters: Tokenizer) -> None:
    theirs.chat_template = "{{ bos_token }}{% for message in messages %}{{ message.content }}{% endfor %}"
    try:
        row = {"messages": [{"role": "user", "content": "what was said"}], "text": "this is not read"}
        (ids,) = prepared(theirs, [row])
    finally:
        theirs.chat_template = None
    assert ids == (*letters.prefix, *whole("what was said", letters))
