"""Builds held against the lock beside their recipe."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

import calibset
from calibset.core.errors import (
    LockError,
    OfflineError,
    OutputError,
    SourceError,
)
from calibset.dataset.calibration_file import row_bytes
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.lockfile import Lock, LockedFile, lock_path
from calibset.recipe.loader import load_recipe, parse_recipe
from calibset.sources.sampling.interleave import ORDER
from calibset.storage import Cache
from tests.letters import write_letters
from tests.pipeline.small_builds import small
from tests.small import RECIPE, corpus, write_small
from tests.storage.loopback import COMMIT, Fault, Loopback

# --- a lock -------------------------------------------------------------------------------

FISH = "hf://datasets/them/fish"
LATER = "beef" * 10


@pytest.fixture
def on_hub(tmp_path: Path, hub: Loopback) -> Path:
    """The small recipe, locked with the fish on the hub, whose main branch has moved on since."""
    path = write_small(tmp_path)
    fallback = f'where = "nets"\nfallbacks = ["{FISH}"]'
    path.write_text(path.read_text().replace('where = "fish"', fallback))
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30)}
    calibset.build(path).lock.write(tmp_path / "recipe.lock")
    hub.move_on(LATER)
    hub.repositories["them/fish"] = {"a.jsonl": corpus("cod", 30), "b.jsonl": corpus("eel", 30)}
    return path


def fish_of(built: CalibrationSet) -> tuple[str, str | None, str]:
    """Return where the fish were read, and what they are called."""
    source = built.manifest.sources[0]
    (word,) = {sample.text.split()[0] for sample in built if sample.source == "fish"} & {"fish", "cod", "eel"}
    return source.location, source.revision, word


def test_a_lock_holds_what_a_build_depended_on(tmp_path: Path, hub: Loopback) -> None:
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30), "README.md": b"fish"}
    hub.files["/m/ships.jsonl"] = corpus("ships", 30)
    recipe = small(
        tmp_path,
        f"sources.fish.where={FISH}",
        "sources.fish.revision=main",
        'sources.ships.where="https://example.org/ships.jsonl"',
        'sources.trees.where="gone"',
        'sources.trees.fallbacks=["trees"]',
    )
    mirror = f"https://example.org/={hub.address}/m/"
    built = calibset.build(recipe, mirrors=[mirror])
    lock, manifest = built.lock, built.manifest
    assert (lock.format, lock.name, lock.sha256) == (1, "small", hashlib.sha256(row_bytes(built)).hexdigest())
    assert (lock.recipe, lock.versions, lock.tokenizer) == (
        manifest.recipe,
        manifest.versions,
        manifest.tokenizer,
    )
    assert {name: (source.location, source.revision) for name, source in lock.sources.items()} == {
        "fish": (FISH, COMMIT),
        "ships": ("https://example.org/ships.jsonl", None),
        "trees": ("trees", None),
        "rest": ("rest", None),
    }
    whole = {"fish": "a.jsonl", "ships": "ships.jsonl", "trees": "a.jsonl"}
    for name, file in whole.items():
        content = corpus(name, 30)
        assert lock.sources[name].files == {
            file: LockedFile(
                size=len(content),
                extents=((0, len(content)),),
                sha256=hashlib.sha256(content).hexdigest(),
            )
        }
    assert lock.sources["rest"].files == {}
    lock.write(tmp_path / "recipe.lock")
    assert calibset.Lock.read(tmp_path / "recipe.lock") == lock
    assert calibset.build(recipe, mirrors=[mirror], lock="require").lock == lock


def test_what_was_read_is_read_again_only_where_a_lock_wants_its_hash(tmp_path: Path) -> None:
    recipe, file = small(tmp_path), tmp_path / "fish" / "a.jsonl"
    content = file.read_bytes()
    free = calibset.build(recipe)
    whole = {name: len(corpus(name, 30)) for name in ("fish", "ships", "trees")}
    assert free.bytes_read == {**whole, "rest": 0}
    file.unlink()
    with pytest.raises((SourceError, OSError)):  # it was not read for its hash before
        _ = free.lock
    file.write_bytes(content)
    free.lock.write(tmp_path / "recipe.lock")
    compared = calibset.build(recipe)
    file.unlink()
    assert compared.lock == free.lock


def test_a_lock_says_nothing_of_this_machine(
    tmp_path: Path, hub: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secretofmine")
    hub.repositories["them/ships"] = {"a.jsonl": corpus("ships", 30)}
    recipe = small(
        tmp_path,
        f'sources.fish.where="{tmp_path / "fish"}"',
        "sources.ships.where=hf://datasets/them/ships",
        'sources.trees.where="~/nothing/here"',
        f'sources.trees.fallbacks=["{tmp_path / "trees"}"]',
        f'tokenizer="{tmp_path / "tokenizer.json"}"',
        f'output="{tmp_path / "x.jsonl"}"',
    )
    monkeypatch.setenv("CALIBSET_DATA", str(tmp_path))
    path = tmp_path / "recipe.lock"
    calibset.build(recipe).lock.write(path)
    text = path.read_text("utf-8")
    assert [one for one in (str(tmp_path), tmp_path.name, hub.address, "secret", "~") if one in text] == []
    assert calibset.build(recipe, lock="require").lock_differences == ()


def test_a_locked_commit_is_read_though_the_hub_has_moved_on(on_hub: Path) -> None:
    for use in ("use", "require"):
        built = calibset.build(on_hub, lock=use)
        assert fish_of(built) == (FISH, COMMIT, "fish")
        assert built.lock_differences == ()
    free = calibset.build(on_hub, lock="ignore")
    assert free.manifest.sources[0].revision == LATER
    assert free.lock_differences == ()
    assert sorted(free.lock.sources["fish"].files) == ["a.jsonl", "b.jsonl"]


def test_so_it_is_in_a_plan_and_a_check(on_hub: Path) -> None:
    assert [(one.revision, one.files) for one in calibset.plan(on_hub).sources[:1]] == [(COMMIT, 1)]
    assert calibset.check(on_hub)[0].stats.documents == 30
    (on_hub.parent / "recipe.lock").unlink()
    assert [(one.revision, one.files) for one in calibset.plan(on_hub).sources[:1]] == [(LATER, 2)]
    assert calibset.check(on_hub)[0].stats.documents == 60


def test_a_locked_place_is_read_though_an_earlier_one_has_appeared(on_hub: Path) -> None:
    (on_hub.parent / "fish").rename(on_hub.parent / "nets")
    assert fish_of(calibset.build(on_hub)) == (FISH, COMMIT, "fish")
    assert calibset.plan(on_hub).sources[0].location == calibset.check(on_hub)[0].location == FISH
    assert fish_of(calibset.build(on_hub, lock="ignore")) == ("nets", None, "fish")


@pytest.mark.parametrize(
    ("override", "revision", "first"),
    [
        ("sources.fish.revision=main", LATER, "recipe.sources.fish.revision: nothing → main"),
        (
            'sources.fish.fallbacks=["hf://datasets/you/fish"]',
            LATER,
            f"recipe.sources.fish.fallbacks: [['{FISH}']] → [['hf://datasets/you/fish']]",
        ),
        (
            'sources.fish.where="shoals"',
            COMMIT,
            "recipe.sources.fish.where: ['nets'] → ['shoals']",
        ),
        ("nsamples=10", COMMIT, "recipe.nsamples: 20 → 10"),
    ],
)
def test_what_the_recipe_asks_for_since_is_read(
    on_hub: Path, hub: Loopback, override: str, revision: str, first: str
) -> None:
    hub.repositories["you/fish"] = {"a.jsonl": corpus("carp", 30)}
    built = calibset.build(load_recipe(on_hub, overrides=[override]))
    assert built.manifest.sources[0].revision == revision
    assert str(built.lock_differences[0]) == first


def test_a_source_of_another_name_is_read_where_the_hub_is_now(on_hub: Path) -> None:
    on_hub.write_text(on_hub.read_text().replace("[sources.fish]", "[sources.cod]"))
    built = calibset.build(on_hub)
    assert built.manifest.sources[0].revision == LATER
    changed = {one.key: (one.before, one.after) for one in built.lock_differences}
    assert changed["sources.fish.revision"] == (COMMIT, None)
    assert changed["sources.cod.revision"] == (None, LATER)


def test_a_locked_place_that_is_gone_is_an_error_that_names_the_lock(
    on_hub: Path, hub: Loopback, cache: Cache
) -> None:
    del hub.earlier["them/fish", COMMIT]
    cache.clear()
    says = (
        f"{FISH}: no revision '{COMMIT}'; name a branch, tag or commit that is there; "
        "the lock names it, `calibset lock` renews it"
    )
    with pytest.raises(SourceError) as caught:
        calibset.build(on_hub)
    assert str(caught.value) == f"sources.fish: {says}"
    assert calibset.plan(on_hub).sources[0].problem == says
    assert calibset.check(on_hub)[0].problem == says
    assert calibset.build(on_hub, lock="ignore").manifest.sources[0].revision == LATER


def test_offline_a_locked_build_needs_no_server(on_hub: Path, hub: Loopback) -> None:
    before = list(hub.asked)
    built = calibset.build(on_hub, offline=True, lock="require")
    assert fish_of(built) == (FISH, COMMIT, "fish")
    assert calibset.plan(on_hub, offline=True).sources[0].problem is None
    assert calibset.check(on_hub, offline=True)[0].stats.documents == 30
    assert hub.asked == before


def test_offline_all_sources_that_need_a_server_are_named(tmp_path: Path, hub: Loopback) -> None:
    recipe = small(
        tmp_path, f"sources.fish.where={FISH}", "sources.rest.where=https://example.org/rest.jsonl"
    )
    with pytest.raises(OfflineError) as caught:
        calibset.build(recipe, offline=True)
    assert str(caught.value) == (
        "offline, and not in the cache: sources.fish, sources.rest; build once without --offline, or set "
        "CALIBSET_CACHE to a cache that holds them"
    )
    planned = [source.problem for source in calibset.plan(recipe, offline=True).sources]
    says = [f"{FISH}: not in the cache", None, None, "https://example.org/rest.jsonl: not in the cache"]
    assert planned == [found.problem for found in calibset.check(recipe, offline=True)] == says
    assert hub.asked == []


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """The small recipe with its lock."""
    path = write_small(tmp_path)
    calibset.build(path).lock.write(tmp_path / "recipe.lock")
    return path


def lock_at(recipe: Path) -> Lock:
    found = Lock.read(lock_path(recipe))
    assert found is not None
    return found


def relocked(recipe: Path, **update: Any) -> None:
    """Change the lock beside a recipe."""
    lock_at(recipe).model_copy(update=update).write(lock_path(recipe))


def refile(recipe: Path, **update: Any) -> None:
    """Change what the lock beside a recipe says of the fish's file."""
    sources = dict(lock_at(recipe).sources)
    file = sources["fish"].files["a.jsonl"].model_copy(update=update)
    sources["fish"] = sources["fish"].model_copy(update={"files": {"a.jsonl": file}})
    relocked(recipe, sources=sources)


def unlike(recipe: Path, *overrides: str) -> list[str]:
    """Return what a build finds other than locked; where the lock is required, that is the error."""
    asked = load_recipe(recipe, overrides=overrides)
    before = {path: path.stat().st_mtime_ns for path in recipe.parent.iterdir()}
    named = [str(one) for one in calibset.build(asked).lock_differences]
    if named:
        with pytest.raises(LockError) as caught:
            calibset.build(asked, lock="require")
        # What a recipe asks for otherwise is known before anything is read.
        first = [one for one in named if one.startswith("recipe.")] or named
        more = f"; and {len(first) - 5} more" if len(first) > 5 else ""
        assert str(caught.value) == (
            f"{lock_path(recipe)}: the build differs from the lock: {'; '.join(first[:5])}{more}; "
            "nothing was written, `calibset lock` renews it"
        )
    else:
        assert calibset.build(asked, lock="require").lock_differences == ()
    assert {path: path.stat().st_mtime_ns for path in recipe.parent.iterdir()} == before
    return named


def test_a_lock_of_an_older_order_of_reading_is_told_apart(locked: Path) -> None:
    versions = dict(lock_at(locked).versions)
    del versions["order of reading"]
    relocked(locked, versions=versions)
    assert unlike(locked) == []
    made = lock_at(locked).sha256
    relocked(locked, sha256="00" * 32)
    with pytest.raises(LockError) as caught:
        calibset.build(locked, lock="require")
    assert str(caught.value) == (
        f"{lock_path(locked)}: the build differs from the lock, which is of a calibset that reads records in "
        f"another order: sha256: 0000000000000000… → {made[:16]}…; versions.order of reading: nothing → "
        f"{ORDER}; nothing was written, `calibset lock` renews it"
    )


def test_a_build_that_is_as_locked_differs_in_nothing(locked: Path) -> None:
    assert unlike(locked) == []


def test_versions_alone_are_no_difference_but_said_beside_another(locked: Path) -> None:
    known = lock_at(locked).versions
    versions = dict.fromkeys(known.keys() - {"order of reading"}, "0.0.0")
    relocked(locked, versions={**known, **versions})
    assert unlike(locked) == []
    relocked(locked, sha256="00" * 32)
    named = unlike(locked)
    assert named[0].startswith("sha256: 0000000000000000… → ")
    assert len(named) == 1 + len(versions)
    assert all(one.startswith("versions.") for one in named[1:])


def test_another_recipe_is_named(locked: Path) -> None:
    assert unlike(locked, "description=all new") == ["recipe.description:  → all new"]
    assert unlike(locked, "seed=7")[0] == "recipe.seed: 42 → 7"
    assert unlike(locked, "sources.fish.weight=2.5")[0] == "recipe.sources.fish.weight: 2.0 → 2.5"


def test_another_tokenizer_is_named(locked: Path) -> None:
    write_letters(locked.parent, eos=True)
    named = unlike(locked)
    assert named[0].startswith("tokenizer.sha256: ")
    assert "…" in named[0]


def test_other_contents_of_the_same_size_are_named(locked: Path) -> None:
    file = locked.parent / "fish" / "a.jsonl"
    file.write_bytes(file.read_bytes().replace(b"Once upon", b"Twice upo"))
    named = unlike(locked)
    assert [one.partition(": ")[0] for one in named] == ["sources.fish.files.a.jsonl.sha256", "sha256"]


def test_contents_that_reach_no_row_are_named_too(locked: Path) -> None:
    file = locked.parent / "fish" / "a.jsonl"
    file.write_bytes(file.read_bytes().replace(b'{"text"', b'{ "text"'))
    named = unlike(locked)
    size = f"sources.fish.files.a.jsonl.size: {len(corpus('fish', 30))} → {len(corpus('fish', 30)) + 30}"
    assert named[0] == size
    assert [one.partition(": ")[0] for one in named[1:]] == ["sources.fish.files.a.jsonl.sha256"]


def test_another_size_is_named(locked: Path) -> None:
    refile(locked, size=9)
    assert unlike(locked) == [f"sources.fish.files.a.jsonl.size: 9 → {len(corpus('fish', 30))}"]


def test_another_file_is_named(locked: Path) -> None:
    (locked.parent / "fish" / "b.jsonl").write_bytes(corpus("eel", 1))
    named = unlike(locked)
    assert f"sources.fish.files.b.jsonl.size: nothing → {len(corpus('eel', 1))}" in named


def test_another_place_is_named(locked: Path) -> None:
    (locked.parent / "fish").rename(locked.parent / "nets")
    assert unlike(locked, "sources.fish.where=nets") == [
        "recipe.sources.fish.where: ['fish'] → ['nets']",
        "sources.fish.location: fish → nets",
    ]


def test_another_commit_is_named(on_hub: Path, hub: Loopback) -> None:
    sources = dict(lock_at(on_hub).sources)
    sources["fish"] = sources["fish"].model_copy(update={"revision": "main"})
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30)}
    relocked(on_hub, sources=sources)
    assert unlike(on_hub) == ["sources.fish.revision: main → beefbeefbeefbeef…"]


def test_another_output_is_named(locked: Path) -> None:
    made = lock_at(locked).sha256
    relocked(locked, sha256="00" * 32)
    assert unlike(locked) == [f"sha256: 0000000000000000… → {made[:16]}…"]


@pytest.mark.parametrize("extents", [((0, 2_000),), ((0, 10), (300, 2_001))])
def test_a_library_that_reads_a_little_more_or_less_is_no_difference(
    locked: Path, extents: tuple[tuple[int, int], ...]
) -> None:
    content = corpus("fish", 30)
    right = hashlib.sha256(b"".join(content[start:end] for start, end in extents)).hexdigest()
    refile(locked, extents=extents, sha256=right)
    assert unlike(locked) == []
    file = locked.parent / "fish" / "a.jsonl"
    file.write_bytes(content[:305] + bytes([content[305] ^ 1]) + content[306:])
    assert "sources.fish.files.a.jsonl.sha256" in {one.partition(": ")[0] for one in unlike(locked)}


def test_a_server_that_tells_no_size_at_first_is_no_difference(
    tmp_path: Path, loopback: Loopback, cache: Cache
) -> None:
    recipe = small(tmp_path, "sources.ships.where=https://example.org/ships.jsonl")
    loopback.files["/ships.jsonl"] = corpus("ships", 30)
    loopback.broken["/ships.jsonl"] = Fault(left_out="Content-Length", methods=("HEAD",))
    mirrors = [f"https://example.org/={loopback.address}/"]
    first = calibset.build(recipe, mirrors=mirrors).lock
    second = calibset.build(recipe, mirrors=mirrors).lock
    sizes = [lock.sources["ships"].files["ships.jsonl"].size for lock in (first, second)]
    assert sizes == [None, len(corpus("ships", 30))]
    first.write(tmp_path / "recipe.lock")
    assert calibset.build(recipe, mirrors=mirrors, lock="require").lock == first
    second.write(tmp_path / "recipe.lock")
    cache.clear()
    assert calibset.build(recipe, mirrors=mirrors, lock="require").lock == second


def test_a_lock_that_is_required_must_be_there(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    shutil.rmtree(tmp_path / "fish")
    with pytest.raises(LockError) as caught:
        calibset.build(recipe, lock="require")
    assert str(caught.value) == (
        f"{tmp_path / 'recipe.lock'}: there is no lock; write one with `calibset lock`"
    )


def test_a_recipe_of_text_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small(tmp_path)
    monkeypatch.chdir(tmp_path)
    recipe = parse_recipe(RECIPE)
    built = calibset.build(recipe)
    assert built.lock_differences == ()
    built.lock.write("recipe.lock")
    with pytest.raises(LockError) as caught:
        calibset.build(recipe, lock="require")
    assert str(caught.value) == "small: there is no lock; write one with `calibset lock`"


def test_of_a_lock_that_is_ignored_nothing_is_read(locked: Path) -> None:
    lock_path(locked).write_text("{")
    assert calibset.build(locked, lock="ignore").lock_differences == ()
    says = f"{lock_path(locked)}: is not a lock of this version of calibset; renew it with `calibset lock`"
    for call in (calibset.build, calibset.plan, calibset.check):
        with pytest.raises(OutputError) as caught:
            call(locked)
        assert str(caught.value) == says


def test_a_build_of_another_recipe_locks_what_it_read(locked: Path) -> None:
    content = corpus("fish", 30)
    refile(locked, extents=((0, 5),), sha256=hashlib.sha256(content[:5]).hexdigest())
    built = calibset.build(load_recipe(locked, overrides=["nsamples=24"]))
    assert built.lock.sources["fish"].files["a.jsonl"].extents == ((0, len(content)),)


def test_recipes_side_by_side_have_locks_of_their_own(tmp_path: Path) -> None:
    text = write_small(tmp_path).read_text()
    paths = [tmp_path / name for name in ("a.toml", "a.v1", "a.v2", "a.lock.x")]
    for seed, path in enumerate(paths):
        path.write_text(f"seed = {seed}\n{text}")
        calibset.build(path).lock.write(lock_path(path))
    assert [calibset.build(path, lock="require").lock_differences for path in paths] == [()] * 4


def test_a_recipe_may_be_called_a_lock(tmp_path: Path) -> None:
    path = write_small(tmp_path).rename(tmp_path / "x.lock")
    calibset.build(path).lock.write(lock_path(path))
    assert path.read_text() == RECIPE
    assert calibset.build(path, lock="require").lock_differences == ()
