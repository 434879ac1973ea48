from __future__ import annotations

from pathlib import Path

import pytest

from calibset.core.errors import SourceError
from calibset.storage import Mirror, Reader, Storage
from tests.storage.loopback import COMMIT, Fault, Loopback

URL = "https://example.org/a/data.json"


@pytest.fixture
def folders(tmp_path: Path) -> Storage:
    """A recipe's folder and a data folder."""
    for name, text in {"beside/a.txt": "beside", "data/a.txt": "data", "beside/b.txt": "b"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Storage(recipe_folder=tmp_path / "beside", data_folder=tmp_path / "data")


def text_of(reader: Reader) -> str:
    (file,) = reader.files("*")
    with file.open_bytes() as stream:
        return stream.read().decode()


def test_the_data_folder_comes_before_the_recipes(folders: Storage) -> None:
    assert text_of(folders.open_reader(["a.txt"])) == "data"
    assert text_of(folders.open_reader(["b.txt"])) == "b"
    assert text_of(Storage(recipe_folder=folders.recipe_folder).open_reader(["a.txt"])) == "beside"


def test_an_absolute_path_is_looked_up_as_it_is(folders: Storage) -> None:
    assert text_of(folders.open_reader([str(folders.recipe_folder / "a.txt")])) == "beside"


def test_the_first_location_that_is_there_is_read(folders: Storage, hub: Loopback) -> None:
    hub.repositories["them/c"] = {"x.txt": b"hub"}
    locations = ["nowhere", "hf://datasets/them/gone", "hf://datasets/them/c", "a.txt"]
    reader = folders.open_reader(["c.txt"], fallbacks=[[location] for location in locations])
    assert (reader.location, reader.revision, text_of(reader)) == ("hf://datasets/them/c", COMMIT, "hub")
    assert (
        folders.open_reader(["a.txt"], fallbacks=[[location] for location in locations]).location == "a.txt"
    )


def test_where_nothing_is_there_every_location_is_named(folders: Storage, hub: Loopback) -> None:
    storage = Storage(
        recipe_folder=folders.recipe_folder,
        data_folder=folders.data_folder,
        mirrors=(Mirror("https://example.org/", hub.address + "/"),),
    )
    with pytest.raises(SourceError) as caught:
        storage.open_reader(["c.txt"], None, [["/no/such/file"], ["hf://datasets/them/gone"], [URL]])
    assert str(caught.value) == (
        f"c.txt: no such file or folder under {folders.data_folder} or {folders.recipe_folder}; "
        "set --data DIR to where the corpora are; "
        "/no/such/file: no such file or folder; set --data DIR to where the corpora are; "
        "hf://datasets/them/gone: no such dataset repository; check its name, or log in with "
        "`hf auth login` if it is private; "
        f"{URL}: the server has no such file; check the URL"
    )


def test_a_server_that_can_not_be_asked_is_not_passed_over(folders: Storage, hub: Loopback) -> None:
    hub.broken["/api/datasets/them/c"] = Fault(status=400)
    with pytest.raises(SourceError, match=r"^hf://datasets/them/c: the hub answers 400; try again later$"):
        folders.open_reader(["hf://datasets/them/c"], None, [["a.txt"]])


def test_several_locations_are_read_together(folders: Storage, hub: Loopback) -> None:
    hub.repositories["them/c"] = {"x.txt": b"hub", "b.txt": b"hub's b"}
    reader = folders.open_reader(["b.txt", "hf://datasets/them/c", str(folders.recipe_folder)])
    assert reader.location == f"b.txt + hf://datasets/them/c + {folders.recipe_folder}"
    assert reader.revision == f"- + {COMMIT} + -"
    assert [file.name for file in reader.files("*.txt")] == ["b.txt", "2/b.txt", "x.txt", "a.txt", "3/b.txt"]
    again = folders.open_reader(["b.txt", "hf://datasets/them/c"], f"- + {COMMIT}")
    assert again.revision == f"- + {COMMIT}"


def test_of_locations_that_are_read_together_none_may_be_missing(folders: Storage) -> None:
    with pytest.raises(SourceError, match=r"^c\.txt: no such file or folder"):
        folders.open_reader(["a.txt", "c.txt"])
    assert folders.open_reader(["a.txt", "c.txt"], None, [["b.txt"]]).location == "b.txt"


def test_a_location_may_be_a_pattern(folders: Storage) -> None:
    (folders.recipe_folder / "c").mkdir()
    (folders.recipe_folder / "c" / "[1].md").write_text("literal")
    reader = folders.open_reader(["c/*.md"])
    assert [file.name for file in reader.files("*.txt")] == ["[1].md"]
    assert text_of(folders.open_reader(["c/[1].md"])) == "literal"
    with pytest.raises(SourceError, match=r"^c/\*\.csv: no file matches \*\.csv; it holds \[1\]\.md"):
        folders.open_reader(["c/*.csv"]).files("*")


def test_the_first_mirror_that_fits_is_applied(folders: Storage, loopback: Loopback) -> None:
    loopback.files["/m/data.json"] = b"mirror"
    mirrors = (
        Mirror("https://other.org/", "http://127.0.0.1:1/"),
        Mirror("https://example.org/a/", loopback.address + "/m/"),
        Mirror("https://example.org/", "http://127.0.0.1:1/"),
    )
    reader = Storage(recipe_folder=folders.recipe_folder, mirrors=mirrors).open_reader([URL])
    assert (reader.location, reader.revision, text_of(reader)) == (URL, None, "mirror")


@pytest.mark.parametrize("location", ["x" * 5_000, "a/" * 3_000, "a.txt/b"])
def test_a_path_that_can_not_be_is_not_there(folders: Storage, location: str) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        folders.open_reader([location])
