"""A recipe that extends another: what it takes over, what it changes, and what can be wrong with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from calibset import Recipe, build, load_recipe, parse_recipe
from calibset.core.errors import RecipeError
from calibset.recipe.gallery import find_gallery, find_gallery_recipe, list_gallery
from calibset.recipe.loader import change_recipe
from calibset.recipe.portable import portable_recipe
from tests.small import write_small

BASE = """\
name = "base"
nsamples = 8
groups = { a = 0.5, b = 0.5 }
[chat.template]
depth = "low"
[hygiene]
pii = "mask"
[sources.one]
group = "a"
type = "text"
where = ["texts", "hf://datasets/they/texts", "/srv/texts"]
fallbacks = ["more", ["these", "those"]]
separator = ""
[sources.two]
group = "b"
type = "csv"
where = "table.csv"
[[exclude]]
name = "test"
type = "text"
where = "test"
[[exclude]]
name = "other"
type = "text"
where = "other"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a base in it and one in a folder below."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text(BASE, "utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "base.toml").write_text(
        BASE.replace("nsamples", 'tokenizer = "model"\nnsamples'), "utf-8"
    )
    return tmp_path


def find_faults(text: str, *overrides: str) -> list[str]:
    Path("v.toml").write_text(text, "utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe("v.toml", overrides=overrides)
    return list(caught.value.faults)


def load_variant(text: str) -> Recipe:
    Path("v.toml").write_text(text, "utf-8")
    return load_recipe("v.toml")


def test_what_a_variant_does_not_say_is_its_bases(folder: Path) -> None:
    base, variant = load_recipe("base.toml"), load_variant('extends = "base.toml"\n')
    assert portable_recipe(variant) == portable_recipe(base) | {"name": "v"}
    assert variant.path == Path("v.toml")
    assert variant.bases == (Path("base.toml"),)
    assert base.bases == ()


def test_tables_are_laid_upon_those_of_the_base_and_other_values_take_their_place(folder: Path) -> None:
    recipe = load_variant(
        'extends = "base.toml"\nnsamples = 4\ngroups.a = 0.25\ngroups.b = 0.75\nchat.template.width = 2\n'
        'hygiene.languages = ["sk"]\nsources.one.weight = 3\n'
        'sources.two = { group = "b", type = "jsonl", where = "rows" }\n'
        'sources.three = { group = "b", type = "text", where = "three" }\n'
        '[[exclude]]\nname = "test"\nwhere = "newer"\n'
        '[[exclude]]\nname = "third"\ntype = "text"\nwhere = "third"\n'
    )
    assert (recipe.name, recipe.nsamples, recipe.groups) == ("v", 4, {"a": 0.25, "b": 0.75})
    assert recipe.chat.template == {"depth": "low", "width": 2}
    assert (recipe.hygiene.pii, recipe.hygiene.languages) == ("mask", ("sk",))
    one, two, _ = recipe.sources.values()
    assert (one.weight, one.where[0], one.type) == (3, "texts", "text")
    assert (two.type, two.where) == ("jsonl", ("rows",))
    assert {name: source.where for name, source in recipe.exclude.items()} == {
        "test": ("newer",), "other": ("other",), "third": ("third",),
    }  # fmt: skip


def test_a_variant_does_not_write_over_the_files_of_its_base(folder: Path) -> None:
    (folder / "base.toml").write_text(
        'output = "all.jsonl"\n' + BASE + '[holdout]\nnsamples = 4\noutput = "held.jsonl"\n', "utf-8"
    )
    variant = load_variant('extends = "base.toml"\n')
    assert variant.holdout is not None
    assert (variant.name, variant.output) == ("v", None)
    assert (variant.holdout.nsamples, variant.holdout.output) == (4, None)
    own = load_variant(
        'extends = "base.toml"\nname = "own"\noutput = "own.jsonl"\nholdout.output = "o.jsonl"\n'
    )
    assert own.holdout is not None
    assert (own.name, own.output, own.holdout.output) == ("own", "own.jsonl", "o.jsonl")
    assert parse_recipe('extends = "quickstart"\n').name == "quickstart"
    (folder / "my own.toml").write_text('extends = "base.toml"\n', "utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe("my own.toml")
    assert caught.value.faults == (
        "my own.toml: name: is missing, and the file's own, 'my own', can't be one: letters, digits, . _ -",
    )
    assert load_recipe("my own.toml", overrides=["name=mine"]).name == "mine"


def test_false_leaves_out_what_the_base_has(folder: Path) -> None:
    recipe = load_variant(
        'extends = "base.toml"\nexclude = false\nhygiene = false\n'
        "groups.b = false\ngroups.a = 1.0\nsources.two = false\n"
    )
    assert list(recipe.sources) == ["one"]
    assert (recipe.exclude, recipe.groups, recipe.hygiene.pii) == ({}, {"a": 1.0}, "keep")
    assert find_faults('extends = "base.toml"\nsources.tow = false\nholdout = false\n') == [
        "v.toml: sources.tow: false leaves out what the base has, and it has none of this name",
        "v.toml: holdout: false leaves out what the base has, and it has none of this name",
    ]
    assert find_faults("sources.two = false\n")[0] == "v.toml: sources.two: must be a table"
    assert find_faults('extends = "base.toml"\nsources.tow.weight = 2\n') == [
        "v.toml: sources.tow.type: is missing; is sources.two meant? `calibset sources` lists the adapters"
    ]


def test_names_of_sources_are_compared_only_where_one_has_no_type_and_they_are_not_very_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[str] = []

    def compare(name: str, others: list[str], n: int) -> list[str]:
        compared.append(name)
        return others[:n]

    monkeypatch.setattr("calibset.recipe.loader.get_close_matches", compare)
    one = 'name = "v"\ntokenizer = "t"\ngroups.a = 1.0\nsources.odd.group = "a"\n'

    def find(count: int) -> str:
        table = '= {type = "text", group = "a", where = "x"}'
        with pytest.raises(RecipeError) as caught:
            parse_recipe(one + "".join(f"sources.s{number} {table}\n" for number in range(count)))
        return caught.value.faults[0]

    said = "recipe: sources.odd.type: is missing; {}`calibset sources` lists the adapters"
    assert find(9) == said.format("is sources.s0 meant? ")
    assert compared == ["odd"]
    assert find(1_000) == said.format("")
    assert compared == ["odd"]


def test_overrides_come_last(folder: Path) -> None:
    (folder / "v.toml").write_text('extends = "base.toml"\nnsamples = 4\n', "utf-8")
    assert load_recipe("v.toml", overrides=["nsamples=2", "sources.one.weight=5"]).sources["one"].weight == 5
    changed = change_recipe(load_recipe("v.toml"), {"seed": 7})
    assert (changed.seed, changed.nsamples, changed.bases) == (7, 4, (Path("base.toml"),))


def test_relative_paths_of_a_base_are_those_of_its_folder(folder: Path) -> None:
    recipe = load_variant('extends = "sub/base.toml"\nsources.two.where = "mine.csv"\n')
    assert recipe.sources["one"].where == ("sub/texts", "hf://datasets/they/texts", "/srv/texts")
    assert recipe.sources["one"].fallbacks == (("sub/more",), ("sub/these", "sub/those"))
    assert recipe.sources["two"].where == ("mine.csv",)
    assert recipe.exclude["test"].where == ("sub/test",)
    assert recipe.tokenizer == "sub/model"


def test_a_base_may_extend_another(folder: Path) -> None:
    (folder / "sub" / "middle.toml").write_text(
        'extends = "base.toml"\nname = "middle"\nnsamples = 3\n', "utf-8"
    )
    recipe = load_variant('extends = "sub/middle.toml"\nseed = 1\n')
    assert (recipe.name, recipe.nsamples, recipe.seed) == ("v", 3, 1)
    assert recipe.sources["two"].where == ("sub/table.csv",)
    assert recipe.bases == (Path("sub/middle.toml"), Path("sub/base.toml"))


def test_a_fault_is_told_with_the_file_that_it_is_in(folder: Path) -> None:
    (folder / "bad.toml").write_text(BASE.replace("separator", "seperator") + "[wrong]\n", "utf-8")
    faults = find_faults('extends = "bad.toml"\nseed = -1\nsources.two.weight = -2\n', "nsamples=0")
    assert faults == [
        "bad.toml: sources.one.seperator: unknown key; did you mean separator?",
        "v.toml: sources.two.weight: must be above 0, got -2",
        "v.toml: seed: must be at least 0, got -1",
        "v.toml: nsamples: must be above 0, got 0",
        "bad.toml: wrong: unknown key",
    ]
    assert find_faults('extends = "base.toml"\ngroups.a = 0.9\n') == [
        "v.toml: groups: shares must sum to 1, got 1.4"
    ]


@pytest.mark.parametrize(
    ("base", "fault"),
    [
        ('"gone.toml"', "gone.toml: no such file in the folder of the recipe"),
        ('"sub"', "no recipe 'sub' in the gallery; there are {names}; the path of a file ends in .toml"),
        (
            '"codign"',
            "no recipe 'codign' in the gallery; did you mean coding?; the path of a file ends in .toml",
        ),
        ('"../base.toml"', "../base.toml leads out of the folder of the recipe; {where}"),
        ('"sub/../base.toml"', "sub/../base.toml leads out of the folder of the recipe; {where}"),
        ('"/etc/base.toml"', "/etc/base.toml leads out of the folder of the recipe; {where}"),
        ('"link.toml"', "link.toml leads out of the folder of the recipe; {where}"),
        (
            "1",
            "must be the path of a .toml file or the name of a recipe that `calibset recipes` lists, got 1",
        ),
        (
            '""',
            "must be the path of a .toml file or the name of a recipe that `calibset recipes` lists, got ''",
        ),
        ('"v.toml"', "goes in a circle: v.toml → v.toml"),
        ('"round.toml"', "goes in a circle: v.toml → round.toml → v.toml"),
    ],
)
def test_a_base_that_is_none(folder: Path, base: str, fault: str) -> None:
    outside = folder.parent / f"{folder.name}-outside.toml"
    outside.write_text(BASE, "utf-8")
    (folder / "link.toml").symlink_to(outside)
    (folder / "round.toml").write_text('extends = "v.toml"\n', "utf-8")
    where = "a base is in that folder or below it, or in the gallery"
    place = "round.toml" if "round" in base else "v.toml"
    expected = fault.format(names=", ".join(list_gallery()), where=where)
    assert find_faults(f"extends = {base}\n") == [f"{place}: extends: {expected}"]


def test_a_base_is_read_as_recipes_are(folder: Path) -> None:
    (folder / "bad.toml").write_text("name = \n", "utf-8")
    (fault,) = find_faults('extends = "bad.toml"\n')
    assert fault.startswith("bad.toml: not valid TOML: ")
    (folder / "bad.toml").write_bytes(b"\xff")
    assert find_faults('extends = "bad.toml"\n') == ["bad.toml: can't be read: not UTF-8 text"]


def test_a_base_is_named_in_the_file_alone(folder: Path) -> None:
    with pytest.raises(RecipeError, match=r"^base.toml: extends: is read in the recipe's own file only"):
        load_recipe("base.toml", overrides=["extends=coding"])


def test_a_recipe_of_the_gallery_reads_its_own_samples_and_leaves_other_paths_to_the_user() -> None:
    quick = parse_recipe('extends = "quickstart"\nnsamples = 8\n')
    assert quick.sources["skwiki"].where == (str(find_gallery() / "samples" / "skwiki"),)
    assert portable_recipe(quick)["sources"]["skwiki"]["where"] == ["skwiki"]
    legal = parse_recipe('extends = "german-legal"\nname = "mine"\n')
    assert legal.sources["vertraege"].where == ("vertraege",)
    assert legal.bases == (find_gallery_recipe("german_legal"),)


def test_a_variant_builds_what_its_resolved_recipe_builds(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write_small(tmp_path / "sub")
    variant = tmp_path / "variant.toml"
    variant.write_text(
        'extends = "sub/recipe.toml"\nname = "variant"\nnsamples = 8\nsources.ships = false\n', "utf-8"
    )
    built = build(variant)
    built.write(tmp_path / "variant.jsonl")
    recorded = built.manifest.recipe
    assert recorded["sources"]["fish"]["where"] == ["sub/fish"]
    assert "extends" not in recorded
    again = build(tmp_path / "variant.manifest.json")
    assert [sample.text for sample in again] == [sample.text for sample in built]


def test_an_adapter_may_lie_beside_the_base(folder: Path) -> None:
    (folder / "sub" / "own_adapter.py").write_text(
        "from calibset.sources.adapters.text import Text\n\n"
        "class Own(Text):\n    type: str = 'own_adapter:Own'\n"
    )
    text = BASE.replace('type = "text"', 'type = "own_adapter:Own"', 1)
    (folder / "sub" / "base.toml").write_text(text, "utf-8")
    (folder / "v.toml").write_text('extends = "sub/base.toml"\n', "utf-8")
    before = list(sys.path)
    assert load_recipe("v.toml", allow_code=True).sources["one"].type == "own_adapter:Own"
    assert sys.path == before
    assert os.getcwd() == str(folder)  # noqa: PTH109
