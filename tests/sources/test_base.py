from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
from pydantic import ValidationError

from calibset.document import Document, Record
from calibset.errors import SourceError
from calibset.sources import base
from calibset.sources.base import Source, listed
from calibset.sources.sampling import PARTS_AT_ONCE
from calibset.storage.files import File, in_memory, text_lines


class Lines(Source):
    """A document a line."""

    def patterns(self) -> tuple[str, ...]:
        return ("*.txt",)

    def read(self, file: File) -> Iterator[Record]:
        for number, line in enumerate(text_lines(file)):
            yield Document(id=f"{file.name}#{number}", text=line)


def lines(**options: Any) -> Lines:
    return Lines.model_validate({"type": "lines", "group": "g", "where": "here", **options})


def ids(source: Source, contents: dict[str, bytes], seed: int = 42) -> list[str]:
    return [
        record.id
        for record in source.documents(in_memory(contents), seed=seed)
        if isinstance(record, Document)
    ]


CORPUS = {f"{name}.txt": b"\n".join(b"x" for _ in range(20)) for name in "abcd"}


def test_the_order_is_fixed_by_the_seed() -> None:
    orders = [ids(lines(), CORPUS, seed) for seed in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(f"{n}.txt#{i}" for n in "abcd" for i in range(20))


def test_the_order_does_not_depend_on_name_group_or_weight() -> None:
    assert ids(lines(), CORPUS) == ids(lines(group="other", weight=7.5, licence="MIT"), CORPUS)


def test_a_prefix_is_a_fair_sample_of_all_files() -> None:
    order = ids(lines(), CORPUS)
    for start in range(0, 80, 4):
        assert {name.split(".")[0] for name in order[start : start + 4]} == set("abcd")
    assert order[:4] != sorted(order[:4]) or order[4:8] != sorted(order[4:8])


def test_a_file_is_not_read_before_its_turn() -> None:
    opened: list[str] = []
    files = tuple(File(f"{i:03}.txt", lambda i=i: opening(opened, i)) for i in range(100))  # type: ignore[misc]

    class Reader:
        place, revision = "here", None

        def files(self, *patterns: str) -> tuple[File, ...]:
            opened.append("listed")
            return files

    stream = lines().documents(Reader(), seed=1)  # type: ignore[arg-type]
    assert isinstance(stream, Iterator)
    assert opened == []
    next(stream)
    assert (opened[0], len(opened)) == ("listed", 2)
    for _ in range(3 * PARTS_AT_ONCE - 1):
        next(stream)
    assert len(opened) == PARTS_AT_ONCE + 1


def test_large_files_are_not_loaded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_OPEN_BYTES", 20)
    opened: list[str] = []
    files = tuple(File(f"{i}.txt", lambda i=i: opening(opened, i), 6) for i in range(10))  # type: ignore[misc]

    class Reader:
        place, revision = "here", None

        def files(self, *patterns: str) -> tuple[File, ...]:
            return files

    stream = lines().documents(Reader(), seed=1)  # type: ignore[arg-type]
    for _ in range(9):
        next(stream)
    assert len(opened) == 3
    assert len(list(stream)) == 21


def test_a_file_too_large_to_load_is_shuffled_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_LARGE", 1_000)
    text = b"\n".join(b"%d" % i for i in range(5_000))
    order = [int(name.split("#")[1]) for name in ids(lines(), {"a.txt": text})]
    assert sorted(order) == list(range(5_000))
    assert all(sorted(order[i : i + 1_000]) == list(range(i, i + 1_000)) for i in range(0, 5_000, 1_000))
    assert order[:1_000] != sorted(order[:1_000])


def opening(opened: list[str], number: int) -> BinaryIO:
    opened.append(str(number))
    return io.BytesIO(b"a\nb\nc\n")


def test_the_recipes_files_replace_the_adapters_own() -> None:
    contents = {"a.txt": b"a", "b.md": b"b", "sub/c.md": b"c"}
    assert ids(lines(), contents) == ["a.txt#0"]
    assert sorted(ids(lines(files="*.md"), contents)) == ["b.md#0", "sub/c.md#0"]
    assert sorted(ids(lines(files=["a.txt", "sub/*"]), contents)) == ["a.txt#0", "sub/c.md#0"]


def test_no_file_is_an_error_that_says_what_there_is() -> None:
    with pytest.raises(SourceError) as caught:
        ids(lines(), {"a.md": b"", "b.csv": b""})
    assert str(caught.value) == (
        "memory: no file matches *.txt; it holds a.md, b.csv: name the right ones with files = [...]"
    )


def test_an_adapter_is_its_own_frozen_configuration() -> None:
    source = lines(where=["a", "b"], config="one", split=["x", "y"])
    assert (source.where, source.config, source.split) == (("a", "b"), ("one",), ("x", "y"))
    assert (source.weight, source.revision, source.licence, source.files) == (1.0, None, "unknown", ())
    with pytest.raises(ValidationError):
        source.weight = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(
    "options", [{"weight": 0}, {"weight": -1}, {"where": []}, {"weigth": 1}, {"files": 5}, {"group": None}]
)
def test_wrong_options_are_faults(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        lines(**options)


def test_an_adapter_must_say_what_it_reads() -> None:
    bare = Source.model_validate({"type": "x", "group": "g", "where": "here"})
    with pytest.raises(NotImplementedError):
        bare.patterns()
    with pytest.raises(NotImplementedError):
        bare.read(File("a", io.BytesIO))


def test_one_name_is_a_list_of_one() -> None:
    assert listed("a") == ("a",)
    assert listed(["a", "b"]) == ["a", "b"]
    assert listed(5) == 5
