"""`recipes`, which lists the gallery, and `init --from`, which copies a recipe of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.recipe.gallery import find_gallery, list_gallery
from tests.cli.commands import error_line


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_gallery_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].split() == ["name", "what", "for"]
    assert [line.split()[0] for line in lines[1:-1] if line[0] != " "] == list(list_gallery())
    begin = next(number for number, line in enumerate(lines) if line.startswith("coding"))
    assert [line.strip() for line in lines[begin : begin + 3]] == [
        "coding            For a model that writes and explains code: programming tasks with their "
        "solutions, and a fifth of plain text.",
        "128 rows of 2048 tokens for Qwen/Qwen3-8B",
        "licences: MIT, ODC-By-1.0",
    ]
    assert lines[-1] == (
        '`calibset init --from NAME` copies one; `extends = "NAME"` in a recipe makes a variant of it.'
    )


def test_the_gallery_is_listed_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "--json"]) == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert tuple(entries) == list_gallery()
    assert entries["coding"] == {
        "name": "coding",
        "for": "For a model that writes and explains code: programming tasks with their solutions, and a "
        "fifth of plain text.",
        "model": "Qwen/Qwen3-8B",
        "nsamples": 128,
        "seqlen": 2048,
        "quantizer": "autoround",
        "licences": ["MIT", "ODC-By-1.0"],
        "sources": {"oss-instruct": "MIT", "self-oss-instruct": "ODC-By-1.0", "fineweb-edu": "ODC-By-1.0"},
        "exclude": ["humaneval", "mbpp", "wikitext-2"],
    }


@pytest.mark.parametrize("name", ["coding", "general-chat"])
def test_a_recipe_is_copied_word_for_word(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--from", name]) == 0
    file = name.replace("-", "_") + ".toml"
    assert Path(file).read_bytes() == (find_gallery() / file).read_bytes()
    out = capsys.readouterr().out
    assert out.startswith(f"wrote {file}: 128 rows of 2048 tokens for ")
    assert out.endswith(f"next:\n  calibset plan   {file}\n  calibset build  {file}\n")


def test_the_quickstart_comes_with_its_samples_and_builds() -> None:
    assert main(["init", "--from", "quickstart", "--out", "mine.toml", "--quiet"]) == 0
    assert main(["build", "mine.toml", "--quiet"]) == 0
    assert sorted(path.name for path in Path().iterdir()) == [
        "mine.toml", "quickstart.jsonl", "quickstart.manifest.json", "samples",
    ]  # fmt: skip


def test_it_is_told_which_data_are_the_users_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--from", "german_legal"]) == 0
    note = "note: it reads data of your own, beside it or under --data: vertraege, fragen.csv\n"
    assert note in capsys.readouterr().out
    assert main(["init", "--from", "german_legal", "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "recipe": "german_legal.toml",
        "from": "german_legal",
        "written": ["german_legal.toml"],
        "own": ["vertraege", "fragen.csv"],
    }


def test_a_copy_that_is_there_already_is_no_obstacle(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--from", "quickstart"]) == 0
    assert capsys.readouterr().out.startswith("wrote quickstart.toml: 32 rows of 512 tokens")
    assert main(["init", "--from", "quickstart"]) == 0
    again = "quickstart.toml is there already, as it would be written: 32 rows of 512 tokens"
    assert capsys.readouterr().out.startswith(again)
    assert main(["init", "--from", "quickstart", "--out", "mine.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == ["mine.toml"]
    (changed := next(file for file in Path("samples/skwiki").rglob("*") if file.is_file())).write_text(
        "mine", "utf-8"
    )
    line = error_line(["init", "--from", "quickstart"], 1, capsys)
    assert line.startswith("samples/skwiki: is there already; ")
    assert changed.read_text("utf-8") == "mine"


def test_what_is_there_is_kept_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    Path("coding.toml").write_text("mine", "utf-8")
    line = error_line(["init", "--from", "coding"], 1, capsys)
    assert line == "coding.toml: is there already; name another with --out, or write over it with --force"
    assert Path("coding.toml").read_text("utf-8") == "mine"
    Path("samples/skwiki").mkdir(parents=True)
    line = error_line(["init", "--from", "quickstart"], 1, capsys)
    assert line.startswith("samples/skwiki: is there already; ")
    assert not Path("quickstart.toml").exists()
    assert main(["init", "--from", "coding", "--force", "--quiet"]) == 0
    assert Path("coding.toml").read_text("utf-8").startswith('name = "coding"')


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["--from", "codign"], 2, "no recipe 'codign' in the gallery; did you mean coding?"),
        (
            ["--from", "coding", "data", "--nsamples=4"],
            2,
            "--from coding: copies a recipe as it is, without DATA, --nsamples; change it in the copy, or in "
            "a recipe that extends it",
        ),
        (["--from", "coding", "--out", "a.txt"], 2, "--out a.txt: must end in .toml"),
        (["--from", "coding", "--out", "no/a.toml"], 1, "no/a.toml: there is no folder no"),
        ([], 2, "init: name what to calibrate with, or a recipe of the gallery with --from NAME"),
    ],
)
def test_what_is_not_copied(
    words: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert error_line(["init", *words], code, capsys) == line
