"""The flagship recipe and its lock: built again byte for byte, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import mistral_common
import pytest

from calibset.dataset.lockfile import Lock, lock_path
from calibset.dataset.manifest import Manifest, manifest_path
from tests.heavy.hub import FLAGSHIP, Hub, Ran

FEW = ("--set", "nsamples=64")
OLD = "what stood here before\n"


@dataclass(frozen=True)
class Locked:
    """A recipe with its lock, and corpora that may change.

    Attributes:
        hub: Serves the corpora; its cache is the one that the lock was made with.
        root: The corpora.
        recipe: Beside it stands the lock.
        out: What `build --locked` made.
    """

    hub: Hub
    root: Path
    recipe: Path
    out: Path

    def build(self, out: Path, *words: str, hub: Hub | None = None) -> Ran:
        return (hub or self.hub).build(out, *FEW, *words, data=self.root, recipe=self.recipe)

    @property
    def lock(self) -> Lock:
        found = Lock.read(lock_path(self.recipe))
        assert found
        return found


@pytest.fixture(scope="module")
def locked(standin, corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:  # type: ignore[no-untyped-def]
    root = tmp_path_factory.mktemp("corpora") / "hub"
    shutil.copytree(corpora, root, copy_function=shutil.copyfile)
    recipe = Path(shutil.copy(FLAGSHIP, tmp_path_factory.mktemp("recipe")))
    with standin(root=root) as hub:
        ran = hub.run("lock", recipe, *hub.places(root), *FEW)
        assert ran.code == 0, ran.err
        found = Locked(hub, root, recipe, recipe.with_suffix(".jsonl"))
        ran = found.build(found.out, "--locked", "--quiet")
        assert ran.code == 0, ran.err
        yield found


@pytest.fixture
def out(tmp_path: Path) -> Path:
    file = tmp_path / "set.jsonl"
    file.write_text(OLD)
    return file


@contextmanager
def changed(file: Path, old: bytes, new: bytes) -> Iterator[None]:
    """Replace something in a file for a while."""
    content = file.read_bytes()
    assert old in content
    try:
        file.write_bytes(content.replace(old, new))
        yield
    finally:
        file.write_bytes(content)


def assert_one_line(ran: Ran, *fragments: str) -> None:
    assert ran.code == 1
    assert "Traceback" not in ran.err
    assert len(ran.said) == 1, ran.err
    for fragment in fragments:
        assert fragment in ran.said[0]


def test_the_lock_says_what_was_read_and_what_came_of_it(locked: Locked) -> None:
    lock = locked.lock
    manifest = Manifest.read(locked.out)
    assert manifest is not None
    assert lock.sha256 == manifest.sha256 == sha256(locked.out.read_bytes()).hexdigest()
    assert {name: source.revision for name, source in lock.sources.items()} == {
        source.name: source.revision for source in (*manifest.sources, *manifest.evaluations)
    }
    toolace = lock.sources["toolace"]
    content = (locked.root / "Team-ACE/ToolACE/data.json").read_bytes()
    assert toolace.location == "hf://datasets/Team-ACE/ToolACE"
    assert toolace.files["data.json"].size == len(content)
    assert toolace.files["data.json"].extents == ((0, len(content)),)
    assert toolace.files["data.json"].sha256 == sha256(content).hexdigest()


def test_built_as_locked_from_a_cold_cache(locked: Locked, tmp_path: Path) -> None:
    again = tmp_path / "set.jsonl"
    ran = locked.build(again, "--locked", hub=locked.hub.with_home(tmp_path / "home"))
    assert ran.code == 0, ran.err
    assert "note: this build differs from" not in ran.out
    assert again.read_bytes() == locked.out.read_bytes()
    assert manifest_path(again).read_bytes() == manifest_path(locked.out).read_bytes()


def test_another_recipe_is_not_as_locked(locked: Locked, out: Path) -> None:
    ran = locked.build(out, "--locked", "--set", "seed=43")
    assert_one_line(ran, "recipe.seed: 42 → 43", "nothing was written", "`calibset lock` renews it")
    assert out.read_text() == OLD


def test_a_repository_that_has_moved_on(locked: Locked, out: Path, tmp_path: Path) -> None:
    revision = locked.lock.sources["toolace"].revision
    assert revision is not None
    with changed(locked.root / "Team-ACE/ToolACE/data.json", b"function", b"Function"):
        ran = locked.build(out, "--locked", hub=locked.hub.with_home(tmp_path / "home"))
        # This hub knows the present commit alone.
        assert_one_line(ran, "sources.toolace", revision, "the lock names it", "`calibset lock` renews it")
        assert out.read_text() == OLD
        # What the locked commit holds is in the cache that the lock was made with.
        ran = locked.build(out, "--locked", "--quiet")
        assert ran.code == 0, ran.err
    assert out.read_bytes() == locked.out.read_bytes()


def test_a_file_changed_under_an_https_place(locked: Locked, out: Path) -> None:
    name = "sources.insurance-definitions.files.data.json.sha256"
    with changed(locked.root / "codexstanford/insurance-contract-definitions/data.json", b"means", b"MEANS"):
        ran = locked.build(out, "--locked")
        assert_one_line(ran, name, "nothing was written")
        assert out.read_text() == OLD
        ran = locked.build(out)
    assert ran.code == 0, ran.err
    note = ran.out[ran.out.index("note: this build differs from") :]
    assert note.startswith(
        f"note: this build differs from {lock_path(locked.recipe)}; `calibset lock` renews it:\n"
    )
    assert name in note
    assert "sha256" in note.partition("\nnext:")[0].splitlines()[-1]
    assert out.read_bytes() != locked.out.read_bytes()


def test_what_differs_between_two_builds_is_named(locked: Locked, tmp_path: Path) -> None:
    hub, other = locked.hub, tmp_path / "other.jsonl"
    tokenizer = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
    words = ("--set", "seed=7", "--set", "sources.toolace.weight=2", "--set", f"tokenizer={tokenizer}")
    # Without its folder the Wikipedia is read from the hub.
    ran = hub.build(other, *FEW, *words)
    assert ran.code == 0, ran.err
    ran = hub.run("diff", locked.out, other, "--json")
    assert ran.code == 1
    found = {change["key"]: (change["before"], change["after"]) for change in ran.data}
    assert found["recipe.seed"] == ("42", "7")
    assert found["sources.skwiki.location"] == ("skwiki-extracted", "hf://datasets/wikimedia/wikipedia")
    assert found["sources.skwiki.revision"][0] is None
    assert found["sources.toolace.asked"] == ("6", "9")
    assert found["sources.when2call.asked"] == ("6", "5")
    assert found["tokenizer.name"] == ("mistral-small-3.2", tokenizer.name)
    assert None not in found["tokenizer.sha256"]
    assert "sources.fineweb2-sk.asked" not in found
    before, after = found["sources.fineweb2-sk.documents"]
    assert "only here" in before
    assert "only here" in after
    table = hub.run("diff", locked.out, other).out
    # A long name goes on in the next line.
    short = [what for what in found if " " not in what and len(what) < 30]
    assert len(short) > 5
    assert [what for what in short if what not in table] == []


def test_a_build_does_not_differ_from_itself(locked: Locked) -> None:
    ran = locked.hub.run("diff", locked.out, manifest_path(locked.out))
    assert (ran.code, ran.out) == (0, "no difference\n")
    ran = locked.hub.run("diff", lock_path(locked.recipe), lock_path(locked.recipe))
    assert (ran.code, ran.out) == (0, "no difference\n")
