from __future__ import annotations

from pathlib import Path

import pytest

from calibset.core.errors import NotThereError, OfflineError, RecipeError, SourceError
from calibset.dataset.lockfile import Lock, LockedSource
from calibset.dataset.manifest import TokenizerIdentity
from calibset.pipeline.readers import open_reader, open_readers, open_storage
from calibset.recipe.loader import load_recipe
from calibset.recipe.model import Recipe
from calibset.storage import Cache, Mirror, Storage
from tests.small import corpus, write_small
from tests.storage.loopback import COMMIT, Loopback

HUB = "hf://datasets/them/fish"
URL = "https://example.org/ships.jsonl"
LATER = "beef" * 10
GONE = "dead" * 10


def small(folder: Path, *overrides: str) -> Recipe:
    return load_recipe(write_small(folder), overrides=overrides)


def locked(recipe: Recipe, **places: tuple[str, str | None]) -> Lock:
    """Return a lock of the recipe with some sources' places and commits."""
    return Lock(
        name=recipe.name,
        recipe=recipe.model_dump(mode="json"),
        versions={},
        tokenizer=TokenizerIdentity(name="", sha256=""),
        sources={
            name: LockedSource(location=place, revision=revision, files={})
            for name, (place, revision) in places.items()
        },
        sha256="",
    )


def found(
    name: str, recipe: Recipe, lock: Lock | None = None, *, offline: bool = False
) -> tuple[str, str | None]:
    opened = open_reader(name, recipe, open_storage(recipe, None, (), offline=offline), lock)
    return opened.location, opened.revision


# --- storage ------------------------------------------------------------------------------


def test_the_storage_is_what_recipe_arguments_and_environment_say(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small(tmp_path)
    assert open_storage(recipe, None, ()) == Storage(recipe_folder=tmp_path, cache=cache)
    monkeypatch.setenv("CALIBSET_DATA", str(tmp_path / "fish"))
    monkeypatch.setenv("CALIBSET_MIRRORS", "https://c/=https://d/  https://e/=https://f/")
    mirrors = (Mirror("https://a/", "https://b/"), Mirror("https://c/", "https://d/"))
    assert open_storage(recipe, None, ["https://a/=https://b/"], offline=True) == Storage(
        recipe_folder=tmp_path,
        data_folder=tmp_path / "fish",
        mirrors=(*mirrors, Mirror("https://e/", "https://f/")),
        cache=Cache(cache.folder, offline=True),
    )
    assert open_storage(recipe, str(tmp_path / "rest"), ()).data_folder == tmp_path / "rest"


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("on", True), ("0", False), ("", False)])
def test_the_hubs_own_switch_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, offline: bool
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert open_storage(small(tmp_path), None, ()).cache.offline is offline


def test_a_data_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        open_storage(small(tmp_path), "nowhere", ())
    assert str(caught.value) == "--data nowhere: no such folder"


# --- a locked place -----------------------------------------------------------------------


def test_without_a_lock_the_branch_is_read(tmp_path: Path, hub: Loopback) -> None:
    recipe = small(tmp_path, f"sources.fish.where={HUB}")
    hub.repositories["them/fish"] = {"a.jsonl": b"{}"}
    assert found("fish", recipe) == (HUB, COMMIT)
    hub.move_on(LATER)
    assert found("fish", recipe) == (HUB, LATER)
    assert found("fish", recipe, locked(recipe)) == (HUB, LATER)


def test_a_locked_commit_is_read_though_the_branch_has_moved_on(tmp_path: Path, hub: Loopback) -> None:
    recipe = small(tmp_path, f"sources.fish.where={HUB}", "sources.fish.revision=main")
    hub.repositories["them/fish"] = {"a.jsonl": b"{}"}
    hub.move_on(LATER)
    assert found("fish", recipe, locked(recipe, fish=(HUB, COMMIT))) == (HUB, COMMIT)


def test_another_branch_is_read_where_the_recipe_names_one_since(tmp_path: Path, hub: Loopback) -> None:
    recipe = small(tmp_path, f"sources.fish.where={HUB}")
    lock = locked(recipe, fish=(HUB, COMMIT))
    hub.repositories["them/fish"] = {"a.jsonl": b"{}"}
    hub.move_on(LATER)
    path = tmp_path / "recipe.toml"
    asking = [f"sources.fish.where={HUB}", "sources.fish.revision=main"]
    assert found("fish", load_recipe(path, overrides=asking), lock) == (HUB, LATER)


def test_a_locked_place_is_read_though_an_earlier_one_has_appeared(tmp_path: Path) -> None:
    recipe = small(tmp_path, 'sources.fish.where="nets"', 'sources.fish.fallbacks=["fish"]')
    lock = locked(recipe, fish=("fish", None))
    (tmp_path / "nets").mkdir()
    assert found("fish", recipe) == ("nets", None)
    assert found("fish", recipe, lock) == ("fish", None)


def test_so_it_is_where_the_recipe_names_absolute_paths(tmp_path: Path) -> None:
    nets, fish = str(tmp_path / "nets"), str(tmp_path / "fish")
    recipe = small(tmp_path, f'sources.fish.where="{nets}"', f'sources.fish.fallbacks=["{fish}"]')
    lock = locked(recipe, fish=("fish", None))
    (tmp_path / "nets").mkdir()
    assert found("fish", recipe) == (nets, None)
    assert found("fish", recipe, lock) == (fish, None)


def test_another_place_is_read_where_the_recipe_names_one_since(tmp_path: Path) -> None:
    lock = locked(small(tmp_path), fish=("fish", None))
    recipe = load_recipe(tmp_path / "recipe.toml", overrides=["sources.fish.where=rest"])
    assert found("fish", recipe, lock) == ("rest", None)


def test_a_locked_place_that_is_gone_is_an_error_that_names_the_lock(tmp_path: Path, hub: Loopback) -> None:
    recipe = small(
        tmp_path,
        'sources.fish.where="nets"',
        'sources.fish.fallbacks=["fish"]',
        f'sources.ships.where="{HUB}"',
        'sources.ships.fallbacks=["ships"]',
    )
    lock = locked(recipe, fish=("nets", None), ships=(HUB, GONE))
    with pytest.raises(SourceError) as caught:
        found("fish", recipe, lock)
    assert str(caught.value) == (
        f"nets: no such file or folder under {tmp_path}; set --data DIR to where the corpora are; "
        "the lock names it, `calibset lock` renews it"
    )
    with pytest.raises(SourceError) as caught:
        found("ships", recipe, lock)
    assert str(caught.value) == (
        f"{HUB}: no such dataset repository; check its name, or log in with `hf auth login` if it is "
        "private; the lock names it, `calibset lock` renews it"
    )
    hub.repositories["them/fish"] = {"a.jsonl": b"{}"}
    with pytest.raises(SourceError) as caught:
        found("ships", recipe, lock)
    assert str(caught.value) == (
        f"{HUB}: no revision '{GONE}'; name a branch, tag or commit that is there; "
        "the lock names it, `calibset lock` renews it"
    )


def test_a_place_that_was_never_there_is_no_matter_of_the_lock(tmp_path: Path) -> None:
    recipe = small(tmp_path, "sources.fish.where=nets")
    with pytest.raises(SourceError) as caught:
        found("fish", recipe, locked(recipe, fish=("fish", None)))
    assert str(caught.value) == (
        f"nets: no such file or folder under {tmp_path}; set --data DIR to where the corpora are"
    )


# --- all places ---------------------------------------------------------------------------


def test_all_places_are_opened_in_the_recipes_order(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    opened = open_readers(recipe, open_storage(recipe, None, ()))
    assert [(name, one.location) for name, one in opened.items()] == [
        ("fish", "fish"), ("ships", "ships"), ("trees", "trees"), ("rest", "rest"),
    ]  # fmt: skip


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    recipe = small(tmp_path, "sources.ships.where=gone")
    with pytest.raises(SourceError) as caught:
        open_readers(recipe, open_storage(recipe, None, ()))
    assert type(caught.value) is NotThereError
    assert str(caught.value) == (
        f"sources.ships: gone: no such file or folder under {tmp_path}; set --data DIR to where the corpora "
        "are"
    )


def test_offline_all_sources_that_need_a_server_are_named(tmp_path: Path, hub: Loopback) -> None:
    words = ['sources.fish.where="gone"', f'sources.fish.fallbacks=["{HUB}"]', f"sources.ships.where={URL}"]
    recipe = small(tmp_path, *words, f'sources.trees.where="{HUB}"', 'sources.trees.fallbacks=["trees"]')
    with pytest.raises(OfflineError) as caught:
        open_readers(recipe, open_storage(recipe, None, (), offline=True))
    assert str(caught.value) == (
        "offline, and not in the cache: sources.fish, sources.ships, sources.trees; build once without "
        "--offline, or set CALIBSET_CACHE to a cache that holds them"
    )
    assert hub.asked == []


def test_offline_a_locked_commit_is_found_in_the_cache(tmp_path: Path, hub: Loopback) -> None:
    recipe = small(tmp_path, f"sources.fish.where={HUB}")
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 1)}
    assert found("fish", recipe) == (HUB, COMMIT)
    hub.move_on(LATER)
    assert found("fish", recipe) == (HUB, LATER)
    before = list(hub.asked)
    assert found("fish", recipe, locked(recipe, fish=(HUB, COMMIT)), offline=True) == (HUB, COMMIT)
    assert found("fish", recipe, offline=True) == (HUB, LATER)
    with pytest.raises(OfflineError) as caught:
        found("fish", recipe, locked(recipe, fish=(HUB, GONE)), offline=True)
    assert str(caught.value) == f"{HUB}: not in the cache"
    assert hub.asked == before
