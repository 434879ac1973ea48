from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calibset.core.errors import OutputError
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.diff import Difference, diff, shorten
from calibset.dataset.lockfile import Lock, LockedFile, LockedSource
from calibset.dataset.manifest import Manifest, SampleReport
from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from tests.small import write_small


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> CalibrationSet:
    """The small set."""
    return build(load_recipe(write_small(tmp_path_factory.mktemp("small"))))


@pytest.fixture(scope="module")
def manifest(built: CalibrationSet) -> Manifest:
    return built.manifest


@pytest.fixture(scope="module")
def lock(built: CalibrationSet) -> Lock:
    return built.lock


def changes(before: Manifest | Lock, after: Manifest | Lock) -> dict[str, tuple[str | None, str | None]]:
    """Return the differences by key, which must be the same with before and after exchanged."""
    forwards = {change.key: (change.before, change.after) for change in diff(before, after)}
    backwards = {change.key: (change.after, change.before) for change in diff(after, before)}
    assert forwards.keys() == backwards.keys()
    assert all(forwards[key] == backwards[key] for key in forwards if not key.endswith(".documents"))
    return forwards


def with_source(lock: Lock, name: str, **values: Any) -> Lock:
    source = lock.sources[name].model_copy(update=values)
    return lock.model_copy(update={"sources": {**lock.sources, name: source}})


def test_equal_records_have_no_differences(manifest: Manifest, lock: Lock) -> None:
    assert diff(manifest, Manifest.model_validate_json(manifest.to_json())) == ()
    assert diff(lock, Lock.model_validate_json(lock.model_dump_json())) == ()


def test_differences_change_nothing(manifest: Manifest) -> None:
    text = manifest.to_json()
    diff(manifest, manifest)
    assert manifest.to_json() == text


def test_a_manifest_and_a_lock_can_not_be_compared(manifest: Manifest, lock: Lock) -> None:
    for before, after in ((manifest, lock), (lock, manifest)):
        with pytest.raises(OutputError) as caught:
            diff(before, after)
        assert str(caught.value) == "a manifest and a lock can't be compared; name two files of the same kind"


def test_what_both_records_hold_is_compared(manifest: Manifest, lock: Lock) -> None:
    for record in (manifest, lock):
        update = {
            "name": "large",
            "versions": {**record.versions, "rdflib": "1", "x": "2"},
            "sha256": "00" * 32,
        }
        assert changes(record, record.model_copy(update=update)) == {
            "name": ("small", "large"),
            "versions.rdflib": (record.versions["rdflib"], "1"),
            "versions.x": (None, "2"),
            "sha256": (record.sha256, "00" * 32),
        }


def test_the_recipe_is_compared_key_by_key(lock: Lock) -> None:
    fish = {**lock.recipe["sources"]["fish"], "weight": 3.0, "revision": "v2", "where": ["fish", "nets"]}
    groups = {"sea": 1.0}
    recipe = {**lock.recipe, "seed": 7, "sources": {**lock.recipe["sources"], "fish": fish}, "groups": groups}
    assert changes(lock, lock.model_copy(update={"recipe": recipe})) == {
        "recipe.seed": ("42", "7"),
        "recipe.groups.sea": ("0.6", "1.0"),
        "recipe.groups.land": ("0.4", None),
        "recipe.sources.fish.weight": ("2.0", "3.0"),
        "recipe.sources.fish.revision": (None, "v2"),
        "recipe.sources.fish.where": ("['fish']", "['fish', 'nets']"),
    }


def test_a_key_of_another_packages_adapter_may_hold_anything(lock: Lock) -> None:
    def asking(value: object) -> Lock:
        fish = {**lock.recipe["sources"]["fish"], "filters": value}
        recipe = {**lock.recipe, "sources": {**lock.recipe["sources"], "fish": fish}}
        return lock.model_copy(update={"recipe": recipe})

    what = "recipe.sources.fish.filters"
    assert changes(asking([{"column": "a"}]), asking([{"column": "b"}, 3])) == {
        what: ("[{'column': 'a'}]", "[{'column': 'b'}, 3]")
    }
    assert changes(asking([]), asking({})) == {what: ("[]", None)}
    assert changes(asking(None), asking(True)) == {what: (None, "True")}


def test_a_tokenizer_of_other_contents_differs(manifest: Manifest, lock: Lock) -> None:
    for record in (manifest, lock):
        other = record.tokenizer.model_copy(update={"sha256": "00" * 32})
        changed = changes(record, record.model_copy(update={"tokenizer": other}))
        assert changed == {"tokenizer.sha256": (record.tokenizer.sha256, "00" * 32)}


def test_a_locks_files_are_compared(lock: Lock) -> None:
    file = lock.sources["fish"].files["a.jsonl"]
    other = LockedFile(size=None, extents=((0, 3), (5, 9)), sha256="00" * 32)
    assert changes(lock, with_source(lock, "fish", revision="c0ffee", files={"a.jsonl": other})) == {
        "sources.fish.revision": (None, "c0ffee"),
        "sources.fish.files.a.jsonl.size": ("2673", None),
        "sources.fish.files.a.jsonl.extents": ("[[0, 2673]]", "[[0, 3], [5, 9]]"),
        "sources.fish.files.a.jsonl.sha256": (file.sha256, "00" * 32),
    }
    assert changes(lock, with_source(lock, "fish", files={})) == {
        "sources.fish.files.a.jsonl.size": ("2673", None),
        "sources.fish.files.a.jsonl.extents": ("[[0, 2673]]", None),
        "sources.fish.files.a.jsonl.sha256": (file.sha256, None),
    }


def test_a_source_that_a_lock_has_not_differs_in_all(lock: Lock) -> None:
    more = {
        **lock.sources,
        "birds": LockedSource(location="hf://datasets/them/birds", revision="c0ffee", files={}),
    }
    assert changes(lock, lock.model_copy(update={"sources": more})) == {
        "sources.birds.location": (None, "hf://datasets/them/birds"),
        "sources.birds.revision": (None, "c0ffee"),
    }


def test_what_was_repaired_in_conversations_is_compared_by_reason(manifest: Manifest) -> None:
    first, *others = manifest.sources
    old, new = ({"no answer": 3, "not quite JSON": 1}, {"no answer": 12})
    before, after = (
        manifest.model_copy(
            update={
                "sources": (first.model_copy(update={"conversations_repaired": counts}), *others),
            }
        )
        for counts in (old, new)
    )
    key = f"sources.{first.name}.conversations_repaired"
    assert changes(before, after) == {
        f"{key}.no answer": ("3", "12"),
        f"{key}.not quite JSON": ("1", None),
    }


def test_a_manifests_groups_and_sources_are_told_by_name_not_by_order(manifest: Manifest) -> None:
    turned = {"groups": manifest.groups[::-1], "sources": manifest.sources[::-1]}
    assert changes(manifest, manifest.model_copy(update=turned)) == {}


def test_a_manifests_sources_are_compared(manifest: Manifest) -> None:
    fish = manifest.sources[0].model_copy(update={"achieved": 7, "rejections": {"empty text": 3}})
    sea = manifest.groups[0].model_copy(update={"achieved": 11})
    update = {"sources": (fish, *manifest.sources[1:]), "groups": (sea, *manifest.groups[1:])}
    assert changes(manifest, manifest.model_copy(update=update)) == {
        "groups.sea.achieved": ("12", "11"),
        "sources.fish.achieved": ("8", "7"),
        "sources.fish.rejections.empty text": (None, "3"),
    }
    gone = changes(manifest, manifest.model_copy(update={"sources": manifest.sources[1:]}))
    assert {what.rpartition(".")[0] for what in gone} == {"sources.fish"}
    assert gone["sources.fish.licence"] == ("CC0-1.0", None)
    assert gone["sources.fish.asked"] == ("8", None)


def row(source: str, *documents: str) -> SampleReport:
    spans = [
        {"document": document, "start": start, "end": start + 1, "whole": True, "filler": False}
        for start, document in enumerate(documents)
    ]
    return SampleReport.model_validate({"source": source, "tokens": 64, "documents": spans})


def test_documents_are_compared_by_source(manifest: Manifest) -> None:
    def of(*rows: SampleReport) -> Manifest:
        return manifest.model_copy(update={"samples": rows})

    before = of(row("fish", "a", "b"), row("fish", "b", "c"), row("ships", "a"), row("trees", "x"))
    after = of(row("ships", "a"), row("fish", *"cdefgh"), row("rest", "y"), row("trees", "x"))
    assert diff(before, after) == (
        Difference(
            key="sources.fish.documents",
            before="2 only here (a, b)",
            after="5 only here (d, e, f and 2 more)",
        ),
        Difference(key="sources.rest.documents", before=None, after="1 only here (y)"),
    )
    assert changes(after, before)["sources.fish.documents"] == (
        "5 only here (d, e, f and 2 more)",
        "2 only here (a, b)",
    )
    many = of(row("fish", *map(str, range(2_000))))
    (change,) = diff(of(), many)
    assert str(change) == "sources.fish.documents: nothing → 2,000 only here (0, 1, 2 and 1,997 more)"


def test_two_builds_differ_in_what_was_asked_and_what_came_of_it(tmp_path: Path) -> None:
    path = write_small(tmp_path)
    first, second = build(load_recipe(path)), build(load_recipe(path, overrides=["seed=7"]))
    changed = changes(first.manifest, second.manifest)
    assert changed["recipe.seed"] == ("42", "7")
    assert changed["sha256"] == (first.manifest.sha256, second.manifest.sha256)
    assert {what for what in changed if what.endswith(".documents")} == {
        "sources.fish.documents",
        "sources.ships.documents",
        "sources.trees.documents",
    }
    assert set(changes(first.lock, second.lock)) == {"recipe.seed", "sha256"}


@pytest.mark.parametrize(
    ("value", "short"),
    [
        (None, "nothing"),
        ("", ""),
        ("main", "main"),
        ("ab" * 20, "abababababababab…"),
        ("ab" * 32, "abababababababab…"),
        ("ab" * 19, "ab" * 19),
        ("ab" * 25, "ab" * 25),
        ("AB" * 20, "AB" * 20),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 99 + "…"),
    ],
)
def test_hashes_and_long_values_are_shortened(value: str | None, short: str) -> None:
    assert shorten(value) == short


def test_a_difference_is_a_line() -> None:
    change = Difference(key="sources.pile.revision", before="ab" * 20, after=None)
    assert str(change) == "sources.pile.revision: abababababababab… → nothing"
