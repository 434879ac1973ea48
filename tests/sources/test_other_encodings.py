"""Files that are no UTF-8: their records are rejected, not shipped with replacement characters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calibset.core.documents import Document, Rejection
from calibset.sources import get_adapter
from calibset.storage.files import memory_reader


@pytest.mark.parametrize(
    ("kind", "name", "text", "good", "options"),
    [
        ("csv", "a.csv", "text\nplain\nčlánok\n", 1, {}),
        ("jsonl", "a.jsonl", '{"text": "plain"}\n{"text": "článok"}\n', 1, {}),
        ("jsonl", "a.json", '[{"text": "plain"}, {"text": "článok"}, {"text": "after"}]', 2, {}),
        ("text", "a.txt", "plain\n--\nčlánok\n", 1, {"separator": "--"}),
        (
            "insurance-definitions",
            "data.json",
            '{"WORDS": {"plain": {"defs": ["good"]}, "škoda": {"defs": ["článok"]}}}',
            1,
            {},
        ),
        ("insurance-definitions", "raw.txt", "plain\ngood\n---\nškoda\nčlánok\n---\n", 1, {}),
        (
            "wikipedia",
            "wiki_00",
            '<doc id="1" title="A">\nA\n\nplain\n</doc>\n'
            '<doc id="2" title="Č">\nČ\n\nškoda\n\nčlánok\n</doc>\n',
            1,
            {},
        ),
        ("wikipedia", "wiki_00", '{"id": "1", "text": "plain"}\n{"id": "2", "text": "článok"}\n', 1, {}),
        (
            "toolace",
            "data.json",
            '[{"system": "", "conversations": [{"from": "user", "value": "a"},'
            ' {"from": "assistant", "value": "b"}]}, {"system": "", "conversations":'
            ' [{"from": "user", "value": "článok"}, {"from": "assistant", "value": "b"}]}]',
            1,
            {},
        ),
        (
            "hermes",
            "func-calling.json",
            '[{"id": "1", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},'
            ' {"id": "2", "conversations": [{"from": "human", "value": "článok"},'
            ' {"from": "gpt", "value": "b"}]}]',
            1,
            {"files": "*.json"},
        ),
        (
            "chat",
            "a.jsonl",
            '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
            '{"messages": [{"role": "user", "content": "článok"}, {"role": "assistant", "content": "b"}]}\n',
            1,
            {},
        ),
        (
            "bitext",
            "bitext-a.csv",
            "tags,instruction,category,intent,response\nB,q,C,i,a\nB,q,C,i,článok\n",
            1,
            {},
        ),
    ],
)
def test_a_record_that_is_no_utf8_is_rejected(
    kind: str, name: str, text: str, good: int, options: dict[str, str]
) -> None:
    source = get_adapter(kind).model_validate({"type": kind, "group": "g", "where": "x", **options})
    read = list(source.read_shuffled(memory_reader({name: text.encode("cp1250")}), seed=1))
    rejected = [record for record in read if isinstance(record, Rejection)]
    assert [record.reason for record in rejected] == ["not valid UTF-8"]
    assert rejected[0].excerpt.isprintable()
    assert len(read) - len(rejected) == good
    whole = list(source.read_shuffled(memory_reader({name: text.encode("utf-8")}), seed=1))
    assert not any(isinstance(record, Rejection) for record in whole)
    assert any("článok" in str(record) for record in whole)
    assert isinstance(whole[0], Document) or kind in ("bitext", "chat", "hermes", "toolace")


@pytest.mark.parametrize("encoding", ["cp1250", "iso8859-2", "utf-16", "cp852"])
@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("csv", "a.csv", "text\nplain\nčlánok\n"),
        ("jsonl", "a.jsonl", '{"text": "plain"}\n{"text": "článok"}\n'),
        ("jsonl", "a.json", '[{"text": "plain"}, {"text": "článok"}]'),
        ("text", "a.txt", "plain\n\nčlánok\n"),
        (
            "chat",
            "a.jsonl",
            '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "článok"}]}\n',
        ),
    ],
)
def test_files_are_read_in_the_encoding_that_the_recipe_names(
    kind: str, name: str, text: str, encoding: str
) -> None:
    options = {"type": kind, "group": "g", "where": "x", "encoding": encoding}
    source = get_adapter(kind).model_validate(options)
    reader = memory_reader({name: text.encode(encoding)})
    read = list(source.read_in_order(reader))
    assert not any(isinstance(record, Rejection) for record in read)
    assert any("článok" in str(record) for record in read)
    assert {str(record) for record in source.read_shuffled(reader, seed=1)} == set(map(str, read))


def test_a_large_file_whose_lines_do_not_end_in_a_byte_is_read_from_its_beginning() -> None:
    source = get_adapter("jsonl").model_validate(
        {"type": "jsonl", "group": "g", "where": "x", "encoding": "utf-16"}
    )
    (file,) = source.select_files(memory_reader({"a.jsonl": b""}))
    assert source.must_stream(replace(file, size=2**30))
    assert not source.must_stream(replace(file, size=2**30, encoding="cp1250"))
