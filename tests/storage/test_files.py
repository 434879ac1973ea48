from __future__ import annotations

import pytest

from calibset.core.errors import SourceError
from calibset.storage.files import memory_reader
from tests.storage.packed import file


def test_files_in_memory_open_like_any_others() -> None:
    reader = memory_reader({"b/c.json": b"{}", "a.json": b"[1]", "a.txt": b""}, "here")
    files = reader.files("*.json", "a.*n")
    assert [(file.name, file.size) for file in files] == [("a.json", 3), ("b/c.json", 2)]
    with files[0].open_bytes() as stream:
        assert stream.read() == b"[1]"
    assert (reader.location, reader.revision) == ("here", None)


def test_no_match_names_the_patterns_and_some_files() -> None:
    with pytest.raises(SourceError) as caught:
        memory_reader({f"{i}.txt": b"" for i in range(7)}, "here").files("*.csv", "*.tsv")
    assert str(caught.value) == (
        "here: no file matches *.csv, *.tsv; it holds 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more: "
        "name the right ones with files = [...]"
    )


def test_an_empty_location_says_so() -> None:
    with pytest.raises(SourceError, match="it holds nothing: name"):
        memory_reader({}, "here").files("*")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a/b.json.gz", "b.json"),
        ("b.json", "b.json"),
        ("x.tar.zst", "x.tar"),
        ("a/B.JSON.GZ", "B.json"),
        (".gz", ""),
    ],
)
def test_a_stem_has_no_folder_and_no_compression(name: str, stem: str) -> None:
    assert file(b"", name).stem == stem
