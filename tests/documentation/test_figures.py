"""What pages say of recipes is what the recipes say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calibset import load_recipe, parse_recipe
from calibset.cli import main
from tests.documentation.pages import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readme_shows_what_the_quickstart_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--from", "quickstart", "--quiet"]) == 0
    assert main(["build", "quickstart.toml"]) == 0
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    shown = re.search(r"<!-- prints -->\n```text\n(.*?)\n```", README, re.DOTALL)
    assert shown is not None
    # What the steps took is another each time.
    took = re.compile(r"took [\d.]+ s: .*")
    assert took.sub("", shown.group(1)) == took.sub("", printed)


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
    text = blocks(page, "toml")[0]
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
