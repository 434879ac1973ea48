from __future__ import annotations

import json
from pathlib import Path

from calibset.quantizers.modelopt import ModelOpt
from calibset.tokenizers import Tokenizer
from tests.quantizers.rows import EXACT, SEQLEN, fates, simulate_rows

MODELOPT = ModelOpt()


def test_modelopt_takes_the_first_rows_and_pads(letters: Tokenizer) -> None:
    report = MODELOPT.simulate([EXACT + "p", "abc", "", "d"], letters, nsamples=3, seqlen=SEQLEN)
    assert fates(report) == [
        (16, 1, None, True),
        (3, 0, None, True),
        (0, 0, "an empty text is skipped", False),
        (1, 0, None, False),
    ]
    assert report.warnings == (
        "rows differ in length: the shorter ones are padded, which the attention mask hides",
        "4 rows for nsamples 3: the first are used, in the file's order",
    )
    fewer = MODELOPT.simulate([EXACT, "abc"], letters, nsamples=3, seqlen=SEQLEN)
    assert fewer.warnings == report.warnings[:1]


def test_modelopt_reads_jsonl_alone(letters: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([{"text": EXACT}]))
    report = MODELOPT.simulate_file(tmp_path / "x.json", letters, nsamples=1, seqlen=SEQLEN)
    assert report.fatal == ("it takes .jsonl files, not .json",)


def test_modelopt_reads_a_prompt_with_what_answers_it(letters: Tokenizer, tmp_path: Path) -> None:
    rows = [
        {"prompt": "ab", "response": "cd", "output": "e"},
        {"input": "ab", "output": "c"},
        {"input": "ab"},
    ]
    report = simulate_rows("modelopt", rows, letters, tmp_path)
    assert [row.tokens for row in report.rows] == [7, 4, 2]
    report = simulate_rows("modelopt", [{"prompt": ["a"]}], letters, tmp_path)
    assert report.fatal == ("row 1: its text is not a string",)
