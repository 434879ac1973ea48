from __future__ import annotations

from pathlib import Path

import pytest

from calibset.core.errors import LockError, OutputError
from calibset.dataset.diff import Difference
from calibset.dataset.lockfile import Lock
from calibset.pipeline.locking import LockUse, find_lock_differences, read_existing_lock, require_unchanged
from calibset.recipe.loader import load_recipe, parse_recipe
from calibset.recipe.model import Recipe
from tests.dataset.test_lockfile import LOCK
from tests.small import RECIPE


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    path = tmp_path / "small.toml"
    path.write_text(RECIPE, "utf-8")
    return load_recipe(path)


def difference(what: str) -> Difference:
    return Difference(key=what, before="1", after="2")


def test_the_lock_beside_a_recipe_is_known_unless_it_is_to_be_ignored(recipe: Recipe, tmp_path: Path) -> None:
    assert read_existing_lock(recipe) is None
    LOCK.write(tmp_path / "small.lock")
    assert read_existing_lock(recipe) == read_existing_lock(recipe, "require") == LOCK
    assert read_existing_lock(recipe, "ignore") is None


@pytest.mark.parametrize("use", ["use", "require"])
def test_a_broken_lock_is_an_error_unless_it_is_to_be_ignored(
    recipe: Recipe, tmp_path: Path, use: LockUse
) -> None:
    path = tmp_path / "small.lock"
    path.write_text("{")
    with pytest.raises(OutputError) as caught:
        read_existing_lock(recipe, use)
    assert str(caught.value) == (
        f"{path}: is not a lock of this version of calibset; renew it with `calibset lock`"
    )
    assert read_existing_lock(recipe, "ignore") is None


def test_a_lock_that_is_required_must_be_there(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(LockError) as caught:
        read_existing_lock(recipe, "require")
    assert str(caught.value) == (
        f"{tmp_path / 'small.lock'}: there is no lock; write one with `calibset lock`"
    )


def test_a_recipe_that_stands_in_no_file_has_no_lock() -> None:
    recipe = parse_recipe(RECIPE)
    assert read_existing_lock(recipe) is None
    with pytest.raises(LockError) as caught:
        read_existing_lock(recipe, "require")
    assert str(caught.value) == "small: there is no lock; write one with `calibset lock`"


def test_a_lock_is_like_itself_and_anything_is_like_none(tmp_path: Path) -> None:
    LOCK.write(tmp_path / "x.lock")
    found = Lock.read(tmp_path / "x.lock")
    assert (
        find_lock_differences(found, LOCK)
        == find_lock_differences(LOCK, LOCK)
        == find_lock_differences(None, LOCK)
        == ()
    )


NEWER = LOCK.model_copy(update={"versions": {"calibset": "0.2", "pyarrow": "21"}})


def test_versions_alone_are_no_difference() -> None:
    assert find_lock_differences(LOCK, NEWER) == ()


def test_versions_are_named_last_where_something_else_differs() -> None:
    made: Lock = NEWER.model_copy(update={"sha256": "99" * 32})
    assert find_lock_differences(LOCK, made) == (
        Difference(key="sha256", before="ef" * 32, after="99" * 32),
        Difference(key="versions.calibset", before="0.1", after="0.2"),
        Difference(key="versions.pyarrow", before=None, after="21"),
    )


def test_nothing_changed_is_as_locked(recipe: Recipe) -> None:
    require_unchanged(recipe, ())


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (1, "a: 1 → 2"),
        (5, "a: 1 → 2; b: 1 → 2; c: 1 → 2; d: 1 → 2; e: 1 → 2"),
        (6, "a: 1 → 2; b: 1 → 2; c: 1 → 2; d: 1 → 2; e: 1 → 2; and 1 more"),
        (8, "a: 1 → 2; b: 1 → 2; c: 1 → 2; d: 1 → 2; e: 1 → 2; and 3 more"),
    ],
)
def test_the_first_differences_are_named(recipe: Recipe, tmp_path: Path, count: int, named: str) -> None:
    with pytest.raises(LockError) as caught:
        require_unchanged(recipe, tuple(map(difference, "abcdefgh"[:count])))
    assert str(caught.value) == (
        f"{tmp_path / 'small.lock'}: the build differs from the lock: {named}; "
        "nothing was written, `calibset lock` renews it"
    )
