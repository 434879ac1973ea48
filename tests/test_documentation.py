"""What the documentation says is what the project does."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from calibset import Comparison, Measurement, build, load_recipe, parse_recipe
from calibset.cli import main
from calibset.selection.score_columns import MEASURES
from tests.evaluation.model_server import Bigram, Serve
from tests.letters import write_letters
from tests.own_data import write_own_data
from tests.small import corpus

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readme_shows_what_the_quickstart_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["build", str(ROOT / "recipes" / "quickstart.toml")]) == 0
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    shown = re.search(r"<!-- prints -->\n```text\n(.*?)\n```", README, re.DOTALL)
    assert shown is not None
    # What the steps took is another each time.
    took = re.compile(r"took [\d.]+ s: .*")
    assert took.sub("", shown.group(1)) == took.sub("", printed.replace(f"{ROOT}/", ""))


def test_the_readme_recipe_is_a_recipe() -> None:
    text, _ = blocks(README, "toml")
    recipe = parse_recipe(text)
    assert recipe.mixture.quotas() == {"fineweb": 77, "bitext": 51}


def test_the_readme_tables_of_what_goes_in_are_right() -> None:
    recipe = parse_recipe("\n".join(blocks(README, "toml")))
    assert recipe.hygiene_of("fineweb").pii == "mask"
    assert list(recipe.exclude) == ["wikitext-2"]
    assert recipe.holdout is not None


def test_the_readme_figures_of_the_plan() -> None:
    recipe = load_recipe(ROOT / "recipes" / "quickstart.toml")
    quotas = recipe.mixture.quotas()
    groups = dict.fromkeys(["slovak", "insurance", "tools", "general"], 0)
    for name, source in recipe.sources.items():
        groups[source.group] += quotas[name]
    assert f"# {groups}" in README


def test_the_variant_on_the_recipe_page_is_one_in_five_lines() -> None:
    page = (ROOT / "docs" / "reference" / "recipe.md").read_text("utf-8")
    text = shown(page, "variant", "toml")
    assert len(text.splitlines()) == 5
    recipe = parse_recipe(text)
    assert recipe.mixture.quotas() == {"oss-instruct": 38, "self-oss-instruct": 13, "fineweb-edu": 13}
    assert (recipe.tokenizer, recipe.exclude.keys()) == (
        "hf://Qwen/Qwen3-Coder-30B-A3B-Instruct",
        {"humaneval": 0, "mbpp": 0, "wikitext-2": 0}.keys(),
    )


def test_the_gallery_page_names_each_recipe_and_its_rows() -> None:
    page = (ROOT / "docs" / "how-to" / "gallery.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \| (\d+) of ([\d,]+)", page, re.MULTILINE)
    shown_sizes = {name: (int(nsamples), int(seqlen.replace(",", ""))) for name, nsamples, seqlen in rows}
    recipes = {path.stem: load_recipe(path) for path in (ROOT / "recipes").glob("*.toml")}
    assert shown_sizes == {name: (recipe.nsamples, recipe.seqlen) for name, recipe in recipes.items()}
    (variant,) = blocks(page, "toml")
    assert parse_recipe(variant).tokenizer == "hf://Qwen/Qwen3-8B"


def test_the_gallery_page_says_where_each_licence_was_read() -> None:
    page = (ROOT / "docs" / "how-to" / "gallery.md").read_text("utf-8")
    table = re.findall(r"^\| `([\w.-]+/[\w.-]+)` \| ([^|]+) \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
    read = {
        (repository.group(), source.licence)
        for path in (ROOT / "recipes").glob("*.toml")
        for source in load_recipe(path).corpora.values()
        for location in (*source.where, *(one for places in source.fallbacks for one in places))
        if (
            repository := re.search(r"(?<=//datasets/)[^/]+/[^/]+|(?<=usercontent.com/)[^/]+/[^/]+", location)
        )
    }
    assert sorted(table) == sorted(read)


def test_the_page_about_python_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "how-to" / "python.md").read_text("utf-8")
    for port, server in ((8000, serve()), (8001, serve(name="w4", model=Bigram(seed=1)))):
        page = page.replace(f"http://localhost:{port}", server.address)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    write_letters(tmp_path / "model")
    (tmp_path / "holdout.txt").write_text(
        "\n\n".join(f"Roof {number} is covered. " * 9 for number in range(40))
    )
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    (recipe,) = blocks(page, "toml")
    (tmp_path / "claims.toml").write_text(recipe, "utf-8")
    names: dict[str, Any] = {}
    exec(compile("\n".join(blocks(page, "python")), "python.md", "exec"), names)
    assert len(names["built"]) == 16
    (report,) = names["claims"].manifest.sources
    assert (report.achieved, report.location, report.gives) == (4, "memory", "conversations")
    assert re.fullmatch(r"PPL [+-][\d.]+%, KLD at least \d\.\d{3}\n", capsys.readouterr().out)
    comparison = Comparison.read("compare.json")
    assert comparison.others[0].generation[0].task == "16:8"
    assert Measurement.read("base.parquet").about.generate == ("16:8",)


def test_a_page_takes_data_of_ones_own_to_the_quantizers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    write_own_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    printed = {}
    for block in re.findall(r"<!-- run -->\n```console\n(.*?)```", page, re.DOTALL):
        for command in block.splitlines():
            program, *words = shlex.split(command)
            assert program == "calibset"
            assert main(words) == 0, command
            printed[command] = capsys.readouterr().out
    init = printed["calibset init data --tokenizer model"].split("\na row of")[0]
    assert shown(page, "init", "text") == "\n".join(line.rstrip() for line in init.splitlines())
    assert shown(page, "recipe", "toml") == Path("data.toml").read_text("utf-8").strip()
    assert "keeps 81 of 81 rows" in printed["calibset verify data.jsonl --for llm-compressor"]
    assert (
        "data_files='data.llm-compressor.parquet', split=\"train\""
        in printed["calibset export data.jsonl --for llm-compressor"]
    )
    assert "--dataset data.jsonl" in printed["calibset quantize-command data.toml --model model"]
    for code in blocks(page, "python"):
        compile(code, "your-own-data.md", "exec")


def test_the_page_about_scores_chooses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "how-to" / "scores.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    for folder in ("model", "web"):
        (tmp_path / folder).mkdir()
    write_letters(tmp_path / "model")
    (tmp_path / "web" / "a.jsonl").write_bytes(corpus("fish", 40))
    (tmp_path / "recipe.toml").write_text(shown(page, "file: recipe.toml", "toml"), "utf-8")
    printed = []
    for command in shown(page, "run", "console").splitlines():
        assert main(shlex.split(command.replace(" --workers 2", ""))[1:]) == 0, command
        printed.append(capsys.readouterr().out.splitlines()[1].split())
    assert [line[:6] for line in printed[:2]] == [["web", "web", "1", new, "40", "40"] for new in "10"]
    (source,) = json.loads(Path("chosen.manifest.json").read_text("utf-8"))["sources"]
    assert source["scores"]["choose"] == "quality"
    for name, (_, meaning) in MEASURES.items():
        assert f"| `{name}` | {meaning} |" in page
    (code,) = blocks(page, "python")
    compile(code, "scores.md", "exec")


def shown(page: str, mark: str, language: str) -> str:
    match = re.search(rf"<!-- {mark} -->\n```{language}\n(.*?)\n?```", page, re.DOTALL)
    assert match is not None
    return match.group(1)


def test_the_written_source_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "how-to" / "writing-a-source.md").read_text("utf-8")
    adapter, trial = blocks(page, "python")
    (tmp_path / "committee.py").write_text(adapter, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    exec(compile(trial, "writing-a-source.md", "exec"), {})
    folder = tmp_path / "minutes"
    folder.mkdir()
    items = [
        f"Large losses\nClaim {i} was settled after the survey of the roof and the cellar." for i in range(60)
    ]
    (folder / "june.minutes.txt").write_text("\n=====\n".join([*items, "Motor\nNothing to decide.", " "]))
    (tmp_path / "recipe.toml").write_text(
        'name = "minutes"\nnsamples = 4\nseqlen = 64\ngroups.internal = 1.0\n' + blocks(page, "toml")[0]
    )
    recipe = load_recipe(tmp_path / "recipe.toml", allow_code=True)
    built = build(recipe)
    assert len(built) == 4
    assert all("Claim" in sample.text and "Motor" not in sample.text for sample in built)
