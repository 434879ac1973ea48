from __future__ import annotations

import json
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
    assert max(len(line.rstrip()) for line in out.splitlines()[:10]) <= 80
    assert not Path("small.jsonl").exists()


def test_a_preview_shows_a_document_of_each_source(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", recipe, "--preview"]) == 0
    out = capsys.readouterr().out
    for name in ("fish", "ships", "trees"):
        first = json.loads(Path(name, "a.jsonl").read_text().splitlines()[0])["text"]
        title = out.index(f"{name}: a.jsonl#0 ─")
        assert "".join(first.split()) in "".join(out[title:].split())


def test_a_plan_refuses_an_output_that_a_build_would(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", recipe, "--out", "x.json"]) == 2
    assert capsys.readouterr().err == "calibset: --out x.json: must end in .jsonl\n"


def test_what_a_build_would_fail_at_is_an_error_of_the_plan(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("fish/a.jsonl").write_text('{"prose": "x"}\n')
    assert main(["plan", recipe, "--json"]) == 1
    out, err = capsys.readouterr()
    problem = (
        "sources.fish: fish holds no usable document (1 rejected: no column 'text'; "
        "the first such row has prose)"
    )
    assert json.loads(out)["sources"][0]["problem"] == problem
    assert err == f"calibset: {problem}\n"
    assert main(["plan", recipe, "--no-try", "-q"]) == 0


def test_files_that_are_not_read_are_counted(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("fish/contract.docx").write_bytes(b"PK")
    assert main(["plan", recipe]) == 0
    assert "\nfish: reads 1 of 2 files; not *.docx\n" in capsys.readouterr().out
    Path("fish/b.jsonl").write_bytes(b"")
    Path("fish/c.jsonl.gz").write_bytes(b"")
    assert main(["plan", recipe, "--no-try", "--set", 'sources.fish.files=["a.jsonl"]']) == 0
    assert "\nfish: reads 1 of 4 files; not *.docx, *.jsonl.gz\n" in capsys.readouterr().out
    assert main(["plan", recipe, "--no-try"]) == 0
    assert "\nfish: reads 3 of 4 files: *.jsonl, *.jsonl.gz; not *.docx\n" in capsys.readouterr().out
