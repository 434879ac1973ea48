"""What a real vLLM server says of a model agrees with the model itself, and nothing of it is lost."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from calibset.evaluation.comparison import Comparison
from calibset.evaluation.measurement import Measurement
from tests.heavy.vllm.server import VllmServer, environment, free_port, serving, vllm

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")

_CTX = 256
_WINDOWS = 24
_BEFORE_THE_END = 6
_REQUESTS = 4
_LOADS = ("load-1", "load-32")
_PROJECT = Path(__file__).parents[3]
_RECIPE = _PROJECT / "recipes" / "quickstart.toml"


@pytest.fixture(scope="module")
def model() -> str:
    """A small model's folder (CALIBSET_SMALL_MODEL)."""
    return _folder("CALIBSET_SMALL_MODEL")


@pytest.fixture(scope="module")
def quantized() -> str:
    """The same model's with other weights (CALIBSET_SMALL_QUANTIZED)."""
    return _folder("CALIBSET_SMALL_QUANTIZED")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the text that is measured."""
    path = tmp_path_factory.mktemp("vllm")
    pages = [
        (_PROJECT / "docs" / f"{page}.md").read_text("utf-8")
        for page in ("explanation/design", "reference/quantizers", "reference/evaluation")
    ]
    (path / "text.txt").write_text("\n\n".join(pages), "utf-8")
    return path


@pytest.fixture(scope="module")
def through_the_api(folder: Path, model: str, quantized: str) -> dict[str, Any]:
    """Measure both through servers, the first of which is killed meanwhile; return compare's figures."""
    port = free_port()
    base = _evaluation(f"http://127.0.0.1:{port}", model, folder / "base.parquet")
    length = ("--max-model-len", "2048")
    with serving(model, *length, port=port, log=folder / "first.log") as server:
        interrupted = _kill_while_measuring(server, base)
    assert interrupted.returncode == 1
    assert "the same command goes on from there" in interrupted.stderr
    with serving(model, *length, port=port, log=folder / "second.log") as server:
        resumed = _run(base)
        assert resumed.returncode == 0, resumed.stderr
        (folder / "resumed.json").write_text(json.dumps([resumed.stderr, server.completions]))
        _benchmark(server, _serve_config(model, "commands"), folder)
    configuration = folder / "serve.yaml"
    configuration.write_text(_serve_config(quantized, "config"), "utf-8")
    with serving("--config", str(configuration), port=port, log=folder / "third.log") as server:
        measured = _run(_evaluation(server.url, quantized, folder / "w4.parquet"))
        assert measured.returncode == 0, measured.stderr
    compared = _run(["compare", str(folder / "base.parquet"), str(folder / "w4.parquet"), "--json"])
    assert compared.returncode == 0, compared.stderr
    (folder / "compare.json").write_text(compared.stdout)
    return _figures(compared.stdout)


@pytest.fixture(scope="module")
def on_this_machine(folder: Path, model: str, quantized: str) -> dict[str, Any]:
    """Compare the folders over the whole vocabulary."""
    words = ["compare", model, quantized, "--data", str(folder / "text.txt"), *_windows(), "--json"]
    compared = _run(words)
    assert compared.returncode == 0, compared.stderr
    return _figures(compared.stdout)


def test_perplexities_agree(through_the_api: dict[str, Any], on_this_machine: dict[str, Any]) -> None:
    for which in ("base", "other"):
        assert through_the_api[which] == pytest.approx(on_this_machine[which], rel=0.005)


def test_the_divergence_is_a_lower_bound(
    through_the_api: dict[str, Any], on_this_machine: dict[str, Any]
) -> None:
    assert through_the_api["bound"] == "at least"
    assert on_this_machine["bound"] == "exact"
    # A bound far below would be of no use; twenty tokens hold about two thirds of this base.
    assert 0.25 * on_this_machine["kld"] < through_the_api["kld"] <= on_this_machine["kld"]


@pytest.mark.usefixtures("through_the_api")
def test_a_server_that_is_killed_loses_nothing(folder: Path) -> None:
    measured = Measurement.read(folder / "base.parquet")
    assert [window.index for window in measured.windows] == list(range(_WINDOWS))
    assert not (folder / "base.parquet.parts").exists()
    noted, answered = json.loads((folder / "resumed.json").read_text())
    before = int(noted.partition("note: ")[2].partition(" of ")[0])
    assert _BEFORE_THE_END <= before < _WINDOWS
    assert before + answered == _WINDOWS


@pytest.mark.usefixtures("through_the_api")
def test_the_load_tools_results_become_the_cards_table(folder: Path) -> None:
    words = ["card", "--model", "--evaluation", str(folder / "compare.json")]
    for name in _LOADS:
        words += ["--throughput", str(folder / f"{name}.json")]
    card = _run(words)
    assert card.returncode == 0, card.stderr
    results = [json.loads((folder / f"{name}.json").read_text()) for name in _LOADS]
    assert [result["completed"] for result in results] == [_REQUESTS, _REQUESTS]
    for result in results:
        assert f"{result['output_throughput']:,.1f}" in card.stdout


def _folder(variable: str) -> str:
    found = os.environ.get(variable)
    if not found:
        pytest.skip(f"{variable} names no folder of a model")
    return found


def _windows() -> list[str]:
    return ["--ctx", str(_CTX), "--windows", str(_WINDOWS)]


def _evaluation(url: str, model: str, out: Path) -> list[str]:
    text = str(out.parent / "text.txt")
    words = ["evaluate", url, "--data", text, *_windows(), "--tokenizer", model, "--out", str(out)]
    return [*words, "--concurrency", "1"]


def _command(words: list[str]) -> list[str]:
    return [sys.executable, "-m", "calibset", *words]


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(words), capture_output=True, text=True, check=False, env=environment())


def _kill_while_measuring(server: VllmServer, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Start a measurement, kill the server when it has answered a few requests, and wait for the end."""
    with subprocess.Popen(
        _command(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        while server.completions < _BEFORE_THE_END and process.poll() is None:
            time.sleep(0.1)
        server.kill()
        out, told = process.communicate()
    return subprocess.CompletedProcess(words, process.returncode, out, told)


def _benchmark(server: VllmServer, commands: str, folder: Path) -> None:
    """Run the load tool as `serve-config` says, with fewer and shorter requests."""
    fewer = ["--num-prompts", str(_REQUESTS), "--random-input-len", "64", "--random-output-len", "16"]
    here = ["--base-url", server.url, "--result-dir", str(folder)]
    for line in commands.splitlines():
        if line.startswith("vllm bench serve "):
            words = [vllm(), *shlex.split(line)[1:], *fewer, *here]
            subprocess.run(words, check=True, capture_output=True, env=environment())


def _serve_config(model: str, part: str) -> str:
    printed = _run(["serve-config", str(_RECIPE), "--model", model, "--only", part])
    assert printed.returncode == 0, printed.stderr
    return printed.stdout


def _figures(printed: str) -> dict[str, Any]:
    """Return the figures of all the data from `compare --json`."""
    comparison = Comparison.model_validate_json(printed)
    everything = next(figures for figures in comparison.others[0].domains if figures.kind == "all")
    assert everything.kld is not None
    return {
        "base": everything.perplexity.base,
        "other": everything.perplexity.other,
        "kld": everything.kld.mean.value,
        "bound": everything.kld.bound,
        "covered": everything.kld.covered,
    }
