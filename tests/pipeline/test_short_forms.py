"""What the values of a build show of themselves in a session and in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import calibset
from tests.pipeline.small_builds import small


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("short")
    recipe = small(folder)
    built = calibset.build(recipe)
    file = built.write(folder / "small.jsonl")
    plan = calibset.plan(recipe)
    return {
        "recipe": recipe, "plan": plan, "planned": plan.sources[0], "built": built,
        "manifest": built.manifest, "report": built.manifest.sources[0], "lock": built.lock,
        "source": recipe.sources["fish"],
        "check": calibset.check(recipe)[0], "file": calibset.CalibrationFile.open(file),
        "verified": calibset.verify(file), "sample": built[0],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("recipe", "<Recipe small: 20 rows of 64 tokens, 4 sources>"),
        ("plan", "<Plan small: 20 rows of 64 tokens, 4 sources>"),
        ("planned", "<PlannedSource fish: 8 rows, fish, 1 file>"),
        ("built", "<CalibrationSet small: 20 rows of 64 tokens>"),
        ("manifest", "<Manifest small: 20 rows of 64 tokens, 4 sources, AutoRound "),
        ("report", "<SourceReport fish: 8 of 8 rows, texts, fish>"),
        ("lock", "<Lock small: 4 sources, sha256 "),
        ("source", "<Jsonl fish: group sea>"),
        ("check", "<SourceCheck fish: 30 documents, 0 rejected, 0 filtered>"),
        ("file", "<CalibrationFile small.jsonl: built by the recipe small>"),
        ("verified", "<LoadReport AutoRound "),
        ("sample", "<Sample of "),
    ],
)
def test_a_value_is_shown_on_one_short_line(values: dict[str, Any], name: str, shown: str) -> None:
    assert repr(values[name]).startswith(shown)
    assert len(repr(values[name])) < 160
    assert str(values[name]) == repr(values[name])


@pytest.mark.parametrize(
    "name", ["recipe", "plan", "manifest", "lock", "source", "check", "file", "verified"]
)
def test_a_notebook_shows_a_table(values: dict[str, Any], name: str) -> None:
    html = values[name]._repr_html_()
    assert html.startswith("<table><caption>")
    assert html.endswith("</table>")


def test_no_text_of_a_recipe_is_markup(tmp_path: Path) -> None:
    recipe = small(tmp_path, 'sources.fish.where="<script>\\u001b"')
    for value in (recipe, calibset.plan(recipe), recipe.sources["fish"]):
        html = value._repr_html_()  # type: ignore[attr-defined]
        assert "&lt;script&gt;\\x1b" in html
        assert "<script>" not in html
        assert "\x1b" not in repr(value)


def test_a_plan_says_how_many_sources_have_a_problem(tmp_path: Path) -> None:
    plan = calibset.plan(small(tmp_path, 'sources.fish.where="gone"'))
    assert repr(plan) == "<Plan small: 20 rows of 64 tokens, 4 sources, 1 problem>"
    assert repr(plan.sources[0]).startswith("<PlannedSource fish: 8 rows, gone, gone: no such file or folder")
