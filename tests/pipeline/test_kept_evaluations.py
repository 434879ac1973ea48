from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from calibset.core.documents import Document, Record
from calibset.core.errors import SourceError
from calibset.hygiene.decontamination import Contamination
from calibset.hygiene.words import split_words
from calibset.pipeline.evaluation_sets import index_evaluation_sets
from calibset.recipe.loader import parse_recipe
from calibset.sources import Source
from calibset.storage import Cache, File, TrackedReader
from calibset.storage.local import LocalReader
from tests.prose import prose

RECIPE = """
name = "made"
[groups]
a = 1.0
[sources.one]
group = "a"
type = "text"
where = "one"
[[exclude]]
name = "quiz"
type = "jsonl"
where = "quiz"
[[exclude]]
name = "talk"
type = "jsonl"
where = "talk"
max_rejected = 0.9
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, number in (("quiz", 1), ("talk", 2)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "a.jsonl", prose(number), prose(number + 10))
    with (tmp_path / "talk" / "a.jsonl").open("a") as stream:
        stream.write("{broken\n")
    return tmp_path


def write(file: Path, *texts: str) -> None:
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def index(folder: Path, change: str = "", recipe: str = RECIPE) -> tuple[object, ...]:
    """Return all that a build learns of the evaluation sets, and what its lock says of them."""
    readers = {name: TrackedReader(LocalReader(name, folder / name)) for name in ("quiz", "talk")}
    indexes, sets = index_evaluation_sets(parse_recipe(recipe + change, allow_code=True), readers)
    assert indexes.evaluations is not None
    counts = [(one.documents, one.words, one.too_short, one.left_out) for one in sets.values()]
    found = [indexes.evaluations.find("a", split_words(prose(number))) for number in range(16)]
    return counts, found, [list(reader.read()) for reader in readers.values()]


def kept(cache: Cache) -> list[Path]:
    return sorted(cache.folder.glob("computed/evaluations-1/*"))


def test_the_second_build_learns_the_same(folder: Path, cache: Cache) -> None:
    first = index(folder)
    assert len(kept(cache)) == 1
    assert isinstance(first[1][1], Contamination)  # type: ignore[index]
    stamp = kept(cache)[0].stat().st_mtime_ns
    assert index(folder) == first
    assert kept(cache)[0].stat().st_mtime_ns == stamp


def test_a_file_that_changed_grew_or_came_is_read(folder: Path) -> None:
    index(folder)
    file = folder / "quiz" / "a.jsonl"
    write(file, prose(3), prose(11))
    assert index(folder)[1][3] is not None  # type: ignore[index]
    with file.open("a") as stream:
        stream.write(json.dumps({"text": prose(4)}) + "\n")
    assert index(folder)[1][4] is not None  # type: ignore[index]
    write(folder / "quiz" / "b.jsonl", prose(5))
    assert index(folder)[1][5] is not None  # type: ignore[index]


def test_what_is_kept_goes_by_the_options(folder: Path, cache: Cache) -> None:
    index(folder)
    index(folder, "[decontamination]\nrun = 9\n")
    assert len(kept(cache)) == 2


def test_too_many_rejected_records_are_an_error_whatever_an_earlier_build_allowed(folder: Path) -> None:
    recipe = RECIPE.replace("max_rejected = 0.9\n", "")
    index(folder, recipe=f"max_rejected = 0.9\n{recipe}")
    with pytest.raises(SourceError, match=r"^exclude\.talk: 33% of the records were rejected"):
        index(folder, recipe=recipe)


class Lines(Source):
    """An adapter of a program, whose code calibset doesn't see."""

    type: Literal["tests.pipeline.test_kept_evaluations:Lines"] = "tests.pipeline.test_kept_evaluations:Lines"

    def patterns(self) -> tuple[str, ...]:
        return ("*.jsonl",)

    def read(self, file: File) -> Iterator[Record]:
        for number, line in enumerate(file.open_bytes()):
            yield Document(id=f"{file.name}#{number}", text=json.loads(line)["text"])


def test_what_a_foreign_adapter_reads_is_read_each_time(folder: Path, cache: Cache) -> None:
    recipe = RECIPE.replace('type = "jsonl"', f'type = "{__name__}:Lines"', 1)
    first = index(folder, recipe=recipe)
    assert kept(cache) == []
    assert index(folder)[:2] == first[:2]


def test_another_version_of_a_library_reads_anew(
    folder: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(folder)
    monkeypatch.setattr("calibset.pipeline.kept_evaluations.read_versions", lambda: {"ftfy": "7.0"})
    index(folder)
    assert len(kept(cache)) == 2


def test_a_damaged_file_is_made_again(folder: Path, cache: Cache) -> None:
    first = index(folder)
    (file,) = kept(cache)
    content = file.read_bytes()
    file.write_bytes(content[:500] + b"?" + content[501:])
    assert index(folder) == first
    assert file.read_bytes() == content
