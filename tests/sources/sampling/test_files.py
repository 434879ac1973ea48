from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from calibset.core.documents import Document, Record
from calibset.sources.adapters.jsonl import Jsonl
from calibset.sources.adapters.text import Text
from calibset.sources.sampling import files as sampling
from calibset.sources.sampling.interleave import MAX_OPEN_PARTS
from calibset.storage.files import Choice, File, keep_all, memory_reader
from tests.sources.lines import Lines, lines, read_ids


def test_a_file_is_not_read_before_its_turn() -> None:
    opened: list[str] = []
    files = tuple(File(f"{i:03}.txt", lambda i=i: opening(opened, i), 6) for i in range(100))  # type: ignore[misc]

    class Reader:
        location, revision = "here", None

        def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
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
    order = read_ids(lines(), contents)
    for k in range(11, 221, 11):
        assert abs(sum(name.startswith("long") for name in order[:k]) - k / 11) <= 1
    whole = {f"{i}.txt": b"x" * 10**i for i in range(6)}
    first = {read_ids(Text(group="g", where=("x",)), whole, seed)[0] for seed in range(40)}
    assert first == set(whole)


def test_large_files_are_not_loaded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "LOADED_BYTES", 20)
    monkeypatch.setattr(sampling, "_RECORD_OVERHEAD", 0)
    opened: list[str] = []
    files = tuple(File(f"{i}.txt", lambda i=i: opening(opened, i), 6) for i in range(10))  # type: ignore[misc]

    class Reader:
        location, revision = "here", None

        def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
            return files

    stream = lines().read_shuffled(Reader(), seed=1)
    for _ in range(9):
        next(stream)
    assert len(opened) == 3
    assert len(list(stream)) == 21


def test_a_file_too_large_to_load_is_shuffled_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LARGE", 1_000)
    text = b"\n".join(b"%d" % i for i in range(5_000))
    order = [int(name.split("#")[1]) for name in read_ids(lines(), {"a.txt": text})]
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
    order = read_ids(lines(), contents)
    assert len(order) == len(set(order)) == 1_050
    prefix = order[:350]
    assert [sum(name.startswith(f"{s}.") for name in prefix) for s in "ab"] == [100, 200]
    assert len({name for name in prefix if name[0].isdigit()}) == 50


def opening(opened: list[str], number: int) -> BinaryIO:
    opened.append(str(number))
    return io.BytesIO(b"a\nb\nc\n")


@pytest.mark.slow
def test_a_small_file_that_unpacks_to_very_much_is_not_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "LOADED_BYTES", 100 * 1_000)
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


@pytest.mark.parametrize("budget", [1_000, 20_000, 10**6])
def test_what_is_held_in_place_of_reading_it_again_comes_in_the_same_order(
    budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {"a.txt": "".join(f"line {'ž' * (number % 50)}\n" for number in range(300)).encode()}
    monkeypatch.setattr(sampling, "LOADED_BYTES", budget)
    monkeypatch.setattr(sampling, "_HELD", 0)
    read_again = read_ids(lines(), contents)
    monkeypatch.setattr(sampling, "_HELD", 1_000)
    held = read_ids(lines(), contents)
    assert len(set(held)) == 300
    assert held == read_again


def test_a_file_whose_records_take_too_much_memory_is_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_MOST_MEMORY", 100_000)
    emoji = "".join(f"{'😀' * 400}{number}\n" for number in range(1_500)).encode()
    order = [int(name.split("#")[1]) for name in read_ids(lines(), {"a.txt": emoji})]
    assert sorted(order) == list(range(1_500))
    assert max(order[:1_000]) == 999


def test_what_unpacks_to_too_much_even_to_be_counted_is_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "LOADED_BYTES", 1_000)
    monkeypatch.setattr(sampling, "_MOST_COUNTED", 50_000)
    contents = {"a.txt": b"short\n" * 5_000}
    documents = lines().read_shuffled(memory_reader(contents), seed=1)
    numbers = [int(record.id.split("#")[1]) for record in documents if isinstance(record, Document)]
    assert sorted(numbers) == list(range(5_000))
    assert max(numbers[:1_000]) == 999


@pytest.mark.parametrize(
    ("limit", "line"),
    [("_MOST_RECORDS_COUNTED", b"a line of many, number %d\n"), ("_MOST_WORDS_COUNTED", b"line %d\n")],
)
def test_a_file_of_too_many_records_is_a_stream_that_is_read_once(
    monkeypatch: pytest.MonkeyPatch, limit: str, line: bytes
) -> None:
    monkeypatch.setattr(sampling, limit, 1_200)
    opened: list[str] = []
    content = b"".join(line % number for number in range(3_000))

    def open_counted() -> BinaryIO:
        opened.append("a.txt")
        return io.BytesIO(content)

    class Reader:
        location, revision = "here", None

        def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
            return (File("a.txt", open_counted, len(content)),)

    read = lines().read_shuffled(Reader(), seed=1)
    ids = [record.id for record in read if isinstance(record, Document)]
    file = File("a.txt", lambda: io.BytesIO(content), len(content))
    assert ids == [record.id for record in lines().stream(file, 1) if isinstance(record, Document)]
    assert opened == ["a.txt"]


def test_many_short_documents_are_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_MOST_WORDS_COUNTED", 1_200)
    contents = {"a.txt": b"".join(b"a line of twenty %05d\n" % number for number in range(3_000))}
    numbers = [int(name.split("#")[1]) for name in read_ids(lines(), contents)]
    assert max(numbers[:1_000]) > 2_900


def _rows(name: str) -> list[dict[str, str]]:
    return [{"text": f"{name} {number}"} for number in range(40)]


def _misnamed() -> dict[str, bytes]:
    """Rows of a corpus too large to be loaded, two of whose files are not what they are called."""
    contents = {
        f"{name}.jsonl": "\n".join(map(json.dumps, _rows(name))).encode()
        for name in ("a", "b", "c", "d", "e")
    }
    contents["packed.jsonl"] = gzip.compress("\n".join(map(json.dumps, _rows("packed"))).encode())
    contents["array.jsonl"] = json.dumps(_rows("array"), indent=1).encode()
    return contents


def test_a_small_file_of_a_large_corpus_is_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = _misnamed()
    monkeypatch.setattr(sampling, "_LARGE", max(map(len, contents.values())))
    source = Jsonl(type="jsonl", group="g", where=("x",))
    records = list(source.read_shuffled(memory_reader(contents), seed=1))
    texts = [record.text for record in records if isinstance(record, Document)]
    names = ("a", "array", "b", "c", "d", "e", "packed")
    assert sorted(texts) == sorted(row["text"] for name in names for row in _rows(name))


def test_of_files_on_a_server_no_more_than_some_are_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = _misnamed() | {f"{i}.jsonl": b'{"text": "one"}\n' for i in range(20)}
    monkeypatch.setattr(sampling, "_LARGE", max(map(len, contents.values())))
    monkeypatch.setattr(sampling, "_MOST_REMOTE", 5)
    opened: list[str] = []

    def open_ranges(name: str) -> BinaryIO:
        opened.append(name)
        return io.BytesIO(contents[name])

    files = [
        File(name, io.BytesIO, len(content), lambda name=name: open_ranges(name))  # type: ignore[misc]
        for name, content in contents.items()
    ]
    parts = sampling.FileSampler(Jsonl(type="jsonl", group="g", where=("x",)), 1).partition(files)
    assert next(parts)
    assert sorted(set(opened)) == ["a.jsonl", "b.jsonl", "c.jsonl", "d.jsonl", "e.jsonl"]
