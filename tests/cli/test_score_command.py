"""The command `score`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.core.documents import Record
from calibset.sources.corpus_parts import CorpusFile, Place
from tests.pipeline.test_score import write


def test_scores_are_told_as_a_table_and_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = str(write(tmp_path))
    assert main(["score", recipe]) == 0
    printed = capsys.readouterr()
    lines = [line.split() for line in printed.out.splitlines()]
    assert lines[0] == ["source", "location", "parts", "new", "documents", "usable", "tokens", "repeats"]
    assert lines[1][:6] == ["web", "web", "2", "2", "41", "40"]
    assert "web: a build would leave out 1 (not valid JSON)" in printed.out
    assert "note:" not in printed.out
    assert "web: 2 parts" in printed.err
    assert main(["score", recipe, "--json", "--quiet", "--source", "web"]) == 0
    (data,) = json.loads(capsys.readouterr().out)
    assert (data["new"], data["documents"], data["admitted"], data["repeats"]) == (0, 41, 40, 8)


def test_a_source_without_scores_is_told_how_to_use_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace('scores = "scores"', ""))
    assert main(["score", str(path), "--scores", "mine"]) == 0
    assert 'to choose from 40 documents: scores = "mine" in [sources.web]' in capsys.readouterr().out
    assert (tmp_path / "mine").is_dir()


def test_what_only_a_build_does_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = str(write(tmp_path))
    assert main(["score", recipe, "--set", "hygiene.boilerplate=true"]) == 0
    assert (
        "note: web: a build removes lines that other documents also hold (hygiene.boilerplate); scores count "
        "them, so its documents may be shorter\n"
    ) in capsys.readouterr().out


def test_a_plan_and_a_check_say_among_how_many_documents_a_build_chooses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = str(write(tmp_path))
    words = ("--set", "sources.web.choose=quality", "--set", "sources.web.choose_where=tokens >= 100")
    assert main(["score", recipe, "--quiet"]) == 0
    capsys.readouterr()
    for command in ("plan", "check"):
        assert main([command, recipe, *words]) == 0
        assert (
            "web: choose = quality: among 32 of 41 scored documents (8 repeat another), those that meet "
            "tokens >= 100\n"
        ) in capsys.readouterr().out
        assert main([command, recipe, *words, "--json"]) == 0
        data = json.loads(capsys.readouterr().out)
        (source,) = data["sources"] if command == "plan" else data
        assert source["scores"]["eligible"] == 32
    (tmp_path / "web" / "b.jsonl").write_text("{}")
    for command in ("plan", "check"):
        assert main([command, recipe]) == 1
        assert "sources.web: scores holds no scores of b.jsonl as it is now" in capsys.readouterr().err


def test_who_interrupts_is_told_that_what_is_scored_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = str(write(tmp_path))
    real, read = CorpusFile.read_part, []

    def read_once(self: CorpusFile, number: int) -> Iterator[tuple[Place, Record]]:
        read.append(number)
        if len(read) > 1:
            raise KeyboardInterrupt
        return real(self, number)

    monkeypatch.setattr(CorpusFile, "read_part", read_once)
    assert main(["score", recipe, "--quiet"]) == 130
    assert capsys.readouterr().err == (
        "note: parts that are scored are kept; the same command goes on from there\n"
        "calibset: interrupted; what stood in the output before is unchanged\n"
    )
    monkeypatch.undo()
    assert main(["score", recipe, "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["new"] == 1
