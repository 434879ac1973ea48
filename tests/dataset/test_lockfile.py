from __future__ import annotations

import errno
import json
import os
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

import calibset
from calibset.core import atomic_write
from calibset.core.errors import OutputError
from calibset.dataset.lockfile import Lock, LockedFile, LockedSource, lock_path
from calibset.dataset.manifest import TokenizerIdentity

LOCK = Lock(
    name="small",
    recipe={"seed": 42, "sources": {"fish": {"where": ["nets", "sea"], "revision": None}}},
    versions={"calibset": "0.1"},
    tokenizer=TokenizerIdentity(name="tokenizer.json", sha256="ab" * 32),
    sources={
        "fish": LockedSource(
            location="sea",
            revision=None,
            files={"a.jsonl": LockedFile(size=9, extents=((0, 4), (6, 9)), sha256="cd" * 32)},
        )
    },
    sha256="ef" * 32,
)


@pytest.mark.parametrize(
    ("recipe", "lock"),
    [
        ("a/b.toml", "a/b.lock"),
        ("b.v2.toml", "b.v2.lock"),
        ("b.v1", "b.v1.lock"),
        ("b.v2", "b.v2.lock"),
        ("x.lock", "x.lock.lock"),
        (".toml", ".lock"),
    ],
)
def test_a_lock_stands_beside_its_recipe_and_is_never_the_recipe(recipe: str, lock: str) -> None:
    assert lock_path(Path(recipe)) == Path(lock)


def test_a_lock_comes_back_as_it_was(tmp_path: Path) -> None:
    LOCK.write(tmp_path / "x.lock")
    assert calibset.Lock.read(tmp_path / "x.lock") == LOCK
    LOCK.write(str(tmp_path / "y.lock"))
    assert calibset.Lock.read(str(tmp_path / "y.lock")) == LOCK
    assert (tmp_path / "x.lock").read_bytes() == (tmp_path / "y.lock").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.lock", "y.lock"]


def test_a_lock_is_json_that_people_can_compare(tmp_path: Path) -> None:
    LOCK.write(tmp_path / "x.lock")
    text = (tmp_path / "x.lock").read_text("utf-8")
    assert text.endswith("\n}\n")
    data = json.loads(text)
    assert list(data) == ["format", "name", "recipe", "versions", "tokenizer", "sources", "sha256", "holdout"]
    assert data["format"] == 1
    file = {"size": 9, "extents": [[0, 4], [6, 9]], "sha256": "cd" * 32}
    assert data["sources"] == {"fish": {"location": "sea", "revision": None, "files": {"a.jsonl": file}}}


def test_where_there_is_no_lock_there_is_none(tmp_path: Path) -> None:
    assert Lock.read(tmp_path / "x.lock") is None
    assert Lock.read(tmp_path / "no such folder" / "x.lock") is None


def refiled(extents: list[list[int]]) -> dict[str, Any]:
    file = {"size": 9, "extents": extents, "sha256": ""}
    return {"fish": {"location": "sea", "revision": None, "files": {"a": file}}}


def changed(**values: Any) -> bytes:
    return json.dumps({**LOCK.model_dump(mode="json"), **values}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"version": 1, "package": []}',
        b"[[package]]\nname = 'x'\n",
        b"\xff\xfe{",
        changed(name="\xff").replace(b"\\u00ff", b"\xff"),
        changed(format=2),
        changed(extra=1),
        changed(sha256=None),
        changed(sources={"fish": {"location": "sea"}}),
        changed(recipe={"sources": []}),
        changed(recipe={"sources": {"fish": 5}}),
        changed(sources=refiled([[-1, 3]])),
        changed(sources=refiled([[0, 2**64]])),
        changed(sources=refiled([[5, 3]])),
        changed(sources=refiled([[0, 3], [2, 5]])),
    ],
    ids=[
        "empty",
        "null",
        "list",
        "cut",
        "json",
        "toml",
        "bytes",
        "no UTF-8",
        "format",
        "extra",
        "none",
        "part",
        "no sources",
        "no table",
        "before",
        "beyond",
        "backwards",
        "twice",
    ],
)
def test_what_is_no_lock_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.lock"
    path.write_bytes(content)
    with pytest.raises(OutputError) as caught:
        Lock.read(path)
    assert str(caught.value) == (
        f"{path}: is not a lock of this version of calibset; renew it with `calibset lock`"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_what_never_ends_is_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    os.mkfifo(path)
    with pytest.raises(OutputError) as caught:
        Lock.read(path)
    assert str(caught.value) == f"{path}: can't be read: Not a file"
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(OutputError, match=r"x\.lock: can't be read: Not a file$"):
        Lock.read(path)


def test_a_folder_is_no_lock_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    path.mkdir()
    with pytest.raises(OutputError) as caught:
        Lock.read(path)
    assert str(caught.value) == f"{path}: can't be read: Is a directory"
    with pytest.raises(OutputError) as caught:
        LOCK.write(path)
    assert str(caught.value) == f"{path}: is a folder; nothing was changed"
    assert list(path.iterdir()) == []


@pytest.mark.parametrize(
    ("folder", "reason"), [("gone", "No such file or directory"), ("file", "Not a directory")]
)
def test_a_folder_that_takes_nothing_is_a_clear_error(tmp_path: Path, folder: str, reason: str) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / folder / "x.lock"
    with pytest.raises(OutputError) as caught:
        LOCK.write(path)
    assert str(caught.value) == f"{path}: can't be written: {reason}; nothing was changed"


def test_a_full_disk_leaves_the_old_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "x.lock"
    path.write_text("old")
    monkeypatch.setattr(atomic_write.os, "fsync", full)
    with pytest.raises(OutputError) as caught:
        LOCK.write(path)
    assert str(caught.value) == f"{path}: can't be written: No space left on device; nothing was changed"
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("x.lock", "old")]


@pytest.mark.parametrize(
    ("name", "locations", "revision", "pinned"),
    [
        ("fish", ["nets", "sea"], None, (("sea",), None)),
        ("fish", ["sea", "nets", "new"], None, (("sea",), None)),
        ("fish", ["/my/nets", "/my/sea"], None, (("/my/sea",), None)),
        ("fish", ["~/sea", "nets"], None, (("~/sea",), None)),
        ("fish", ["/my/sea", "/your/sea"], None, (("/my/sea", "/your/sea"), None)),
        ("fish", ["nets"], None, None),
        ("fish", ["my/sea"], None, None),
        ("fish", ["sea"], "v2", None),
        ("ships", ["sea"], None, None),
    ],
)
def test_a_location_is_pinned_while_the_recipe_still_names_it(
    name: str, locations: list[str], revision: str | None, pinned: object
) -> None:
    found = LOCK.pinned(name, [[location] for location in locations], revision)
    assert (found and (tuple(chain(*found[0])), found[1])) == pinned


def test_locations_that_are_read_together_are_pinned_together() -> None:
    where = ["/my/sea", "hf://datasets/them/fish"]
    source = LockedSource(location="sea + hf://datasets/them/fish", revision="- + c0ffee", files={})
    recipe = {"sources": {"fish": {"where": ["sea", where[1]]}}}
    lock = LOCK.model_copy(update={"recipe": recipe, "sources": {"fish": source}})
    assert lock.pinned("fish", [["nets"], where], None) == ((where,), "- + c0ffee")
    assert lock.pinned("fish", [where[:1], where[1:]], None) is None


def test_a_commit_is_pinned_while_the_recipe_names_the_same_branch() -> None:
    location = "hf://datasets/them/fish"
    recipe = {"sources": {"fish": {"where": [location], "revision": "next"}}}
    source = LockedSource(location=location, revision="c0ffee", files={})
    lock = LOCK.model_copy(update={"recipe": recipe, "sources": {"fish": source}})
    assert lock.pinned("fish", [[location]], "next") == (([location],), "c0ffee")
    assert lock.pinned("fish", [[location]], None) is None
    assert lock.pinned("fish", [[location]], "v2") is None
    assert lock.pinned("fish", [["hf://datasets/you/fish"]], "next") is None
