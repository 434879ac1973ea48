from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Document, Filtered, Record, Rejection
from calibset.sources.adapters.jsonl import Jsonl
from calibset.sources.adapters.pile import Pile
from calibset.sources.adapters.text import Text
from calibset.sources.adapters.wikipedia import Wikipedia
from calibset.sources.base import Source
from calibset.sources.sampling import files as sampling
from calibset.sources.sampling import line_blocks
from calibset.sources.sampling.line_blocks import LineBlock, StartRule, draw_blocks, peek_first_character
from calibset.storage.files import File, memory_reader

EVERY_LINE: StartRule = lambda _before, _line: True  # noqa: E731
AFTER_DASHES: StartRule = lambda before, _line: before is not None and before.strip() == b"---"  # noqa: E731
PAGES: StartRule = lambda _before, line: line.startswith(b"<doc ")  # noqa: E731

SOURCES: dict[str, Source] = {
    "a.jsonl": Jsonl(group="g", where=("x",)),
    "lines.json": Jsonl(group="g", where=("x",), files=("lines.json",)),
    "shard.jsonl": Pile(group="g", where=("x",)),
    "a.txt": Text(group="g", where=("x",), separator="---"),
    "blank.txt": Text(group="g", where=("x",), separator=""),
    "AA/wiki_00": Wikipedia(group="g", where=("x",)),
    "AA/wiki_01": Wikipedia(group="g", where=("x",)),
}

PIECES: dict[str, list[bytes]] = {
    "a.jsonl": [b'{"text": "%d"}' % i for i in range(5)]
    + [b'{"text": "' + b"x" * 90 + b'"}', b" ", b"{", b"\xff"],
    "a.txt": [b"---", b"one", b" --- ", b"\xc2\xa0---", b"x" * 90, b"", b" ", b"\xff", b"\r"],
    "blank.txt": [b"one", b"two", b"\xe2\x80\x83", b"x" * 90, b"", b" ", b"\xff", b"\r"],
    "AA/wiki_00": [b'<doc id="%d" title="t">' % i for i in range(5)]
    + [b"</doc>", b"body", b"<doc>", b"{", b"x" * 90, b""],
    "AA/wiki_01": [b'{"id": %d, "text": "body"}' % i for i in range(5)]
    + [b'{"id": 9, "text": "' + b"x" * 90 + b'"}', b"<doc ", b"", b" ", b"body"],
}  # fmt: skip
PIECES["lines.json"] = PIECES["shard.jsonl"] = PIECES["a.jsonl"]


def shrunk(patch: pytest.MonkeyPatch, block: int, large: int = 0) -> None:
    """Make every constant so small that small files are large."""
    patch.setattr(sampling, "_LARGE", large)
    patch.setattr(line_blocks, "BLOCK_SIZE", block)
    patch.setattr(sampling, "MAX_OPEN_BLOCKS", 10)
    patch.setattr(line_blocks, "_PEEKED", 16)
    patch.setattr(line_blocks, "_READ_BEHIND", 4)


def one(name: str, data: bytes) -> File:
    (file,) = memory_reader({name: data}).files("*")
    return file


def text_of(record: Record) -> tuple[str, ...]:
    """What a record says, but not where."""
    if isinstance(record, Document):
        return "document", record.text
    if isinstance(record, Rejection):
        return "rejection", record.reason, record.excerpt
    assert isinstance(record, Filtered)
    if record.reason == "empty text":
        return "filtered", record.reason
    return "filtered", record.reason, record.position.rpartition("#")[2]


lined = st.builds(
    lambda lines, ends: b"".join(line + end for line, end in zip(lines, ends, strict=False)),
    st.lists(
        st.sampled_from([b"", b"a", b"---", b" --- ", b"<doc a", b"bb" * 40, b"\r", b"\xff"]), max_size=40
    ),
    st.lists(st.sampled_from([b"\n", b"\r\n", b""]), min_size=40, max_size=40),
)


@given(lined, st.integers(1, 50), st.sampled_from([EVERY_LINE, AFTER_DASHES, PAGES]))
def test_blocks_cover_a_file_without_gap_or_overlap(data: bytes, block: int, begins: StartRule) -> None:
    with pytest.MonkeyPatch.context() as patch:
        shrunk(patch, block)
        file = one("a", data)
        loaded = [LineBlock(file, at, at + block).load(begins) for at in range(0, len(data), block)]
        position = 0
        for loaded_block in filter(None, loaded):
            assert loaded_block.name == f"a@{position}"
            assert loaded_block.size == len(loaded_block.open_bytes().read()) > 0
            assert data[position:].startswith(loaded_block.open_bytes().read())
            position += loaded_block.size
        assert position == len(data)
        starts = [int(loaded_block.name[2:]) // block for loaded_block in loaded if loaded_block]
        assert starts == [at for at, loaded_block in enumerate(loaded) if loaded_block]


@pytest.mark.parametrize("name", SOURCES)
@given(data=st.data())
def test_every_record_comes_once(name: str, data: st.DataObject) -> None:
    pieces = st.tuples(st.sampled_from(PIECES[name]), st.sampled_from([b"\n", b"\r\n"]))
    content = b"".join(line + end for line, end in data.draw(st.lists(pieces, min_size=1, max_size=20)))
    content = content[: len(content) - data.draw(st.integers(0, 1))]
    with pytest.MonkeyPatch.context() as patch:
        shrunk(patch, data.draw(st.integers(3, 120)))
        source, seed = SOURCES[name], data.draw(st.integers(0, 9))
        records = list(source.read_shuffled(memory_reader({name: content}), seed=seed))
        stray = "text outside a page"  # rejected once a file
        wanted = Counter(map(text_of, source.read(one(name, content))))
        assert Counter(s for r in records if stray not in (s := text_of(r))) == Counter(
            {s: n for s, n in wanted.items() if stray not in s}
        )
        assert records == list(source.read_shuffled(memory_reader({name: content}), seed=seed))


def test_a_record_belongs_to_the_block_in_which_its_first_line_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shrunk(monkeypatch, 8)
    data = b"0123456\n" + b"8" * 20 + b"\n" + b"29\n"
    file = one("a", data)
    loaded = [LineBlock(file, at, at + 8).load(EVERY_LINE) for at in range(0, 32, 8)]
    assert [w and (w.name, w.open_bytes().read()) for w in loaded] == [
        ("a@0", b"0123456\n"),
        ("a@8", b"8" * 20 + b"\n"),
        None,
        ("a@29", b"29\n"),
    ]


def test_ids_are_unique_and_name_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    shrunk(monkeypatch, 30)
    data = b"".join(b'{"text": "%03d"}\n' % i for i in range(20))
    reader = memory_reader({"a.jsonl": data, "b.jsonl": data})
    records = list(SOURCES["a.jsonl"].read_shuffled(reader, seed=1))
    assert len({record.id for record in records if isinstance(record, Document)}) == 40
    texts = {record.id: record.text for record in records if isinstance(record, Document)}
    # Of 16 bytes each, two lines begin in some blocks and one in others.
    assert texts["a.jsonl@0#0"] == "000"
    assert texts["b.jsonl@0#1"] == "001"
    assert texts["b.jsonl@32#1"] == "003"
    assert texts["a.jsonl@64#0"] == "004"


class Counting(io.BytesIO):
    """Bytes that note how much of them is read, and where."""

    def __init__(self, data: bytes, reads: list[tuple[int, int]]) -> None:
        super().__init__(data)
        self.reads = reads

    def read(self, size: int | None = -1, /) -> bytes:
        at = self.tell()
        data = super().read(size)
        self.reads.append((at, len(data)))
        return data

    def readinto(self, buffer: Any, /) -> int:
        at = self.tell()
        count = super().readinto(buffer)
        self.reads.append((at, count))
        return count


def counted(data: bytes, name: str = "a.jsonl") -> tuple[File, list[tuple[int, int]]]:
    reads: list[tuple[int, int]] = []

    def opened() -> BinaryIO:
        return Counting(data, reads)

    return File(name, fails, len(data), opened), reads


def fails() -> BinaryIO:
    raise AssertionError("opened for reading from its beginning")


def test_a_block_costs_a_block_and_one_read() -> None:
    line = b'{"text": "' + b"x" * 3_000 + b'"}\n'
    file, reads = counted(line * 1_000)
    loaded_block = LineBlock(file, 10 * line_blocks.BLOCK_SIZE, 11 * line_blocks.BLOCK_SIZE).load(EVERY_LINE)
    assert loaded_block is not None
    assert loaded_block.size is not None
    assert loaded_block.size % len(line) == 0
    assert reads == [(10 * line_blocks.BLOCK_SIZE - 1_025, 1_025 + line_blocks.BLOCK_SIZE + 8_192)]


def test_a_block_inside_a_long_line_is_read_no_further() -> None:
    file, reads = counted(b"x" * 5_000_000)
    assert LineBlock(file, 10 * line_blocks.BLOCK_SIZE, 11 * line_blocks.BLOCK_SIZE).load(EVERY_LINE) is None
    assert sum(size for _, size in reads) < 1.2 * line_blocks.BLOCK_SIZE


def test_a_record_too_long_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_blocks, "_LONGEST", 500_000)
    file, reads = counted(b"x\n" * 10 + b"y" * 5_000_000)
    loaded_block = LineBlock(file, 0, line_blocks.BLOCK_SIZE).load(EVERY_LINE)
    assert loaded_block is not None
    assert loaded_block.size == line_blocks.BLOCK_SIZE + 500_000
    assert sum(size for _, size in reads) < 2_000_000


def test_a_record_too_long_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    shrunk(monkeypatch, 32)
    monkeypatch.setattr(line_blocks, "_LONGEST", 200)
    monkeypatch.setattr("calibset.storage.text_lines.MAX_RECORD_BYTES", 100)
    lines = [b'{"text": "one"}', b'{"text": "' + b"x" * 900 + b'"}', b'{"text": "two"}']
    records = list(SOURCES["a.jsonl"].read_shuffled(memory_reader({"a.jsonl": b"\n".join(lines)}), seed=1))
    assert sorted(text_of(record)[:2] for record in records) == [
        ("document", "one"),
        ("document", "two"),
        ("rejection", "record too long"),
    ]


def test_blocks_are_drawn_from_all_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_blocks, "BLOCK_SIZE", 10)
    files = [File(name, fails, size) for name, size in (("a", 95), ("b", 0), ("c", 10), ("d", 11))]
    orders = [[(w.file.name, w.start, w.end) for w in draw_blocks(files, seed)] for seed in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == [("a", at, at + 10) for at in range(0, 100, 10)] + [
        ("c", 0, 10), ("d", 0, 10), ("d", 10, 20),
    ]  # fmt: skip


def test_the_first_blocks_of_a_corpus_of_terabytes_cost_no_list_of_all() -> None:
    files = [File(str(i), fails, 2**40) for i in range(1_000)]
    drawn = draw_blocks(files, 1)
    assert len({(w.file.name, w.start) for w, _ in zip(drawn, range(1_000), strict=False)}) == 1_000


@pytest.mark.parametrize(
    ("data", "first"),
    [(b"", ""), (b" \n\t", ""), (b"\xef\xbb\xbf\n [", "["), (b"\n" * 5_000 + "š".encode(), "š")],
)
def test_the_first_character_is_seen_at_a_small_cost(data: bytes, first: str) -> None:
    file, reads = counted(data + b"x" * 10**6 if first else data)
    assert peek_first_character(file) == first
    assert sum(size for _, size in reads) < len(data) + 100_000


@pytest.mark.parametrize(
    ("source", "name", "data", "can_split"),
    [
        (SOURCES["a.jsonl"], "a.jsonl", b'{"text": ""}', True),
        (SOURCES["a.jsonl"], "a.jsonl", b'{"text": "' + b"x" * 2_000, True),
        (SOURCES["a.jsonl"], "a.jsonl", b"[1]", True),
        (SOURCES["a.jsonl"], "a.jsonl", b'\xef\xbb\xbf\n[{"text": ""}]', False),
        (SOURCES["a.jsonl"], "a.jsonl", b"[\n", False),
        (SOURCES["a.jsonl"], "a.ndjson", b'{"data": [\n', False),
        (SOURCES["a.jsonl"], "a.json", b'\n{"text": ""}', True),
        (SOURCES["a.jsonl"], "a.json", b'\n[{"text": ""}]', False),
        (SOURCES["a.txt"], "a.txt", b"a", True),
        (Text(group="g", where=("x",)), "a.txt", b"a", False),
        (Text(group="g", where=("x",), separator="-" * 1_000), "a.txt", b"a", False),
        (SOURCES["shard.jsonl"], "a.jsonl", b"{", True),
        (SOURCES["shard.jsonl"], "a.parquet", b"{", False),
        (SOURCES["AA/wiki_00"], "AA/wiki_00", b"<doc ", True),
        (SOURCES["AA/wiki_00"], "sk/train.parquet", b"PAR1", False),
        (SOURCES["AA/wiki_00"], "skwiki-pages-articles.xml", b"<mediawiki>", False),
    ],
)
def test_adapters_say_which_files_can_be_split(
    source: Source, name: str, data: bytes, can_split: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_LARGE", 0)
    assert source.can_split(one(name, data)) is can_split


def test_a_small_json_file_is_not_looked_at() -> None:
    assert not SOURCES["a.jsonl"].can_split(File("a.json", fails, 1_000))


def test_a_block_of_a_json_file_is_read_as_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    shrunk(monkeypatch, 20)
    lines = "".join(json.dumps({"text": str(i)}) + "\n" for i in range(9)) + '[{"text": "array"}]\n'
    records = list(SOURCES["lines.json"].read_shuffled(memory_reader({"lines.json": lines.encode()}), seed=3))
    assert sorted(r.text for r in records if isinstance(r, Document)) == list("012345678")
    assert [r.reason for r in records if isinstance(r, Rejection)] == ["row is no object"]
