"""evaluate writes a measurement, says what was measured, and goes on where it stopped."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from calibset.cli import main
from calibset.evaluation.calls import compare_calls
from calibset.evaluation.measurement import Measurement
from calibset.tokenizers import load_tokenizer
from tests.cli.commands import error_line
from tests.evaluation.model_server import Bigram, Serve


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_measures_a_holdout_by_group(
    serve: Serve, chat_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve()
    assert main(["evaluate", server.address, "--data", str(chat_file), "--ctx", "100", "--top-k", "5"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[:2] == [
        "/models/base on chat.calibration.jsonl: rows of a calibration file, each on its own",
        f"tokenizer {chat_file.parent / 'model'}: not checked: the model's own can't be asked",
    ]
    assert lines[2:4] == [
        "text: 18 windows, 882 tokens scored", "left out: 504 tokens of a tail that fills no window",
    ]  # fmt: skip
    assert [line.split(":")[0] for line in lines[4:7]] == [
        "perplexity of talk", "perplexity of tools", "perplexity of all",
    ]  # fmt: skip
    assert lines[7:] == ["wrote base-chat.calibration.parquet"]
    assert err == "/models/base: 18 windows\n"
    measurement = Measurement.read(tmp_path / "base-chat.calibration.parquet")
    for window, scores in zip(measurement.windows, measurement.scores, strict=True):
        assert np.allclose(scores.logprobs, server.model.logprobs(window), atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["base-chat.calibration.parquet"]


def test_json_holds_the_perplexities_and_a_server_needs_no_torch(
    serve: Serve,
    tmp_path: Path,
    chat_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve()
    for name in ("torch", "safetensors", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "a.txt").write_text("Once upon a time. " * 20)
    words = ["--data", "a.txt", "--tokenizer", str(chat_file.parent / "model"), "--ctx", "64", "--json"]
    assert main(["evaluate", server.address, *words, "--out", "b.parquet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["written"], found["windows"], found["tokens"]) == (["b.parquet"], 5, 5 * 31)
    assert list(found["perplexity"]) == ["all"]
    assert found["measurement"]["engine"] == "vllm"


@pytest.mark.slow
def test_another_model_follows_what_the_base_wrote(
    serve: Serve, chat_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, other = serve(), serve(name="w4", engine="sglang", model=Bigram(seed=1))
    words = ["--data", str(chat_file), "--ctx", "128", "--quiet"]
    asked = ["--generate", "16:4", "--calls", "--prompts", "3"]
    assert main(["evaluate", base.address, *words, *asked, "--out", "base.parquet"]) == 0
    assert main(["evaluate", other.address, *words, "--follow", "base.parquet", "--out", "w4.parquet"]) == 0
    one, two = Measurement.read("base.parquet"), Measurement.read("w4.parquet")
    assert two.about.followed == "/models/base"
    for before, after in zip(one.windows, two.windows, strict=False):
        assert (before.task, before.ids.tolist()) == (after.task, after.ids.tolist())
    for window, scores in zip(two.windows, two.scores, strict=True):
        assert np.allclose(scores.logprobs, other.model.logprobs(window), atol=1e-6)
    own = [window for window in two.windows if window.task == "own calls"]
    assert [window.targets.tolist() for window in own] == [
        other.model.write(window.ids[: window.scored[0]].tolist(), 256) for window in own
    ]
    compared = compare_calls(one, two, load_tokenizer(str(chat_file.parent / "model")))
    assert compared is not None
    assert (compared.prompts, compared.same) == (3, 0)
    assert main(["compare", "base.parquet", "w4.parquet", "--json"]) == 0
    comparison = json.loads(capsys.readouterr().out)
    assert [one["task"] for one in comparison["others"][0]["generation"]] == ["16:4", "calls"]


def test_a_run_that_failed_goes_on(
    serve: Serve, chat_file: Path, tmp_path: Path, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(dies_after=10)
    words = ["evaluate", server.address, "--data", str(chat_file), "--ctx", "128", "--out", "b.parquet"]
    assert main([*words, "--concurrency", "1"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "note: 10 of 18 windows are kept in b.parquet.parts; the same command goes on from there",
        f"calibset: {server.address}: closes the connection, again and again",
    ]
    server.dies_after = None
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr().err == "note: 10 of 18 windows are measured already\n"
    assert len(Measurement.read("b.parquet").windows) == 18
    assert [path.name for path in tmp_path.iterdir()] == ["b.parquet"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--follow", "b.parquet", "--calls"],
         "--follow: the continuations are the base's; leave out --generate and --calls"),
        (["--score", "all"], "--score all: a.txt has no rows; measure windows with --ctx"),
        (["--out", "b.json"], "--out b.json: must end in .parquet"),
        (["--out", "none/b.parquet"], "--out none/b.parquet: there is no folder none"),
    ],
)  # fmt: skip
def test_options_that_dont_go_together(
    serve: Serve, chat_file: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.txt").write_text("Once upon a time. " * 20)
    target = [
        serve().address,
        "--data",
        "a.txt",
        "--ctx",
        "64",
        "--tokenizer",
        str(chat_file.parent / "model"),
    ]
    if "--score" in words:
        target = [*target[:3], *target[5:]]
    code = 1 if "none" in message and "folder" in message else 2
    assert error_line(["evaluate", *target, *words], code, capsys) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ctx", "2"], "argument --ctx: must be at least 4, got '2'"),
        (
            ["--generate", "128"],
            "argument --generate: must be PROMPT:LENGTH, two numbers of tokens, got '128'",
        ),
        (
            ["--generate", "0:8"],
            "argument --generate: must be PROMPT:LENGTH, two numbers of tokens, got '0:8'",
        ),
        (["--ctx", "64", "--score", "all"], "argument --score: not allowed with argument --ctx"),
    ],
)
def test_words_that_are_no_options(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "http://localhost", "--data", "a.txt", *words])
    assert capsys.readouterr().err.splitlines()[-1] == f"calibset evaluate: error: {message}"


def test_without_the_extra_a_folder_says_what_to_install(
    tmp_path: Path, chat_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    Path("a.txt").write_text("Once upon a time. " * 20)
    Path("model").mkdir()
    Path("model/config.json").write_text("{}")
    words = [
        "evaluate",
        "model",
        "--data",
        "a.txt",
        "--ctx",
        "64",
        "--tokenizer",
        str(chat_file.parent / "model"),
    ]
    assert error_line(words, 2, capsys).startswith(
        "model: a model is run here by torch and transformers, which are not installed; "
    )
