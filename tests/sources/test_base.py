from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
from pydantic import ValidationError

from calibset.core.documents import Document, Record
from calibset.core.errors import SourceError
from calibset.core.fields import as_tuple
from calibset.sources.adapters.csv import Csv
from calibset.sources.adapters.jsonl import Jsonl
from calibset.sources.adapters.pile import Pile
from calibset.sources.adapters.text import Text
from calibset.sources.base import Source
from calibset.sources.sampling import files as sampling
from calibset.sources.sampling.interleave import MAX_OPEN_PARTS
from calibset.storage.files import File, memory_reader, read_lines


class Lines(Source):
    """A document a line."""

    def patterns(self) -> tuple[str, ...]:
        return ("*.txt",)

    def read(self, file: File) -> Iterator[Record]:
        for number, line in enumerate(read_lines(file)):
            yield Document(id=f"{file.name}#{number}", text=str(line))


def lines(**options: Any) -> Lines:
    return Lines.model_validate({"type": "lines", "group": "g", "where": "here", **options})


def ids(source: Source, contents: dict[str, bytes], seed: int = 42) -> list[str]:
    return [
        record.id
        for record in source.read_shuffled(memory_reader(contents), seed=seed)
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
    assert len({tuple(name[0] for name in ids(lines(), CORPUS, seed)[:4]) for seed in range(20)}) > 10


def test_a_file_is_not_read_before_its_turn() -> None:
    opened: list[str] = []
    files = tuple(File(f"{i:03}.txt", lambda i=i: opening(opened, i), 6) for i in range(100))  # type: ignore[misc]

    class Reader:
        place, revision = "here", None

        def files(self, *patterns: str) -> tuple[File, ...]:
            opened.append("listed")
            return files

    stream = lines().read_shuffled(Reader(), seed=1)
    assert isinstance(stream, Iterator)
    assert opened == []
    next(stream)
    # How many records each has is known once it is loaded.
    assert (opened[0], len(opened)) == ("listed", MAX_OPEN_PARTS + 1)
    for _ in range(3 * MAX_OPEN_PARTS - 1):
        next(stream)
    assert len(opened) == MAX_OPEN_PARTS + 1


def test_a_file_of_unknown_size_is_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LARGE", 10)
    assert not lines().must_stream(File("a", lambda: io.BytesIO(b"x" * 10)))
    assert lines().must_stream(File("a", lambda: io.BytesIO(b"x" * 11)))


def test_each_file_gives_in_proportion_to_its_records() -> None:
    # As many bytes in each, but a tenth of the records.
    contents = {
        "long.txt": b"\n".join(b"x" * 99 for _ in range(20)),
        "short.txt": b"\n".join(b"x" * 9 for _ in range(200)),
    }
    order = ids(lines(), contents)
    for k in range(11, 221, 11):
        assert abs(sum(name.startswith("long") for name in order[:k]) - k / 11) <= 1
    whole = {f"{i}.txt": b"x" * 10**i for i in range(6)}
    first = {ids(Text(group="g", where=("x",)), whole, seed)[0] for seed in range(40)}
    assert first == set(whole)


def test_large_files_are_not_loaded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LOADED", 20)
    monkeypatch.setattr(sampling, "_RECORD_OVERHEAD", 0)
    opened: list[str] = []
    files = tuple(File(f"{i}.txt", lambda i=i: opening(opened, i), 6) for i in range(10))  # type: ignore[misc]

    class Reader:
        place, revision = "here", None

        def files(self, *patterns: str) -> tuple[File, ...]:
            return files

    stream = lines().read_shuffled(Reader(), seed=1)
    for _ in range(9):
        next(stream)
    assert len(opened) == 3
    assert len(list(stream)) == 21


def test_a_file_too_large_to_load_is_shuffled_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LARGE", 1_000)
    text = b"\n".join(b"%d" % i for i in range(5_000))
    order = [int(name.split("#")[1]) for name in ids(lines(), {"a.txt": text})]
    assert sorted(order) == list(range(5_000))
    assert all(sorted(order[i : i + 1_000]) == list(range(i, i + 1_000)) for i in range(0, 5_000, 1_000))
    assert order[:1_000] != sorted(order[:1_000])


def test_streams_are_read_side_by_side_with_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LARGE", 100)
    contents = {
        "a.txt": b"x\n" * 300,
        "b.txt": b"x\n" * 600,
        **{f"{i}.txt": b"x\n" * 3 for i in range(50)},
    }
    order = ids(lines(), contents)
    assert len(order) == len(set(order)) == 1_050
    prefix = order[:350]
    assert [sum(name.startswith(f"{s}.") for name in prefix) for s in "ab"] == [100, 200]
    assert len({name for name in prefix if name[0].isdigit()}) == 50


def test_what_is_read_from_its_beginning_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LARGE", 100)
    assert not lines().is_streamed(memory_reader({"a.txt": b"x" * 100, "b.txt": b"y"}))
    assert lines().is_streamed(memory_reader({"a.txt": b"x" * 101, "b.txt": b"y"}))
    named = lines(files=["a.txt.gz"])
    assert not named.is_streamed(memory_reader({"a.txt.gz": b"x" * 25}))
    assert named.is_streamed(memory_reader({"a.txt.gz": b"x" * 26}))
    jsonl = Jsonl(group="g", where=("x",))
    assert not jsonl.is_streamed(memory_reader({"a.jsonl": b"x" * 500}))
    assert jsonl.is_streamed(memory_reader({"a.jsonl.gz": b"x" * 500}))
    assert not jsonl.is_streamed(memory_reader({"a.json": b"{" * 500}))
    assert jsonl.is_streamed(memory_reader({"a.json": b"[" * 500}))
    assert Text(group="g", where=("x",)).is_streamed(memory_reader({"a.txt": b"x" * 500}))
    assert not Text(group="g", where=("x",), separator="-").is_streamed(memory_reader({"a.txt": b"x" * 500}))
    assert Csv(group="g", where=("x",)).is_streamed(memory_reader({"a.csv": b"x" * 500}))
    pile = Pile(group="g", where=("x",))
    assert not pile.is_streamed(memory_reader({"a.parquet": b"x" * 500, "b.jsonl": b"x" * 500}))
    assert pile.is_streamed(memory_reader({"a.parquet": b"x", "b.jsonl.zst": b"x" * 500}))


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
    assert as_tuple("a") == ("a",)
    assert as_tuple(["a", "b"]) == ["a", "b"]
    assert as_tuple(5) == 5


@pytest.mark.slow
def test_a_small_file_that_unpacks_to_very_much_is_not_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LOADED", 100 * 1_000)
    read: list[int] = []

    class Noted(Lines):
        def read(self, file: File) -> Iterator[Record]:
            for number, record in enumerate(super().read(file)):
                read.append(number)
                yield record

    contents = {"a.txt": b"x" * 499 + b"\n" + b"short\n" * 9_999}
    source = Noted.model_validate({"type": "lines", "group": "g", "where": "here"})
    documents = source.read_shuffled(memory_reader(contents), seed=1)
    numbers = [int(record.id.split("#")[1]) for record in documents if isinstance(record, Document)]
    assert sorted(numbers) == list(range(10_000))
    # Counted once, then gone through for each of the slices, of which one is held at a time.
    assert len(read) == 10_000 * (1 + 51)
    assert 4_000 < sum(numbers[:150]) / 150 < 6_000


def test_what_unpacks_to_too_much_even_to_be_counted_is_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LOADED", 1_000)
    monkeypatch.setattr(sampling, "_MOST_COUNTED", 50_000)
    contents = {"a.txt": b"short\n" * 5_000}
    documents = lines().read_shuffled(memory_reader(contents), seed=1)
    numbers = [int(record.id.split("#")[1]) for record in documents if isinstance(record, Document)]
    assert sorted(numbers) == list(range(5_000))
    assert max(numbers[:1_000]) == 999
