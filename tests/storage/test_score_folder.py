"""Folders of scores, and the hashes of files that they remember."""

from __future__ import annotations

import io
import os
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from calibset.core.errors import OutputError, RecipeError
from calibset.storage.files import File
from calibset.storage.fingerprints import Fingerprints
from calibset.storage.local import LocalReader
from calibset.storage.score_folder import ScoreFolder


@pytest.fixture(params=["folder", "url"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> ScoreFolder:
    return ScoreFolder("scores" if request.param == "folder" else f"memory://{uuid4().hex}/scores", tmp_path)


def test_what_is_written_is_there_whole(folder: ScoreFolder) -> None:
    assert folder.list_names() == frozenset()
    assert folder.read_if_there("a", most=9) is None
    folder.write("a", b"one")
    folder.write("a", b"three")
    folder.write("b", b"")
    assert folder.list_names() == {"a", "b"}
    assert folder.read_if_there("a", most=3) == b"thr"
    with folder.open("a") as stream:
        stream.seek(2)
        assert stream.read() == b"ree"
    with pytest.raises(OutputError, match=r"/c: can't be read"), folder.open("c"):
        pass


def test_it_is_told_whether_a_file_is_there_by_now(folder: ScoreFolder) -> None:
    assert not folder.holds("a")
    folder.list_names()
    folder.write("a", b"one")
    assert folder.holds("a")
    assert not folder.holds("b")


def test_a_folder_that_may_not_be_entered_is_named(
    folder: ScoreFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.exists", refuse)
    with pytest.raises(OutputError, match=r"scores/a: can't be looked for: Permission denied$"):
        folder.holds("a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    folder = ScoreFolder(str(tmp_path))
    assert folder.list_names() == frozenset()
    for name in ("pipe", "folder"):
        assert not folder.holds(name)
        assert folder.read_if_there(name, most=9) is None


def test_what_killed_processes_left_is_removed_after_a_day(tmp_path: Path) -> None:
    folder = ScoreFolder("scores", tmp_path)
    folder.write("a", b"one")
    old, new = (tmp_path / "scores" / f".b.parquet.{age}.tmp" for age in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    folder.remove_leftovers()
    assert folder.list_names() == {"a", new.name}
    ScoreFolder("memory://nowhere").remove_leftovers()
    ScoreFolder("nowhere", tmp_path).remove_leftovers()


@pytest.mark.parametrize("location", ["ftp://host/x", "simplecache::s3://b/x", "python://x", "file:///etc"])
def test_other_file_systems_are_refused(location: str) -> None:
    with pytest.raises(RecipeError, match="scores are in a folder, or at a URL of abfs"):
        ScoreFolder(location)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "scores").write_text("a file")
    with pytest.raises(OutputError, match=r"^scores/a: can't be written: File exists$"):
        ScoreFolder("scores", tmp_path).write("a", b"one")


def test_a_file_is_hashed_once_until_it_changes(tmp_path: Path) -> None:
    corpus = tmp_path / "a.jsonl"
    corpus.write_bytes(b"one")
    read: list[str] = []
    fingerprints = Fingerprints(ScoreFolder("scores", tmp_path), remembers=True, on_hash=read.append)

    def find() -> str:
        (file,) = LocalReader("a.jsonl", corpus).files()
        return fingerprints.find(file, "a.jsonl")

    assert find() == find() == sha256(b"one").hexdigest()
    assert read == ["a.jsonl"]
    corpus.write_bytes(b"two")
    assert find() == sha256(b"two").hexdigest()
    assert read == ["a.jsonl"] * 2


def test_what_a_server_says_is_taken_and_what_nothing_stamps_is_read_each_time(tmp_path: Path) -> None:
    fingerprints = Fingerprints(ScoreFolder("scores", tmp_path), remembers=True)
    known = File("a", lambda: io.BytesIO(b"one"), 3, sha256="ab" * 32)  # type: ignore[arg-type, return-value]
    assert fingerprints.find(known, "here") == "ab" * 32
    unstamped = File("a", lambda: io.BytesIO(b"one"))  # type: ignore[arg-type, return-value]
    assert fingerprints.find(unstamped, "here") == sha256(b"one").hexdigest()
    assert not (tmp_path / "scores").exists()
