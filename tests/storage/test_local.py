from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from calibset.core.errors import SourceError
from calibset.storage.files import File
from calibset.storage.local import LocalReader

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
    (folder / "linked").symlink_to("../other")
    with pytest.raises(SourceError) as caught:
        names(folder, "*.txt")
    assert str(caught.value) == (
        "corpus: link.txt is a symbolic link out of the folder, which is not followed; "
        "put the file itself there, or leave it out with files = [...]"
    )
    assert names(folder, "[abs]*.txt") == ["a.txt", "b.txt", "sub/c.txt"]
    with pytest.raises(SourceError, match="no file matches"):
        names(folder, "linked/*")


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
def test_links_without_a_target_or_in_a_circle_are_no_files(folder: Path) -> None:
    (folder / "gone.txt").symlink_to("nowhere")
    (folder / "circle.txt").symlink_to("circle.txt")
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
