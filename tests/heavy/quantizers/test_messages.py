"""GPTQModel and ModelOpt read of rows of messages what the simulation predicts: the rendered text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibset.quantizers import get_quantizer
from calibset.tokenizers import load_tokenizer
from tests.chatml import write_chatml
from tests.heavy.quantizers.material import SEQLEN, whole

pytest.importorskip("torch")

TEMPLATE = "{{ bos_token }}{% for message in messages %}[{{ message.role }}]{{ message.content }}{% endfor %}"
ROWS: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "What is the time?"}, {"role": "assistant", "content": text}]}
    for text in ("It is late.", "It is time to go home and to come back " * 3, "Now.")
]


def rendered(row: dict[str, Any]) -> str:
    return "<s>" + "".join(f"[{turn['role']}]{turn['content']}" for turn in row["messages"])


@pytest.mark.parametrize("name", ["gptqmodel", "modelopt"])
def test_messages_are_read_as_predicted(name: str, tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    folder = write_chatml(tmp_path, template=TEMPLATE, bos=True)
    theirs = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), bos_token="<s>", pad_token="</s>",
        padding_side="left", chat_template=TEMPLATE,
    )  # fmt: skip
    letters = load_tokenizer(str(folder))
    file = tmp_path / "x.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    report = get_quantizer(name).simulate_file(file, letters, nsamples=3, seqlen=SEQLEN)
    ids = [whole(rendered(row), letters) for row in ROWS]
    predicted = [tuple(row[: len(row) - result.cut]) for row, result in zip(ids, report.rows, strict=True)]
    assert report.passed
    assert _read(name, theirs, file) == predicted
    assert {row[:2] for row in predicted} == {letters.prefix * 2}


def test_a_prompt_is_read_with_its_answer(tmp_path: Path) -> None:
    folder = write_chatml(tmp_path, template=TEMPLATE, bos=True)
    from transformers import PreTrainedTokenizerFast

    theirs = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="</s>")
    letters = load_tokenizer(str(folder))
    file = tmp_path / "x.jsonl"
    for row, text in (
        ({"prompt": "one", "completion": "two"}, "one\ntwo"),
        ({"input": "one", "output": "two"}, "one\ntwo"),
        ({"prompt": "one"}, "one"),
    ):
        file.write_text(json.dumps(row) + "\n")
        report = get_quantizer("modelopt").simulate_file(file, letters, nsamples=1, seqlen=SEQLEN)
        assert [result.tokens for result in report.rows] == [len(text)]
        assert _read("modelopt", theirs, file) == [tuple(whole(text, letters))]


def _read(name: str, tokenizer: Any, file: Path) -> list[tuple[int, ...]]:
    if name == "modelopt":
        pytest.importorskip("modelopt")
        from tests.heavy.quantizers.test_modelopt import read

        return read(file, tokenizer, num_samples=len(ROWS), max_sample_length=SEQLEN)
    from tests.heavy.quantizers.test_gptqmodel import prepared

    return prepared(tokenizer, [json.loads(line) for line in file.read_text().splitlines()])
