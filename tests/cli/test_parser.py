from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from calibset.cli import _MODULES as MODULES
from calibset.cli import main

COMMANDS = (
    "init", "build", "plan", "check", "score", "lock", "repack", "quantize-command", "verify", "export",
    "show", "report", "card", "diff", "evaluate", "compare", "serve-config", "cache", "tokenizer", "recipes",
    "sources", "schema", "completion",
)  # fmt: skip


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main([*words, "--help"])
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_the_help_names_every_command_and_teaches_the_first_ones(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of([], capsys)
    assert re.findall(r"^    ([a-z-]+)\b", text, re.MULTILINE) == list(COMMANDS)
    assert "calibset verify quickstart.jsonl                   which rows the quantizer keeps" in text


def test_what_the_help_begins_with_runs_in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    taught = re.findall(r"^  calibset (.+?)(?:  .*)?$", help_of([], capsys), re.MULTILINE)
    taught.remove("init MY_DATA --tokenizer MY_MODEL")
    assert [words.split()[0] for words in taught] == ["init", "plan", "build", "verify", "show"]
    assert [main(words.split()) for words in taught] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of([command], capsys)
    assert text.startswith(f"usage: calibset {command} ")
    assert f"example:\n  calibset {command}" in text
    module = import_module(f"calibset.cli.{MODULES[command]}")
    assert callable(getattr(module, command.replace("-", "_")))


@pytest.mark.parametrize(
    ("command", "fragments"),
    [
        (
            "build",
            ["--data DIR", "--mirror PREFIX=REPLACEMENT", "--set KEY=VALUE", "--allow-code", "--out FILE"],
        ),
        ("build", ["CALIBSET_DATA", "CALIBSET_MIRRORS", "HF_ENDPOINT", "--quiet, -q", "--json"]),
        ("build", ["--offline ", "--locked ", "CALIBSET_CACHE", "`calibset lock RECIPE` writes"]),
        ("plan", ["Exits 1 if a build would fail", "--preview ", "--offline "]),
        ("check", ["--offline "]),
        ("lock", ["calibset build --locked ", "--offline ", "--set KEY=VALUE", "--quiet, -q"]),
        ("diff", ["For a calibration file, the manifest beside it is compared. Exits 1 if", "--json"]),
        ("cache", ["{list,clear}", "The folder is CALIBSET_CACHE, else HF_HOME/calibset, ", "--json"]),
        (
            "verify",
            [
                "--tokenizer T",
                "--seqlen N",
                "--nsamples N",
                "Exits 1 if a row is lost or there are too few, and 3 if",
            ],
        ),
        ("export", ["--format {input_ids}", "--tokenizer T", "cut at seqlen"]),
        ("tokenizer", ["--out DIR", "AutoRound needs such a tokenizer"]),
    ],
)
def test_the_help_names_the_options(
    command: str, fragments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of([command], capsys)
    assert [fragment for fragment in fragments if fragment not in text] == []


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert re.fullmatch(r"calibset \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["bild"], "invalid choice: 'bild'"),
        (["build"], "the following arguments are required: recipe"),
        (
            ["verify", "x.jsonl", "--seqlen", "0"],
            "argument --seqlen: must be a whole number above 0, got '0'",
        ),
        (
            ["verify", "x.jsonl", "--nsamples", "x"],
            "argument --nsamples: must be a whole number above 0, got 'x'",
        ),
        (["show", "x.jsonl", "-1"], "argument N: must be a whole number above 0, got '-1'"),
        (["tokenizer", "x"], "the following arguments are required: --out"),
    ],
)
def test_a_wrong_command_line_exits_2(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert expected in capsys.readouterr().err


def test_export_of_an_unknown_format_exits_2(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["export", built, "--format", "gguf"])
    assert caught.value.code == 2
    assert "argument --format: invalid choice: 'gguf'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["cache"], ["cache", "empty"]])
def test_what_the_cache_can_not_do_exits_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert re.search(r"required: action|invalid choice: 'empty'", capsys.readouterr().err)
