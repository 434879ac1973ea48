from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.pipeline import build
from calibset.recipe_file import load_recipe
from tests.small import write_small


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_small(tmp_path)


@pytest.fixture
def file(recipe: Path) -> Path:
    return build(load_recipe(recipe)).write("small.jsonl")


def test_a_card_is_printed_or_written_with_its_attribution(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["card", str(file)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("---\n")
    assert main(["card", str(file), "--out", "card"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote card/README.md", "wrote card/ATTRIBUTION.md",
    ]  # fmt: skip
    assert Path("card/README.md").read_text("utf-8") == printed
    assert "ships" in Path("card/ATTRIBUTION.md").read_text("utf-8")


def test_the_section_of_a_models_card_is_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", str(file), "--model"]) == 0
    assert capsys.readouterr().out.startswith("## Calibration data\n")


@pytest.mark.parametrize("command", ["card", "report"])
def test_a_file_without_a_manifest_is_a_clear_error(
    command: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("small.manifest.json").unlink()
    assert main([command, str(file)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "manifest" in line


def test_a_report_is_written_beside_its_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert main(["report", str(file)]) == 0
    assert capsys.readouterr().out == "wrote small.report.html\n"
    assert Path("small.report.html").read_text("utf-8").lower().startswith("<!doctype html>")


def test_the_command_is_that_of_the_recipe(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    words = [
        "quantize-command",
        str(recipe),
        "--model",
        "model",
        "--autoround",
        "0.16.1",
        "--only",
        "command",
    ]
    assert main([*words, "--set", "quantization.iters=7"]) == 0
    printed = capsys.readouterr().out
    assert "# AutoRound 0.16.1\n" in printed
    lines = (line.rstrip("\\ ").strip() for line in printed.splitlines() if not line.startswith("#"))
    command = " ".join(lines)
    assert "--iters 7" in command
    assert "--nsamples 20 --seqlen 64" in command
    assert "small.jsonl" in command


def test_a_licence_that_is_not_let_in_is_a_fault(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(recipe), "--set", 'allow_licences=["MIT"]']) == 2
    assert "licence" in capsys.readouterr().err
