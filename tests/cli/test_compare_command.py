"""compare prints tables that fit a terminal, JSON, and a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from calibset.cli import main
from calibset.evaluation.comparison import Comparison
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.windows import Window, second_half
from tests.evaluation.measurements import INFO, random_scores


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measurements of two groups in 24 documents."""
    folder = tmp_path_factory.mktemp("measured")
    windows = [
        Window(
            index=index,
            ids=((np.arange(8) * 5 + index) % 16).astype(np.int32),
            scored=second_half(8),
            group="bank" if index % 2 else "tools",
            document=f"d{index}",
        )
        for index in range(48)
    ]
    for seed, name in enumerate(("base", "w4", "w3")):
        info = INFO.model_copy(update={"k": 4, "model": name})
        Measurement(info, windows, random_scores(windows, 4, seed=seed)).write(folder / f"{name}.parquet")
    return folder


@pytest.fixture(autouse=True)
def _inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_it_prints_the_figures_by_domain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "base.parquet", "w4.parquet"]) == 0
    out = capsys.readouterr().out
    assert "data: text.txt (the file's text as it stands): 48 windows of 8 tokens, 144 tokens scored" in out
    assert re.search(r"^all +48 +\S+ ± \S+ +\S+ ± \S+ +[+-][\d.]+% +\[[+-].*\]$", out, re.MULTILINE)
    assert re.search(r"^bank +≥\S+ +\[\S+, \S+\] +≥\S+ +≥\S+ +≥\S+$", out, re.MULTILINE)
    assert "KL divergence (KLD) from base, in nats, at least (≥): from the 4 likeliest tokens" in out


def test_its_tables_fit_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr("calibset.cli.console._WIDTH_OF_A_FILE", 80)
    assert main(["compare", "base.parquet", "run=w4.parquet", "run=w3.parquet", "--quiet"]) == 0
    assert main(["compare", "base.parquet", "run=w4.parquet", "run=w3.parquet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    tables = [line for line in lines if re.match(r" *(domain|all|bank|tools|run #2)\b", line)]
    assert len(tables) >= 9
    assert all(len(line) <= 80 and "…" not in line for line in tables)


def test_runs_of_one_recipe_are_told_with_their_spread(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "base.parquet", "run=w4.parquet", "run=w3.parquet", "same=base.parquet"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^all +run +2 +≥[\d.]+ ± [\d.]+ +[+-][\d.]+% ± [\d.]+%$", out, re.MULTILINE)
    assert re.search(
        r"^in all: run: mean KLD \S+ above that of same \(documents \[\S+, \S+\]\), which may be the noise "
        r"of seeds: a recipe has one run, or no two runs differ; "
        r"PPL \S+% \S+ it \(documents .*\), which may be .*$",
        out,
        re.MULTILINE,
    )
    assert "note: divergences are lower bounds, and the difference of two lower bounds is no bound" in out


def test_json_is_a_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "base.parquet", "q=w4.parquet", "--json"]) == 0
    text = capsys.readouterr().out
    comparison = Comparison.model_validate_json(text)
    assert comparison.others[0].model.label == "q"
    assert json.loads(text)["k"] == 4


def test_a_page_must_be_html_and_needs_its_tokenizer(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["compare", "base.parquet", "w4.parquet", "--page", "out.txt"]) == 2
    assert capsys.readouterr().err == "calibset: --page out.txt: a page must end in .html\n"
    assert main(["compare", "base.parquet", "w4.parquet", "--page", str(tmp_path / "x.html")]) == 1
    assert "say where it is with --tokenizer" in capsys.readouterr().err


def test_a_file_that_is_no_measurement_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tmp_path / "x.parquet"
    other.write_text("no")
    assert main(["compare", "base.parquet", str(other)]) == 1
    assert capsys.readouterr().err.startswith(f"calibset: {other}: is not a parquet file that can be read")
    assert main(["compare", "base.parquet", "gone.parquet"]) == 1
    assert capsys.readouterr().err == "calibset: gone.parquet: can't be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["base.parquet", "model"],
            "model is a folder, and base.parquet is not; compare folders with folders, or",
        ),
        (["model", "model"], "model: is a model's folder; say with --data what the models are measured on"),
        (
            ["base.parquet", "w4.parquet", "--data", "x.txt"],
            "--data: is for models' folders; a measurement holds",
        ),
        (
            ["base.parquet", "w4.parquet", "--windows", "3"],
            "--windows: is for models' folders; a measurement",
        ),
        # A value that is the default is told, too.
        *(
            (
                ["base.parquet", "w4.parquet", option, value],
                f"{option}: is for models' folders; a measurement",
            )
            for option, value in (("--ctx", "64"), ("--ctx", "512"), ("--prompts", "32"), ("--dtype", "auto"))
        ),
        (
            ["base.parquet", "w4=http://host:8000"],
            "http://host:8000: is a server's address; measure it first",
        ),
        (["model", "model", "--data", "gone.txt"], "--data gone.txt: no such file, and not wikitext-2"),
    ],
)
def test_folders_and_measurements_are_not_mixed(
    words: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "model").mkdir(exist_ok=True)
    assert main(["compare", *words]) == 2
    assert capsys.readouterr().err.startswith(f"calibset: {message}")
