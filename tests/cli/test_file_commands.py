from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.quantizers import get_quantizer
from calibset.quantizers.autoround.loader import AutoRound
from tests.cli.commands import error_line


def test_verify_keeps_every_row_of_a_build(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", built]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1].startswith(
        f"{AutoRound.info.label} keeps 20 of 20 rows (asked for 20 rows of 64 tokens); "
    )
    assert out[-1].endswith("%)")


def test_verify_is_for_the_quantizer_that_the_manifest_names(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", recipe, "--quiet", "--set=quantizer=llama.cpp"]) == 0
    assert main(["verify", "small.jsonl"]) == 0
    *notes, last = capsys.readouterr().out.splitlines()
    asked = get_quantizer("llama.cpp").info
    assert notes[-len(asked.pitfalls) :] == [f"small.jsonl: note: {trap}" for trap in asked.pitfalls]
    assert re.fullmatch(rf"{asked.label} keeps 20 of 20 rows \(.*\); \d+ tokens are cut \(\d\.\d\d%\)", last)
    assert main(["verify", "small.jsonl", "--for", "llama.cpp"]) == 0
    assert capsys.readouterr().out.splitlines() == [*notes, last]
    assert main(["verify", "small.jsonl", "--json"]) == 0
    assert 0 < json.loads(capsys.readouterr().out)["waste"] < 0.1
    Path("small.manifest.json").unlink()
    assert main(["verify", "small.jsonl", "--tokenizer=tokenizer.json", "--seqlen=64", "--nsamples=20"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{AutoRound.info.label} keeps 20 of 20 rows")


def test_export_writes_ids(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", built, "--format", "input_ids"]) == 0
    assert capsys.readouterr().out == "wrote small.parquet\n"
    assert main(["export", built, "--format", "input_ids", "--out", "new/x.parquet", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("new/x.parquet").read_bytes() == Path("small.parquet").read_bytes()


def test_export_writes_over_no_manifest(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("small.manifest.json").read_bytes()
    assert main(["export", built, "--for", "autoawq", "--out", "small.manifest.json"]) == 1
    assert capsys.readouterr().err == "calibset: small.manifest.json: is its manifest\n"
    assert Path("small.manifest.json").read_bytes() == before


def test_verify_without_a_file_exits_1(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "gone.jsonl", "--tokenizer", "tokenizer.json"]) == 1
    assert capsys.readouterr().err == "calibset: gone.jsonl: no such file\n"


def test_a_folder_is_no_calibration_file(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", ".", "--tokenizer", "tokenizer.json"]) == 1
    assert capsys.readouterr().err == "calibset: .: a folder, not a calibration file\n"


@pytest.mark.parametrize(
    ("content", "row", "fault"),
    [
        ('{"text": "a"}\n', "2", "has 1 rows, so there is no row 2"),
        ("", "1", "has 0 rows, so there is no row 1"),
        ("{oops\n", "1", "row 1: not valid JSON"),
        ("[" * 100_000, "1", "row 1: not valid JSON"),
        ('{"messages": [], "n": 1}\n', "1", "row 1: has no text"),
        ("3\n{oops\n", "1", "row 1: has no text"),
    ],
)
def test_a_row_that_can_not_be_shown_is_a_clear_error(
    recipe: str, capsys: pytest.CaptureFixture[str], content: str, row: str, fault: str
) -> None:
    Path("x.jsonl").write_text(content)
    assert main(["show", "x.jsonl", row]) == 1
    assert capsys.readouterr().err == f"calibset: x.jsonl: {fault}\n"


def test_an_unescaped_line_separator_ends_no_row(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in ("a\u2028b\x85c", "second")]
    Path("x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert main(["show", "x.jsonl", "2", "--tokenizer", "tokenizer.json"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "second"


NO_MANIFEST = "there is no such manifest, and none beside a file of this name"


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (
            ["gone.jsonl", "small.jsonl"],
            2,
            "gone.jsonl: there is no such manifest, and none beside a file of this name",
        ),
        (
            ["small.jsonl", "gone.manifest.json"],
            2,
            "gone.manifest.json: there is no such manifest, and none beside a file of this name",
        ),
        (["small.jsonl", "gone.lock"], 2, "gone.lock: there is no such lock"),
        ([".", "small.jsonl"], 2, f".: {NO_MANIFEST}"),
        (["", "small.jsonl"], 2, f".: {NO_MANIFEST}"),
        (["fish", "small.jsonl"], 2, f"fish: {NO_MANIFEST}"),
        (
            ["small.jsonl", "recipe.lock"],
            2,
            "a manifest and a lock can't be compared; name two files of the same kind",
        ),
        (
            ["small.jsonl", "broken.lock"],
            2,
            "broken.lock: is not a lock of this version of calibset; renew it with `calibset lock`",
        ),
        (
            ["broken.jsonl", "small.jsonl"],
            2,
            "broken.manifest.json: is not a manifest of this version of calibset; build the file again",
        ),
    ],
)
def test_what_can_not_be_compared_is_one_line(
    built: str, locked: str, words: list[str], code: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.lock").write_text("{")
    Path("broken.manifest.json").write_text("{")
    assert error_line(["diff", *words], code, capsys) == expected
