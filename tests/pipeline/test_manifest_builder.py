from __future__ import annotations

import io
from collections.abc import Callable
from hashlib import sha256

import pytest

from calibset.dataset.lockfile import Lock, LockedFile, LockedSource
from calibset.dataset.manifest import Manifest, TokenizerIdentity
from calibset.pipeline.build import build
from calibset.pipeline.locking import build_lock
from calibset.recipe.loader import load_recipe
from calibset.storage import File, Reader, TrackedReader, memory_reader
from calibset.storage.files import Choice, keep_all
from tests.small import write_small

CONTENT = bytes(range(256)) * 4
RECIPE = {"seed": 42}


FISH = {"name": "fish", "location": "sea", "revision": "c0ffee"}
Told = Callable[..., Manifest]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Return a manifest of some sources; what a lock doesn't take from it is of the small recipe's."""
    small = build(load_recipe(write_small(tmp_path_factory.mktemp("small")))).manifest

    def manifest(*sources: dict[str, str | None]) -> Manifest:
        return small.model_copy(
            update={
                "recipe": RECIPE,
                "versions": {"calibset": "0.1"},
                "tokenizer": TokenizerIdentity(name="tokenizer.json", sha256="ab"),
                "sources": tuple(small.sources[0].model_copy(update=source) for source in sources),
                "sha256": "ef",
            }
        )

    return manifest


def read(contents: dict[str, bytes], *names: str, until: int = -1) -> TrackedReader:
    """Return a reader through which the files were read, each up to a byte."""
    reader = TrackedReader(memory_reader(contents))
    for file in reader.files(*names):
        with file.open_bytes() as stream:
            stream.read(until)
    return reader


def known(recipe: dict[str, int] | None = None, **file: object) -> Lock:
    """Return an earlier lock of one file."""
    sources = {"fish": LockedSource(location="", revision=None, files={"a": LockedFile.model_validate(file)})}
    tokenizer = TokenizerIdentity(name="", sha256="")
    asked = RECIPE if recipe is None else recipe
    return Lock(name="", recipe=asked, versions={}, tokenizer=tokenizer, sources=sources, sha256="")


def the_file(told: Told, reader: TrackedReader, earlier: Lock | None) -> LockedFile:
    return build_lock(told(FISH), {"fish": reader}, earlier).sources["fish"].files["a"]


def test_a_lock_holds_all_that_a_build_depended_on(told: Told) -> None:
    ships = {"name": "ships", "location": "port", "revision": None}
    fish = read({"b": b"bb", "a": CONTENT, "c": b""}, "a", "b")
    assert build_lock(told(FISH, ships), {"ships": read({"x": b"x"}, "x"), "fish": fish}, None) == Lock(
        name="small",
        recipe=RECIPE,
        versions={"calibset": "0.1"},
        tokenizer=TokenizerIdentity(name="tokenizer.json", sha256="ab"),
        sources={
            "fish": LockedSource(
                location="sea",
                revision="c0ffee",
                files={
                    "a": LockedFile(size=1_024, extents=((0, 1_024),), sha256=sha256(CONTENT).hexdigest()),
                    "b": LockedFile(size=2, extents=((0, 2),), sha256=sha256(b"bb").hexdigest()),
                },
            ),
            "ships": LockedSource(
                location="port",
                revision=None,
                files={"x": LockedFile(size=1, extents=((0, 1),), sha256=sha256(b"x").hexdigest())},
            ),
        },
        sha256="ef",
    )


def test_files_stand_in_the_order_of_their_names(told: Told) -> None:
    reader = TrackedReader(memory_reader({name: name.encode() for name in "badc"}))
    for file in reversed(reader.files("*")):
        file.open_bytes().read()
    assert list(build_lock(told(FISH), {"fish": reader}, None).sources["fish"].files) == list("abcd")


@pytest.mark.parametrize("extents", [((0, 100),), ((0, 1_000),), ((3, 5), (700, 1_024))])
def test_of_a_file_that_was_locked_the_same_bytes_are_hashed(
    told: Told, extents: tuple[tuple[int, int], ...]
) -> None:
    reader = read({"a": CONTENT}, "a", until=500)
    right = sha256(b"".join(CONTENT[start:end] for start, end in extents)).hexdigest()
    found = the_file(told, reader, known(size=1_024, extents=extents, sha256="whatever it was"))
    assert found == LockedFile(size=1_024, extents=extents, sha256=right)


def test_of_a_file_that_has_become_shorter_what_is_left_is_hashed(told: Told) -> None:
    reader = read({"a": CONTENT[:10]}, "a")
    found = the_file(told, reader, known(size=1_024, extents=((5, 1_024),), sha256=""))
    right = sha256(CONTENT[5:10]).hexdigest()
    assert found == LockedFile(size=10, extents=((5, 1_024),), sha256=right)


def test_a_recipe_that_asks_for_something_else_reads_what_it_reads(told: Told) -> None:
    reader = read({"a": CONTENT}, "a", until=500)
    found = the_file(told, reader, known({"seed": 7}, size=1_024, extents=((0, 100),), sha256=""))
    right = sha256(CONTENT[:500]).hexdigest()
    assert found == LockedFile(size=1_024, extents=((0, 500),), sha256=right)


def test_a_file_that_was_not_locked_and_a_source_that_was_not_are_as_they_were_read(told: Told) -> None:
    earlier = known(size=1_024, extents=((0, 100),), sha256="")
    reader = read({"b": CONTENT}, "b", until=500)
    right = LockedFile(size=1_024, extents=((0, 500),), sha256=sha256(CONTENT[:500]).hexdigest())
    assert build_lock(told(FISH), {"fish": reader}, earlier).sources["fish"].files == {"b": right}
    ships = {**FISH, "name": "ships"}
    assert build_lock(told(ships), {"ships": reader}, earlier).sources["ships"].files == {"b": right}


class _Sizeless:
    """A place that tells no sizes, or tells them from now on."""

    place = "memory"
    revision = None

    def __init__(self, size: int | None) -> None:
        self.size = size

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        return (File("a", lambda: io.BytesIO(CONTENT), self.size),)


def test_a_size_that_is_not_known_every_time_is_no_difference(told: Told) -> None:
    def locked(size: int | None, earlier: Lock | None) -> LockedFile:
        reader: Reader = _Sizeless(size)
        watched = TrackedReader(reader)
        watched.files("a")[0].open_bytes().read()
        return the_file(told, watched, earlier)

    first = locked(None, None)
    assert first == LockedFile(size=None, extents=((0, 1_024),), sha256=sha256(CONTENT).hexdigest())
    assert locked(1_024, known(**first.model_dump())) == first
    second = locked(1_024, None)
    assert second.size == 1_024
    assert locked(None, known(**second.model_dump())) == second
    assert locked(1_025, known(**second.model_dump())).size == 1_025
