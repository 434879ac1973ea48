from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from calibset.core.errors import SourceError
from calibset.storage import local
from calibset.storage.files import File
from calibset.storage.local import LocalReader, find_main_snapshot

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus beside a secret."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "deep.txt").write_text("secret")
    corpus = tmp_path / "corpus"
    (corpus / "sub" / ".cache").mkdir(parents=True)
    for name in ("b.txt", "a.txt", "sub/c.txt", ".hidden.txt", "sub/.cache/d.txt", "e.json"):
        (corpus / name).write_text(name)
    return corpus


def names(folder: Path, *patterns: str) -> list[str]:
    return [file.name for file in LocalReader("corpus", folder).files(*patterns)]


def text_of(file: File) -> bytes:
    with file.open_bytes() as stream:
        return stream.read()


def test_files_are_found_in_all_folders_but_hidden_ones(folder: Path) -> None:
    assert names(folder, "*.txt") == ["a.txt", "b.txt", "sub/c.txt"]


def test_names_are_relative_and_sizes_known(folder: Path) -> None:
    files = LocalReader("corpus", folder).files("*.json", "sub/*")
    assert [(file.name, file.size, text_of(file)) for file in files] == [
        ("e.json", 6, b"e.json"),
        ("sub/c.txt", 9, b"sub/c.txt"),
    ]


def test_a_single_file_is_found_whatever_the_patterns(folder: Path) -> None:
    assert names(folder / "e.json", "*.csv") == ["e.json"]


@pytest.mark.parametrize("pattern", ["../secret.txt", "/etc/passwd", "../*", "sub/../../secret.txt", "//*"])
def test_a_pattern_finds_nothing_outside(folder: Path, pattern: str) -> None:
    with pytest.raises(
        SourceError, match=r"^corpus: no file matches .*; it holds a\.txt, b\.txt, e\.json, sub/c"
    ):
        names(folder, pattern)


@needs_links
def test_a_link_out_of_the_folder_is_not_followed(folder: Path) -> None:
    (folder / "link.txt").symlink_to("../secret.txt")
    with pytest.raises(SourceError) as caught:
        names(folder, "*.txt")
    assert str(caught.value) == (
        "corpus: link.txt is a symbolic link out of the folder, which is not followed; "
        "put the file itself there, or leave it out with files = [...]"
    )
    assert names(folder, "[abs]*.txt") == ["a.txt", "b.txt", "sub/c.txt"]


@needs_links
def test_a_linked_folder_out_of_the_folder_is_not_passed_over(folder: Path) -> None:
    (folder / "linked").symlink_to("../other")
    with pytest.raises(SourceError) as caught:
        names(folder, "*.txt")
    assert str(caught.value) == (
        "corpus: linked is a symbolic link out of the folder, which is not followed; "
        "put the folder itself there, or leave it out with files = [...]"
    )
    assert names(folder, "*.json") == ["e.json"]


@needs_links
def test_a_linked_folder_inside_the_folder_is_read(folder: Path) -> None:
    (folder / "copy").symlink_to("sub")
    assert names(folder, "*.txt") == ["a.txt", "b.txt", "copy/c.txt", "sub/c.txt"]


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A snapshot in the hub's cache, as `snapshot_download` returns it."""
    repo = tmp_path / "hub" / "datasets--own--corpus"
    (repo / "blobs").mkdir(parents=True)
    (repo / "blobs" / "6f3c").write_text("row")
    (repo / "snapshots" / "0123abcd" / "data").mkdir(parents=True)
    (repo / "snapshots" / "0123abcd" / "data" / "a.jsonl").symlink_to("../../../blobs/6f3c")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0123abcd")
    return repo / "snapshots" / "0123abcd"


@needs_links
def test_a_snapshot_of_the_hubs_cache_is_read(snapshot: Path) -> None:
    (file,) = LocalReader("corpus", snapshot).files("*.jsonl")
    assert (file.name, text_of(file)) == ("data/a.jsonl", b"row")
    (file,) = LocalReader("corpus", snapshot / "data").files("*.jsonl")
    assert (file.name, text_of(file)) == ("a.jsonl", b"row")


@needs_links
def test_of_a_repository_in_the_hubs_cache_the_main_snapshot_is_read(snapshot: Path) -> None:
    repo = snapshot.parent.parent
    assert find_main_snapshot(repo) == snapshot
    (repo / "refs" / "main").write_text("../../elsewhere")
    assert find_main_snapshot(repo) == repo
    assert find_main_snapshot(snapshot) == snapshot


@needs_links
@pytest.mark.parametrize("target", ["../../../refs/main", "../../../../other/blobs/1", "/etc/hostname"])
def test_a_snapshot_leads_to_nothing_but_its_blobs(snapshot: Path, target: str) -> None:
    (snapshot / "data" / "b.jsonl").symlink_to(target)
    with pytest.raises(SourceError, match=r"^corpus: data/b\.jsonl is a symbolic link out of the folder"):
        LocalReader("corpus", snapshot).files("*.jsonl")


@needs_links
def test_blobs_that_are_a_link_are_no_blobs(snapshot: Path, tmp_path: Path) -> None:
    blobs = snapshot.parent.parent / "blobs"
    blobs.rename(tmp_path / "elsewhere")
    blobs.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="is a symbolic link out of the folder"):
        LocalReader("corpus", snapshot).files("*.jsonl")


@needs_links
def test_a_link_inside_the_folder_is_followed(folder: Path) -> None:
    (folder / "link.md").symlink_to("sub/c.txt")
    (file,) = LocalReader("corpus", folder).files("*.md")
    assert text_of(file) == b"sub/c.txt"


@needs_links
def test_a_location_may_itself_be_a_link(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert names(link, "*.json") == ["e.json"]


@needs_links
@pytest.mark.parametrize("target", ["nowhere", "gone.txt"])
def test_a_link_without_a_target_is_a_clear_error(folder: Path, target: str) -> None:
    (folder / "gone.txt").symlink_to(target)
    with pytest.raises(SourceError) as caught:
        names(folder, "*.txt")
    assert str(caught.value) == (
        "corpus: gone.txt is a symbolic link to a file that is not there; fetch that file, "
        "or leave it out with files = [...]"
    )
    assert names(folder, "*.json") == ["e.json"]


@needs_links
def test_folders_linked_in_a_circle_are_read_once(folder: Path) -> None:
    (folder / "sub" / "up").symlink_to("..")
    assert names(folder, "*.txt") == ["a.txt", "b.txt", "sub/c.txt"]


def test_a_folder_without_files_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        names(tmp_path, "*.txt")
    assert str(caught.value) == (
        "corpus: no file matches *.txt; it holds nothing: name the right ones with files = [...]"
    )


def test_a_file_that_went_away_is_a_clear_error(folder: Path) -> None:
    (file,) = LocalReader("corpus", folder).files("a.txt")
    (folder / "a.txt").unlink()
    with pytest.raises(SourceError) as caught:
        file.open_bytes()
    assert str(caught.value) == "corpus: a.txt can't be opened: No such file or directory"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_a_name_that_is_no_utf_8_can_be_written_down(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.csv")).write_text("odd")
    (file,) = LocalReader("corpus", folder).files("*.csv")
    assert file.name == "\ufffd.csv"
    assert text_of(file) == b"odd"


@needs_links
def test_a_few_links_that_lead_to_ever_more_folders_are_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_MOST_LINKED_FOLDERS", 1_000)
    for number in range(20):
        (folder / str(number)).mkdir()
        for link in "ab":
            (folder / str(number) / link).symlink_to(Path("..", str(number + 1)))
    (folder / "20").mkdir()
    (folder / "20" / "f.txt").write_text("f")
    with pytest.raises(SourceError) as caught:
        names(folder, "*.txt")
    assert str(caught.value) == (
        "corpus: links lead to more than 1,000 folders in it; name the folder that is to be read"
    )


def test_folders_inside_each_other_without_end_are_an_error(folder: Path) -> None:
    deep = folder.joinpath(*"a" * 100)
    deep.mkdir(parents=True)
    (deep / "f.txt").write_text("f")
    assert f"{'a/' * 100}f.txt" in names(folder, "*.txt")
    (deep / "a").mkdir()
    with pytest.raises(SourceError) as caught:
        names(folder, "*.txt")
    assert str(caught.value) == (
        "corpus: more than 100 folders lie inside each other; name the folder that is to be read"
    )


@needs_links
def test_links_out_to_more_files_than_can_be_looked_at_are_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibset.storage.local._MOST_OUTSIDE", 3)
    for number in range(4):
        (folder / f"link{number}").symlink_to("../other")
    with pytest.raises(SourceError) as caught:
        names(folder, "*.json")
    assert str(caught.value) == (
        "corpus: links lead out of it to more than 3 files; name the folder that is to be read"
    )
    (folder / "link3").unlink()
    assert names(folder, "*.json") == ["e.json"]


@needs_links
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
@pytest.mark.parametrize("way", ["pipe", "endless"])
def test_a_commits_name_is_not_waited_for(way: str, snapshot: Path) -> None:
    repo = snapshot.parent.parent
    (repo / "refs" / "main").unlink()
    if way == "pipe":
        os.mkfifo(repo / "refs" / "main")
    else:
        (repo / "refs" / "main").symlink_to("/dev/zero")
    assert find_main_snapshot(repo) == repo
