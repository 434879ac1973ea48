from __future__ import annotations

import re
from pathlib import Path

import pytest

from calibset.cli import main


def test_a_plan_is_a_table(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", recipe]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"^fish +sea +texts +8 +1 +[\d.]+ kB *$", out, re.MULTILINE)
    assert re.search(r"^fish +jsonl +fish +CC0-1\.0 *$", out, re.MULTILINE)
    assert "20 rows of 64 tokens (sea 12, land 8, general 0); tokenizer tokenizer.json, seed 42" in out
    assert err == ""
    assert not Path("small.jsonl").exists()
