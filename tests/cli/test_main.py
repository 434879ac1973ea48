from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.pipeline import build as pipeline_build


def test_each_fault_of_a_recipe_has_its_line(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", recipe, "--set", "seed=-1", "--set", "sources.fish.weight=0"]) == 2
    assert capsys.readouterr().err == (
        "calibset: recipe.toml: sources.fish.weight: must be above 0, got 0\n"
        "calibset: recipe.toml: seed: must be at least 0, got -1\n"
    )


def test_of_very_many_faults_the_first_are_told(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("many.toml").write_text("".join(f"k{number} = 1\n" for number in range(98)), "utf-8")
    assert main(["plan", "many.toml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 101
    assert lines[0] == "calibset: many.toml: name: is missing"
    assert lines[-1] == "calibset: and 1 more fault"


def test_a_recipe_that_is_not_there_exits_2(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "gone.toml"]) == 2
    assert capsys.readouterr().err == "calibset: gone.toml: can't be read: No such file or directory\n"


def test_a_recipe_of_the_gallery_that_is_not_there_yet_exits_2(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "recipes/quickstart.toml"]) == 2
    assert capsys.readouterr().err == (
        "calibset: recipes/quickstart.toml: can't be read: No such file or directory; "
        "`calibset init --from quickstart` copies the recipe of this name\n"
    )


def test_an_interrupt_exits_130(
    recipe: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline_build, "build", interrupted)
    Path("small.jsonl").write_text("old")
    assert main(["build", recipe]) == 130
    assert capsys.readouterr().err == "calibset: interrupted; what stood in the output before is unchanged\n"
    assert Path("small.jsonl").read_text() == "old"


def test_nor_does_it_end_the_process_for_threads_that_end_with_it(
    recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline_build, "build", interrupted)
    answered = threading.Event()
    threading.Thread(target=answered.wait, name="calibset-server", daemon=True).start()
    try:
        assert main(["build", recipe]) == 130
    finally:
        answered.set()


def test_a_reader_that_has_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    for words in (["schema"], ["sources"], ["sources", "bitext"]):
        monkeypatch.setattr(sys, "stdout", Gone())
        assert main(words) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize("words", [["schema"], ["sources"]])
def test_a_closed_pipe_is_quiet(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "calibset", *words], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_output_of_few_letters_gets_the_others_spelled_out(built: str) -> None:
    rows = json.dumps({"text": "čaj"}) + "\n"
    Path("x.jsonl").write_text(rows)
    done = subprocess.run(
        [sys.executable, "-m", "calibset", "show", "x.jsonl", "1", "--tokenizer", "tokenizer.json"],
        capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == rb"\u010daj"


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 0
    assert "calibset build" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["build"], ["plan"], ["check"]], ids=["build", "plan", "check"])
def test_quiet_prints_nothing(words: list[str], recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, recipe, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_process_of_its_own_searches_for_garbage_seldom_and_not_at_its_end() -> None:
    code = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 0))
sys.argv = ["calibset", "completion", "bash"]
from calibset.cli import main
main()"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "50000 True"


def test_a_command_in_another_process_leaves_its_garbage_alone(capsys: pytest.CaptureFixture[str]) -> None:
    before = gc.get_threshold()
    assert main(["completion", "bash"]) == 0
    assert gc.get_threshold() == before
    assert capsys.readouterr().out
