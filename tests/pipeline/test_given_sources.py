"""Builds from rows in memory, and with keys of the recipe changed in Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars
import pytest

import calibset
from calibset.core.documents import Document, Record
from calibset.core.errors import CalibsetError, RecipeError
from calibset.storage.files import File
from tests.chatml import write_chatml
from tests.pipeline.small_builds import small

QUESTIONS = [
    {"q": f"What does the policy say of hail number {i}?", "a": f"{i} roofs and {i + 3} cars are covered."}
    for i in range(60)
]


def recipe(folder: Path, kind: str = "parquet", columns: str = '{ user = "q", assistant = "a" }') -> Path:
    (folder / "model").mkdir()
    write_chatml(folder / "model")
    text = (
        'name = "given"\nnsamples = 3\nseqlen = 256\ngroups = { g = 1.0 }\n'
        'tokenizer = "model/tokenizer.json"\n'
        f'[sources.mine]\ngroup = "g"\ntype = "{kind}"\ncolumns = {columns}\n'
    )
    path = folder / "given.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", ["csv", "excel", "hub-dataset", "jsonl", "parquet"])
def test_the_recipe_says_how_given_rows_are_read(tmp_path: Path, kind: str) -> None:
    built = calibset.build(recipe(tmp_path, kind), sources={"mine": polars.DataFrame(QUESTIONS)})
    (report,) = built.manifest.sources
    assert (report.location, report.gives, report.achieved) == ("memory", "conversations", 3)
    (file,) = built.lock.sources["mine"].files.values()
    assert report.revision == file.sha256


def test_the_same_rows_make_the_same_file_and_others_another(tmp_path: Path) -> None:
    path = recipe(tmp_path)
    one, again, other = (
        calibset.build(path, sources={"mine": rows}).manifest.sha256
        for rows in (QUESTIONS, iter(QUESTIONS), QUESTIONS[1:])
    )
    assert one == again != other


def test_given_rows_take_the_place_of_files_and_of_evaluation_sets(tmp_path: Path) -> None:
    small(tmp_path)
    texts = [{"text": f"Ships number {i} sail from port to port with hail on deck."} for i in range(99)]
    built = calibset.build(tmp_path / "recipe.toml", sources={"ships": texts})
    assert [one.location for one in built.manifest.sources] == ["fish", "memory", "trees", "rest"]
    text = (tmp_path / "recipe.toml").read_text()
    (tmp_path / "recipe.toml").write_text(f'{text}\n[[exclude]]\nname = "quiz"\ntype = "jsonl"\n')
    (quiz,) = calibset.build(tmp_path / "recipe.toml", sources={"quiz": texts}).manifest.evaluations
    assert (quiz.location, quiz.documents) == ("memory", 99)


def test_a_recipe_may_be_loaded_before(tmp_path: Path) -> None:
    loaded = calibset.load_recipe(recipe(tmp_path), given=["mine"])
    (planned,) = calibset.plan(loaded, sources={"mine": QUESTIONS}).sources
    assert (planned.location, planned.gives, planned.problem) == ("memory", "conversations", None)
    (checked,) = calibset.check(loaded, sources={"mine": QUESTIONS})
    assert checked.stats.documents == 60


def test_plans_name_rows_that_are_not_given(tmp_path: Path) -> None:
    (planned,) = calibset.plan(calibset.load_recipe(recipe(tmp_path), given=["mine"])).sources
    assert planned.problem == (
        'where = "memory" stands for rows that a program gives: calibset.build(recipe, '
        "sources={'mine': rows})"
    )


@pytest.mark.parametrize(
    ("sources", "changes", "message"),
    [
        ({"other": []}, {}, "sources: the recipe has no source 'other'; it has mine"),
        ({"mine": 3}, {}, "sources.mine: a int holds no rows; give a datasets.Dataset, a frame of polars or "
                          "pandas, or an iterable of dicts"),
        ({"mine": []}, {}, "sources.mine: memory holds no usable document"),
        ({"mine": QUESTIONS}, {"nsample": 3}, "nsample: unknown key; did you mean nsamples?"),
        ({"mine": QUESTIONS}, {"nsamples": "3"}, "nsamples: must be a whole number, got '3'"),
        ({"mine": QUESTIONS}, {"seed.x": 1}, "seed.x: seed is a value, not a table"),
        ({"mine": QUESTIONS}, {"sources.mien.weight": 1},
         "sources.mien.weight: no source 'mien'; did you mean mine?"),
    ],
)  # fmt: skip
def test_faults_are_named(
    tmp_path: Path, sources: dict[str, object], changes: dict[str, Any], message: str
) -> None:
    loaded = calibset.load_recipe(recipe(tmp_path), overrides={"seed": 7}, given=["mine"])
    with pytest.raises(CalibsetError) as caught:
        calibset.build(loaded, sources=sources, **changes)
    assert str(caught.value) == message


def test_a_wrong_name_is_told_before_what_is_missing(tmp_path: Path) -> None:
    path = recipe(tmp_path)
    with pytest.raises(RecipeError) as caught:
        calibset.build(path, sources={"meine": QUESTIONS})
    assert str(caught.value) == f"{path}: sources: the recipe has no source 'meine'; it has mine"


def test_an_adapter_of_files_only_is_named(tmp_path: Path) -> None:
    path = recipe(tmp_path)
    path.write_text(path.read_text().replace('"parquet"', '"fineweb2"').replace("columns", "# columns"))
    with pytest.raises(RecipeError) as caught:
        calibset.build(path, sources={"mine": QUESTIONS})
    assert str(caught.value) == (
        "sources.mine.type: fineweb2 reads files only; rows that a program gives are read by jsonl, "
        "alpaca or chat"
    )


@pytest.mark.parametrize("loads", [True, False])
def test_keys_of_the_recipe_are_keyword_arguments(tmp_path: Path, loads: bool) -> None:
    path = recipe(tmp_path)
    given: Any = calibset.load_recipe(path, given=["mine"]) if loads else path
    changes = {"nsamples": 2, "hygiene": {"duplicates": "exact"}, "sources.mine.licence": "MIT"}
    built = calibset.build(given, sources={"mine": QUESTIONS}, **changes)
    assert (len(built), built.manifest.sources[0].licence) == (2, "MIT")
    assert built.manifest.recipe["hygiene"]["duplicates"] == "exact"


class Waves(calibset.Source):
    """An adapter that only this program has."""

    type: str = "waves"

    def patterns(self) -> tuple[str, ...]:
        return ("*",)

    def read(self, file: File) -> Iterator[Record]:
        yield Document(id=file.name, text=file.name)


def test_a_change_leaves_sources_that_a_program_made(tmp_path: Path) -> None:
    loaded = calibset.load_recipe(recipe(tmp_path), given=["mine"])
    made = loaded.model_copy(update={"sources": {"waves": Waves(group="g", where=("here",))}})
    planned = calibset.plan(made, seed=3)
    assert (planned.recipe.seed, planned.recipe.sources) == (3, made.sources)
    assert planned.recipe.path == loaded.path
