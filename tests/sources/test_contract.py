"""What every adapter must do, whatever it reads."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Document, Filtered, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources import ADAPTERS, Source, get_adapter
from calibset.storage import compression, text_lines
from calibset.storage.files import Choice, File, Reader, keep_all, memory_reader
from calibset.storage.local import LocalReader

COUNT = 24


@dataclass(frozen=True)
class Corpus:
    """A small corpus in an adapter's own form, of `COUNT` records."""

    files: dict[str, bytes]
    options: dict[str, Any] = field(default_factory=dict)


def lines(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def table(header: list[str], rows: list[list[str]]) -> bytes:
    sink = io.StringIO(newline="")
    csv.writer(sink).writerows([header, *rows])
    return sink.getvalue().encode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    sink = io.BytesIO()
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist(rows), sink, row_group_size=5, compression="none", use_dictionary=False
    )
    return sink.getvalue()


def workbook(rows: list[list[Any]]) -> bytes:
    from openpyxl import Workbook

    book, sink = Workbook(), io.BytesIO()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.save(sink)
    return sink.getvalue()


def text(number: int) -> str:
    return f"Poistná udalosť č. {number}: škoda, 保险, “hail”."


NUMBERS = range(COUNT)
TOOL = {"name": "get_rate", "description": "A rate.", "parameters": {"type": "dict", "properties": {}}}
HERMES = [
    {
        "id": f"row-{i}",
        "conversations": [
            {"from": "system", "value": "You call tools."},
            {"from": "human", "value": text(i)},
            {"from": "gpt", "value": '<tool_call>\n{"name": "get_rate", "arguments": {}}\n</tool_call>'},
        ],
        "tools": json.dumps([{"type": "function", "function": TOOL}]),
    }
    for i in NUMBERS
]
TOOLACE = [
    {
        "system": f"Functions: [{json.dumps(TOOL)}].",
        "conversations": [
            {"from": "user", "value": text(i)},
            {"from": "assistant", "value": "[get_rate()]"},
        ],
    }
    for i in NUMBERS
]
WHEN2CALL = [
    {
        "tools": [json.dumps(TOOL)],
        "messages": [{"role": "user", "content": text(i)}, {"role": "assistant", "content": "Of what?"}],
    }
    for i in NUMBERS
]
MESSAGES = [
    {
        "id": f"dialogue-{i}",
        "messages": [
            {"role": "user", "content": text(i)},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "a", "function": {"name": "get_rate"}}],
            },
            {"role": "tool", "content": "1.5", "tool_call_id": "a"},
            {"role": "assistant", "content": "1.5"},
        ],
        "tools": [{"type": "function", "function": TOOL}],
    }
    for i in NUMBERS
]
SHAREGPT = [
    {"conversations": [{"from": "human", "value": text(i)}, {"from": "gpt", "value": "Of what?"}]}
    for i in NUMBERS
]
PAGES = "".join(
    f'<doc id="{i}" url="https://sk.wikipedia.org/?curid={i}" title="T{i}">\nT{i}\n\n{text(i)}\n\n</doc>\n'
    for i in NUMBERS
)
ONTOLOGY = "@prefix : <http://x.org/o#> .\n@prefix owl: <http://www.w3.org/2002/07/owl#> .\n" + "".join(
    f'@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n:C{i} a owl:Class ; rdfs:label "{text(i)}" .\n'
    for i in NUMBERS
)
DEFINITIONS = {"WORDS": {f"term {i}": {"fullDefs": [{"def": text(i), "lob": None}]} for i in NUMBERS}}

CORPORA = {
    "alpaca": Corpus(
        {"a.csv": table(["Question", "Answer"], [[text(i), f"Answer {i}\nof two lines."] for i in NUMBERS])}
    ),
    "bitext": Corpus(
        {
            "b.csv": table(
                ["instruction", "response"], [[text(i), f"Answer {i}\nof two lines."] for i in NUMBERS]
            )
        }
    ),
    "chat": Corpus({"c.jsonl": lines(MESSAGES)}),
    "csv": Corpus({"c.csv": table(["text", "n"], [[text(i), str(i)] for i in NUMBERS])}),
    "excel": Corpus({"e.xlsx": workbook([["text", "n"], *([text(i), i] for i in NUMBERS)])}),
    "fineweb2": Corpus(
        {"data/train-0.parquet": parquet([{"text": text(i), "id": f"u{i}"} for i in NUMBERS])}
    ),
    "hermes": Corpus({"func-calling.json": json.dumps(HERMES).encode()}),
    "hub-dataset": Corpus({"train.jsonl": lines([{"text": text(i)} for i in NUMBERS])}),
    "insurance-definitions": Corpus({"data.json": json.dumps(DEFINITIONS).encode()}),
    "jsonl": Corpus({"j.jsonl": lines([{"text": text(i)} for i in NUMBERS])}),
    "ontology": Corpus({"o.ttl": ONTOLOGY.encode()}),
    "parquet": Corpus({"p.parquet": parquet([{"text": text(i)} for i in NUMBERS])}),
    "pile": Corpus({"00.jsonl": lines([{"text": text(i), "meta": {"pile_set_name": "X"}} for i in NUMBERS])}),
    "rows": Corpus({"r.jsonl": lines([{"text": text(i), "tokens": 9} for i in NUMBERS])}),
    "text": Corpus({"t.txt": "\n---\n".join(text(i) for i in NUMBERS).encode()}, {"separator": "---"}),
    "toolace": Corpus({"data.json": json.dumps(TOOLACE).encode()}),
    "when2call": Corpus({"when2call_train_sft.jsonl": lines(WHEN2CALL)}),
    "wikipedia": Corpus({"AA/wiki_00": PAGES.encode()}),
}
OF_FILES = sorted(CORPORA.keys() - {"hub-dataset"})

MORE_FORMS = {
    "alpaca as lines": (
        "alpaca",
        {"a.jsonl": lines([{"instruction": text(i), "input": "", "output": f"Answer {i}"} for i in NUMBERS])},
    ),
    "alpaca as parquet": (
        "alpaca",
        {"a.parquet": parquet([{"Prompt": text(i), "Completion": f"Answer {i}"} for i in NUMBERS])},
    ),
    "alpaca as workbook": (
        "alpaca",
        {"a.xlsx": workbook([["query", "response"], *([text(i), f"Answer {i}"] for i in NUMBERS)])},
    ),
    "chat as array": ("chat", {"c.json": json.dumps(SHAREGPT).encode()}),
    "chat as parquet": (
        "chat",
        {"c.parquet": parquet([{**row, "tools": json.dumps(row["tools"])} for row in MESSAGES])},
    ),
    "insurance-definitions as text": (
        "insurance-definitions",
        {"raw.txt": "\n---\n".join(f"term {i}\n{text(i)}" for i in NUMBERS).encode()},
    ),
    "jsonl as array": ("jsonl", {"j.json": json.dumps([{"text": text(i)} for i in NUMBERS]).encode()}),
    "pile as parquet": ("pile", {"p.parquet": CORPORA["parquet"].files["p.parquet"]}),
    "text unsplit": ("text", {"t.txt": CORPORA["text"].files["t.txt"]}),
    "wikipedia as lines": (
        "wikipedia",
        {"AA/wiki_00": lines([{"id": str(i), "title": f"T{i}", "text": text(i)} for i in NUMBERS])},
    ),
    "wikipedia as parquet": (
        "wikipedia",
        {"p.parquet": parquet([{"id": str(i), "title": f"T{i}", "text": text(i)} for i in NUMBERS])},
    ),
}
FORMS = {**{name: (name, CORPORA[name].files) for name in OF_FILES}, **MORE_FORMS}

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}


def source(name: str) -> Source:
    options = CORPORA[name].options
    return get_adapter(name).model_validate({"type": name, "group": "g", "where": "here", **options})


def reader(name: str, folder: Path) -> Reader:
    """Return a reader over the corpus: in memory, or where an adapter wants one, in a folder."""
    if name != "hub-dataset":
        return memory_reader(CORPORA[name].files)
    for file, data in CORPORA[name].files.items():
        (folder / file).write_bytes(data)
    return LocalReader("here", folder)


def read(name: str, folder: Path, seed: int = 42) -> list[Record]:
    return list(source(name).read_shuffled(reader(name, folder), seed=seed))


def id_of(record: Record) -> str:
    assert isinstance(record, Document | Conversation), record
    return record.id


def check_record(record: Record) -> None:
    """Check what holds of every record, a good one or not."""
    if isinstance(record, Rejection):
        assert record.position
        assert record.reason
        assert len(record.reason) < 80
        assert len(record.excerpt) <= 200
        return
    if isinstance(record, Filtered):
        assert record.position
        assert record.reason
        return
    assert isinstance(record, Document | Conversation)
    assert record.id
    for key, value in record.metadata.items():
        assert isinstance(key, str)
        assert isinstance(value, str)
    repr(record).encode("utf-8")
    if isinstance(record, Document):
        assert record.text.strip()
    else:
        assert record.messages


def survives(name: str, contents: dict[str, bytes]) -> list[Record] | None:
    """Read what may be damaged: records of the known kinds, or else an error that says so in a line."""
    chosen = source(name).model_copy(update={"files": ("*",)})
    records: list[Record] = []
    fault = ""
    try:
        for record in chosen.read_shuffled(memory_reader(contents), seed=1):
            check_record(record)
            records.append(record)
    except SourceError as error:
        fault = str(error)
    if not fault:
        return records
    assert any(file in fault for file in contents)
    assert "\n" not in fault
    return None


def test_every_adapter_is_held_to_the_contract() -> None:
    assert CORPORA.keys() == ADAPTERS.keys()


@pytest.mark.parametrize("name", sorted(CORPORA))
def test_every_record_is_read_once(name: str, tmp_path: Path) -> None:
    records = read(name, tmp_path)
    ids = [id_of(record) for record in records]
    assert len(ids) == len(set(ids)) == COUNT
    for record in records:
        check_record(record)
    shown = "".join(repr(record) for record in records)
    assert all(text(number) in shown for number in NUMBERS)


@pytest.mark.parametrize("name", sorted(CORPORA))
def test_the_seed_fixes_the_order_and_nothing_else(name: str, tmp_path: Path) -> None:
    first, other, again = (read(name, tmp_path, seed) for seed in (1, 2, 1))
    assert first == again
    assert first != other
    assert sorted(first, key=id_of) == sorted(other, key=id_of)
    assert [id_of(record) for record in first] != sorted(id_of(record) for record in first)


@pytest.mark.parametrize("name", sorted(CORPORA))
def test_an_adapter_is_hashable_equal_to_its_like_and_goes_through_json(name: str) -> None:
    one = source(name)
    assert one == source(name)
    assert hash(one) == hash(source(name))
    assert type(one).model_validate_json(one.model_dump_json()) == one


@dataclass(frozen=True)
class TrackedReader:
    """A reader that notes what is asked of it."""

    inner: Reader
    seen: list[str]
    location: str = "here"
    revision: str | None = None

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        self.seen.append("files")
        return tuple(
            File(f.name, self._opening(f), f.size) for f in self.inner.files(*patterns, choose=choose)
        )

    def _opening(self, file: File) -> Callable[[], BinaryIO]:
        def opened() -> BinaryIO:
            self.seen.append(file.name)
            return file.open_bytes()

        return opened


@pytest.mark.parametrize("name", OF_FILES)
def test_nothing_is_listed_or_opened_before_the_first_record(name: str, tmp_path: Path) -> None:
    watched = TrackedReader(reader(name, tmp_path), [])
    stream = source(name).read_shuffled(watched, seed=1)
    assert isinstance(stream, Iterator)
    assert watched.seen == []
    next(stream)
    assert watched.seen[0] == "files"
    assert set(watched.seen) == {"files", *CORPORA[name].files}


def test_a_hub_dataset_is_not_looked_at_before_the_first_record(tmp_path: Path) -> None:
    stream = source("hub-dataset").read_shuffled(LocalReader("here", tmp_path / "missing"), seed=1)
    with pytest.raises(SourceError, match=r"^here: missing can't be listed: "):
        next(stream)


@pytest.mark.parametrize("name", OF_FILES)
def test_a_location_without_its_files_is_an_error(name: str) -> None:
    with pytest.raises(SourceError, match=r"^memory: no file matches .+: name the right ones with files = "):
        list(source(name).read_shuffled(memory_reader({"LICENCE": b"x"}), seed=1))


@pytest.mark.parametrize("form", FORMS)
def test_empty_and_foreign_files_give_rejections_or_an_error(form: str) -> None:
    name, files = FORMS[form]
    (file,) = files
    foreign = [data for corpus in CORPORA.values() for data in corpus.files.values()]
    nasty = [
        b"",
        b"\0" * 100,
        b"\xff\xfe" * 50,
        b"\xef\xbb\xbf",
        b"\n" * 100,
        b"{}",
        b"[]",
        b"null",
        b"[[]]",
        b"[null, 1, {}]",
        b'{"text": null}\n{"text": {}}\n[]\n1\n"x"\n',
        b'{"text": "\\ud800", "id": "\\udfff"}\n',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"WORDS": {"": [' + b"[" * 900 + b"]" * 900 + b"]}}",
        b"9" * 5000,
        b'[{"text": ' + b"9" * 5000 + b"}]",
        b'"' * 1001,
        b"<doc>\n<doc id=>\n</doc>\n<doc ",
    ]
    for data in [*foreign, *nasty]:
        survives(name, {file: data})


@pytest.mark.parametrize("name", ["bitext", "csv"])
def test_a_header_of_several_lines_is_shown_in_one(name: str) -> None:
    ((file, _),) = CORPORA[name].files.items()
    with pytest.raises(SourceError) as caught:
        list(source(name).read_shuffled(memory_reader({file: b'"a\nb",c\n1,2\n'}), seed=1))
    column = "instruction" if name == "bitext" else "text"
    assert str(caught.value) == (
        f"{file}: no column {column!r}; it has a b, c: name the right columns, "
        "the right delimiter or other files"
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_file_cut_off_gives_what_is_whole_or_an_error(form: str) -> None:
    name, files = FORMS[form]
    ((file, data),) = files.items()
    whole = survives(name, {file: data})
    assert whole is not None
    good = {id_of(record) for record in whole}
    for cut in sorted({*range(0, len(data), max(1, len(data) // 25)), len(data) - 1, len(data) - 2}):
        records = survives(name, {file: data[:cut]})
        if records is not None:
            ids = {record.id for record in records if isinstance(record, Document | Conversation)}
            assert ids <= good


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", [n for n in OF_FILES if n not in ("fineweb2", "parquet")])
def test_a_compressed_file_is_read_and_a_damaged_one_never_trips(name: str, suffix: str) -> None:
    ((file, data),) = CORPORA[name].files.items()
    packed = PACKERS[suffix](data)
    whole = survives(name, {file + suffix: packed})
    assert whole is not None
    assert len([id_of(record) for record in whole]) == COUNT
    for part in (packed[:-1], packed[: len(packed) // 2], packed[:3], b"", data, packed[:-4] + b"\0\0\0\0"):
        survives(name, {file + suffix: part})


@pytest.mark.parametrize("suffix", ["", *PACKERS])
@pytest.mark.parametrize("name", [n for n in OF_FILES if n not in ("fineweb2", "parquet")])
def test_a_line_without_an_end_is_a_rejection_or_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str, suffix: str
) -> None:
    monkeypatch.setattr(text_lines, "MAX_RECORD_BYTES", 2**12)
    monkeypatch.setattr(compression, "MAX_WHOLE_FILE_BYTES", 2**15)
    ((file, data),) = CORPORA[name].files.items()
    bomb = data.rstrip() + b"\n" + b" " * 2**17
    records = survives(name, {file + suffix: PACKERS[suffix](bomb) if suffix else bomb})
    if records is not None:
        assert [r.reason for r in records if isinstance(r, Rejection)] == ["record too long"]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=25)
@given(data=st.data())
def test_changed_bytes_never_trip(form: str, data: st.DataObject) -> None:
    name, files = FORMS[form]
    ((file, content),) = files.items()
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        offset = data.draw(st.integers(0, len(changed) - 1))
        new = data.draw(
            st.sampled_from([b"", b"\0", b'"', b"\\", b"\xff", b"{", b"]", b"<", b"\n", b"9", b"\r"])
        )
        changed[offset : offset + data.draw(st.integers(0, 3))] = new
        changed = changed or bytearray(b"x")
    survives(name, {file: bytes(changed)})
