"""evaluate measures a model for a program as the command does for a shell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import calibset
from calibset.core.errors import CalibsetError
from calibset.evaluation.data import open_data
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.measuring import prepare
from calibset.evaluation.plan import Questions, make_plan
from calibset.evaluation.scorers.opening import open_scorer
from calibset.evaluation.scorers.vllm import VllmScorer
from calibset.evaluation.windows import TEXT
from calibset.tokenizers import load_tokenizer
from tests.evaluation.model_server import Bigram, Serve
from tests.letters import write_letters


@pytest.fixture
def text(tmp_path: Path) -> Path:
    write_letters(tmp_path)
    (tmp_path / "a.txt").write_text("Once upon a time there was more. " * 30)
    return tmp_path / "a.txt"


def test_what_is_measured_is_in_memory_and_shows_itself(serve: Serve, text: Path) -> None:
    server = serve()
    seen = []
    measurement = calibset.evaluate(
        server.address,
        text,
        ctx=32,
        windows=4,
        tokenizer=str(text.parent),
        progress=lambda *reported: seen.append(reported),
    )
    assert repr(measurement) == "<Measurement /models/base: a.txt, 4 windows, 60 tokens scored>"
    assert seen == [("/models/base", done, 4) for done in range(5)]
    html = measurement._repr_html_()
    assert html.startswith("<table><caption>/models/base on a.txt: 4 windows</caption>")
    assert f"<td>all</td><td>{measurement.perplexities()['all'].value:.4f}</td>" in html
    scores = np.concatenate([server.model.logprobs(window) for window in measurement.windows])
    assert measurement.perplexities()["all"].value == pytest.approx(np.exp(-scores.mean()))
    assert [path.name for path in sorted(text.parent.iterdir())] == ["a.txt", "tokenizer.json"]


def test_a_file_is_written_and_an_interrupted_call_goes_on(serve: Serve, text: Path) -> None:
    server = serve()
    out = text.parent / "base.parquet"
    asked: dict[str, Any] = {"ctx": 32, "tokenizer": str(text.parent), "concurrency": 1}

    def stop(source: str, done: int, of: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibset.evaluate(server.address, text, out, **asked, progress=stop)
    before = len(server.prompts)
    measurement = calibset.evaluate(server.address, text, out, **asked)
    assert [window.index for window in measurement.windows] == list(range(30))
    assert len(server.prompts) < before + 30
    assert [path.name for path in sorted(text.parent.iterdir())] == [
        "a.txt", "base.parquet", "tokenizer.json",
    ]  # fmt: skip
    assert repr(Measurement.read(out)) == repr(measurement)


def test_a_measurement_is_followed_without_a_file(serve: Serve, text: Path) -> None:
    asked: dict[str, Any] = {"ctx": 32, "windows": 4, "prompts": 2, "tokenizer": str(text.parent)}
    base = calibset.evaluate(serve().address, text, generate=["16:4"], **asked)
    other = calibset.evaluate(serve(model=Bigram(seed=1)).address, text, follow=base, **asked)
    written = [window.ids.tolist() for window in base.windows if window.task != TEXT]
    assert [window.ids.tolist() for window in other.windows if window.task != TEXT] == written
    assert len(written) == 2
    assert other.about.followed == "/models/base"


def test_more_likely_tokens_than_a_model_has_are_refused(serve: Serve, text: Path) -> None:
    plan = make_plan(open_data(str(text)), load_tokenizer(str(text.parent)), Questions(ctx=32))
    scorer = open_scorer(serve().address)
    assert isinstance(scorer, VllmScorer)
    small = replace(scorer, info=scorer.describe().model_copy(update={"vocabulary": 19}))
    with pytest.raises(CalibsetError) as error:
        prepare(
            small, plan, data=open_data(str(text)), tokenizer=load_tokenizer(str(text.parent)),
            questions=Questions(ctx=32), target="model", k=20,
        )  # fmt: skip
    assert str(error.value) == "--top-k 20: /models/base knows 19 tokens"


@pytest.mark.parametrize("target", ["gone", "ftp://host"])
def test_a_target_that_is_neither_a_server_nor_a_folder(target: str, text: Path) -> None:
    with pytest.raises(CalibsetError) as error:
        calibset.evaluate(target, text)
    assert str(error.value) == f"{target}: is neither the address of a server nor a folder with a config.json"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ctx": 3}, "--ctx: must be a whole number from 4 up, got 3"),
        ({"windows": 0}, "--windows: must be a whole number from 1 up, got 0"),
        ({"windows": "all"}, "--windows: must be a whole number from 1 up, got 'all'"),
        ({"top_k": True}, "--top-k: must be a whole number from 1 up, got true"),
        ({"concurrency": 0}, "--concurrency: must be a whole number from 1 up, got 0"),
        ({"batch": 1.5}, "--batch: must be a whole number from 1 up, got 1.5"),
        ({"prompts": -1}, "--prompts: must be a whole number from 1 up, got -1"),
        ({"generate": ["128"]}, "--generate: must be PROMPT:LENGTH, two numbers of tokens, got '128'"),
        ({"generate": [(128, 8)]}, "--generate: must be PROMPT:LENGTH, two numbers of tokens, got (128, 8)"),
        ({"score": "half"}, "--score: must be assistant or all, got 'half'"),
        ({"dtype": "int8"}, "--dtype: must be auto, bfloat16, float16 or float32, got 'int8'"),
        ({"out": "base.csv"}, "--out base.csv: must end in .parquet"),
        ({"out": "gone/base.parquet"}, "--out gone/base.parquet: there is no folder gone"),
        (
            {"follow": "base.parquet", "calls": True},
            "--follow: the continuations are the base's; leave out --generate and --calls",
        ),
    ],
)
def test_arguments_that_can_not_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CalibsetError) as error:
        calibset.evaluate("model", "a.txt", **changes)
    assert str(error.value) == message
