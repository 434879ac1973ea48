from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from calibset.core.documents import Conversation, Record, Rejection
from calibset.sources.adapters.chat import Chat
from calibset.sources.sampling import files as sampling
from calibset.sources.sampling import row_groups
from calibset.storage.files import memory_reader

OPENAI = [{"role": "user", "content": "Rate?"}, {"role": "assistant", "content": "Of what?"}]
SHAREGPT = [{"from": "human", "value": "Rate?"}, {"from": "gpt", "value": "Of what?"}]
TOOL = {
    "type": "function",
    "function": {"name": "get_rate", "parameters": {"type": "object", "properties": {}}},
}


def chat(**options: Any) -> Chat:
    return Chat.model_validate({"group": "g", "where": "here", **options})


def read(rows: Sequence[object] | bytes, name: str = "a.jsonl", **options: Any) -> list[Record]:
    data = rows if isinstance(rows, bytes) else b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    (file,) = memory_reader({name: data}).files("*")
    return list(chat(**options).read(file))


def parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink, **options)
    return sink.getvalue()


def said(record: Record) -> list[str]:
    assert isinstance(record, Conversation), record
    return [f"{message.role}: {message.content}" for message in record.messages]


WHOLE = ["user: Rate?", "assistant: Of what?"]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": OPENAI},
        {"conversations": SHAREGPT},
        {"conversations": OPENAI},
        {"messages": SHAREGPT},
        {"messages": json.dumps(OPENAI)},
        {"conversations": json.dumps(SHAREGPT), "messages": None},
    ],
)
def test_the_form_is_seen_from_the_row(row: dict[str, object]) -> None:
    (record,) = read([row])
    assert said(record) == WHOLE


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ({"form": "openai"}, {"messages": OPENAI, "conversations": SHAREGPT[:1]}),
        ({"form": "sharegpt"}, {"messages": OPENAI[:1], "conversations": SHAREGPT}),
        ({"messages": "dialog"}, {"dialog": OPENAI}),
        ({"conversations": "dialog"}, {"dialog": SHAREGPT}),
        ({"form": "openai", "messages": "conversations"}, {"conversations": OPENAI}),
    ],
)
def test_form_and_columns_can_be_set(options: dict[str, str], row: dict[str, object]) -> None:
    (record,) = read([row], **options)
    assert said(record) == WHOLE


def test_tools_and_system_are_in_the_columns_that_are_named() -> None:
    row = {
        "messages": OPENAI,
        "tools": "not these",
        "functions_json": json.dumps([TOOL]),
        "prompt": "Be brief.",
    }
    (record,) = read([row], tools="functions_json", system="prompt")
    assert said(record) == ["system: Be brief.", *WHOLE]
    assert isinstance(record, Conversation)
    assert [tool.name for tool in record.tools] == ["get_rate"]


def test_an_unknown_form_is_an_error() -> None:
    with pytest.raises(ValidationError, match="Input should be 'auto', 'openai' or 'sharegpt'"):
        chat(form="alpaca")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"id": "QWJhYvA_0"}, "QWJhYvA_0"),
        ({"uuid": "0b1c2d3e"}, "0b1c2d3e"),
        ({"conversation_id": "dialogue-7"}, "dialogue-7"),
        ({"id": 17, "uuid": "0b1c2d3e"}, "0b1c2d3e"),
        ({"id": "identity", "conversation_id": None}, "a.jsonl#0"),
        ({"id": "17"}, "a.jsonl#0"),
        ({"id": "a name of 1 row"}, "a.jsonl#0"),
        ({"id": "dialogue-7\n"}, "a.jsonl#0"),
        ({"id": "\ud800" * 8 + "1"}, "a.jsonl#0"),
        ({"id": "9" * 1_000}, "a.jsonl#0"),
        ({}, "a.jsonl#0"),
    ],
)
def test_an_id_of_its_own_is_kept_if_it_looks_like_no_other_s(
    columns: dict[str, object], expected: str
) -> None:
    (record,) = read([{"messages": OPENAI, **columns}])
    assert isinstance(record, Conversation)
    assert record.id == expected


def test_short_values_of_other_columns_are_metadata() -> None:
    (record,) = read(
        [
            {
                "messages": OPENAI,
                "system": "S",
                "lang": "sk",
                "score": 0.5,
                "long": "x" * 501,
                "none": None,
                "l": [],
            }
        ]
    )
    assert isinstance(record, Conversation)
    assert record.metadata == {"lang": "sk", "score": "0.5"}


def test_bad_rows_are_rejected_with_position_and_reason() -> None:
    lines = [
        json.dumps({"messages": OPENAI}),
        "",
        "{broken",
        "[1]",
        "{}",
        json.dumps({"text": "a", "id": 1}),
        json.dumps({"messages": OPENAI[:1]}),
        json.dumps({"messages": []}),
        json.dumps({"instruction": "Add.", "input": "1, 2", "output": "3"}),
    ]
    records = read("\n".join(lines).encode())
    assert isinstance(records[0], Conversation)
    assert records[1:] == [
        Rejection(position="a.jsonl:3", reason="not valid JSON", excerpt="{broken"),
        Rejection(position="a.jsonl:4", reason="not an object", excerpt="[1]"),
        Rejection(position="a.jsonl:5", reason="empty row"),
        Rejection(position="a.jsonl:6", reason="no column 'messages' or 'conversations'", excerpt="text, id"),
        Rejection(position="a.jsonl:7", reason="no assistant turn"),
        Rejection(position="a.jsonl:8", reason="no conversation", excerpt="[]"),
        Rejection(
            position="a.jsonl:9",
            reason="no column 'messages' or 'conversations' but 'instruction' and 'output', which "
            'type = "alpaca" reads',
            excerpt="instruction, input, output",
        ),
    ]
    (record,) = read([{"messages": OPENAI}], form="sharegpt")
    assert record == Rejection(position="a.jsonl:1", reason="no column 'conversations'", excerpt="messages")


def test_rows_that_need_mending_can_be_refused() -> None:
    row = {"messages": [*OPENAI, {"role": "user", "content": "Of the euro."}]}
    (record,) = read([row])
    assert said(record) == WHOLE
    (record,) = read([row], repair=False)
    assert isinstance(record, Rejection)
    assert record.reason == "needs repair: conversation ends in a user turn"


def test_arrays_and_compressed_lines() -> None:
    array = json.dumps([{"messages": OPENAI}, {"conversations": SHAREGPT}]).encode()
    records = read(array, "a.json")
    assert [said(record) for record in records] == [WHOLE, WHOLE]
    assert [record.id for record in records if isinstance(record, Conversation)] == ["a.json#0", "a.json#1"]
    (record,) = read(gzip.compress(json.dumps({"messages": OPENAI}).encode()), "a.jsonl.gz")
    assert said(record) == WHOLE


FILES = dict.fromkeys(
    (
        "README.md", "de/train-0.jsonl", "de/test-0.jsonl.zst", "de/test-0.parquet", "sk/train-0.json",
        "sk/train-0.parquet", "sk/train-0.parquet.gz",
    ),
    b"",
)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, sorted(name for name in FILES if "train" in name and not name.endswith(".parquet.gz"))),
        ({"config": "sk"}, ["sk/train-0.json", "sk/train-0.parquet"]),
        ({"split": "test"}, ["de/test-0.jsonl.zst", "de/test-0.parquet"]),
        ({"config": ["de"], "split": ["train"]}, ["de/train-0.jsonl"]),
    ],
)
def test_config_and_split_choose_the_files(options: dict[str, object], expected: list[str]) -> None:
    assert [file.name for file in chat(**options).select_files(memory_reader(FILES))] == expected


def test_large_files_of_lines_are_sampled_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LARGE", 2**16)
    row = {"messages": [{"role": "user", "content": "x" * 1_000}, OPENAI[1]]}
    lines = b"".join(json.dumps({"id": f"dialogue-{i}", **row}).encode() + b"\n" for i in range(400))
    contents = {"a.jsonl": lines}
    records = list(chat().read_shuffled(memory_reader(contents), seed=1))
    ids = [record.id for record in records if isinstance(record, Conversation)]
    assert sorted(ids) == sorted(f"dialogue-{i}" for i in range(400))
    assert not chat().is_streamed(memory_reader(contents))
    assert chat().is_streamed(memory_reader({"a.json": b"[" + b",".join(lines.splitlines()) + b"]"}))


@pytest.mark.parametrize("column", ["completion", "chosen"])
def test_the_turns_may_be_in_a_prompt_and_what_completes_it(column: str) -> None:
    question, answer = OPENAI[:-1], OPENAI[-1:]
    row = {"prompt": question, column: answer, "tools": [TOOL], "uuid": "0b1c2d3e"}
    (record, rejected) = read([row, {"prompt": "Hi", column: "Hello"}])
    assert said(record) == WHOLE
    assert isinstance(record, Conversation)
    assert record.id == "0b1c2d3e"
    assert rejected == Rejection(
        position="a.jsonl:2", excerpt=f"prompt, {column}", reason="no column 'messages' or 'conversations' "
        f"but 'prompt' and '{column}', which type = \"alpaca\" reads",
    )  # fmt: skip
    (record,) = read([row], form="openai")
    assert isinstance(record, Rejection)
    del row["tools"]
    assert [said(one) for one in read(parquet([row]), "a.parquet")] == [WHOLE]


def test_parquet_rows_are_numbered_and_other_columns_stay_unread() -> None:
    row = {"messages": OPENAI, "uuid": "0b1c2d3e", "image": b"x", "lang": "sk"}
    data = parquet([row, {**row, "uuid": None}])
    records = read(data, "a.parquet")
    assert [said(record) for record in records] == [WHOLE, WHOLE]
    assert [(r.id, r.metadata) for r in records if isinstance(r, Conversation)] == [
        ("0b1c2d3e", {"uuid": "0b1c2d3e"}),
        ("a.parquet#1", {}),
    ]
    assert "image" not in chat().needed_columns()
    assert chat(form="openai", tools="t").needed_columns() == (
        "messages", "t", "functions", "system", "id", "uuid", "conversation_id",
    )  # fmt: skip


def test_keys_that_only_other_parquet_rows_have_are_left_out() -> None:
    def row(key: str) -> dict[str, Any]:
        function = {"name": "f", "parameters": {"type": "object", "properties": {key: {"type": "string"}}}}
        call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": {key: "EUR"}}}
        called = {"role": "assistant", "tool_calls": [call]}
        return {"messages": [OPENAI[0], called], "tools": [{"type": "function", "function": function}]}

    records = read(parquet([row("to"), row("from")]), "a.parquet")
    found = [(r.messages[1].tool_calls[0].arguments, r.tools) for r in records if isinstance(r, Conversation)]
    assert [arguments for arguments, _ in found] == ['{"to": "EUR"}', '{"from": "EUR"}']
    assert [tools[0].parameters for _, tools in found] == [
        '{"type": "object", "properties": {"to": {"type": "string"}}}',
        '{"type": "object", "properties": {"from": {"type": "string"}}}',
    ]


@pytest.mark.parametrize("column", ["messages", "conversations"])
@pytest.mark.parametrize(
    "values",
    [
        [b"x"],
        [1.5],
        [["a"]],
        [[]],
        [[{"role": b"user", "content": b"a"}]],
        [[{"from": "human", "value": 1}]],
        pyarrow.array([[("role", "user")]], pyarrow.map_(pyarrow.string(), pyarrow.string())),
        pyarrow.array([1], pyarrow.timestamp("ms")),
        pyarrow.array([["a", "b"]], pyarrow.list_(pyarrow.string(), 2)),
        pyarrow.array([["a"]], pyarrow.large_list(pyarrow.large_string())),
        pyarrow.nulls(1),
    ],
)
def test_a_parquet_column_of_any_type_is_a_rejection(column: str, values: Any) -> None:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({column: values}), sink)
    (record,) = read(sink.getvalue(), "a.parquet")
    assert isinstance(record, Rejection)
    assert record.position == "a.parquet#0"


def test_values_that_json_has_not_are_a_rejection() -> None:
    call = {
        "function": {"name": "f", "arguments": {"at": pyarrow.scalar(0, pyarrow.timestamp("ms")).as_py()}}
    }
    row = {"messages": [OPENAI[0], {"role": "assistant", "tool_calls": [call]}]}
    (record,) = read(parquet([row]), "a.parquet")
    assert isinstance(record, Rejection)
    assert record.reason == "unparsable tool call"


def long_lists(text: str, times: int) -> bytes:
    sink = io.BytesIO()
    columns = {"messages": [[{"role": "user", "content": text}] * times, OPENAI], "at": [1, 2]}
    pyarrow.parquet.write_table(pyarrow.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize("seeded", [False, True])
@pytest.mark.parametrize(("text", "times"), [("x" * 10_000, 1_000), ("", 100_000)])
def test_a_parquet_row_whose_values_are_stored_once_is_no_bomb(
    monkeypatch: pytest.MonkeyPatch, text: str, times: int, seeded: bool
) -> None:
    monkeypatch.setattr(row_groups, "MAX_RECORD_BYTES", 2**20)
    data = long_lists(text, times)
    assert len(data) < 2**17
    records = (
        list(chat().read_shuffled(memory_reader({"a.parquet": data}), seed=1))
        if seeded
        else read(data, "a.parquet")
    )
    assert len(records) == 2
    assert Rejection(position="a.parquet#0", reason="record too long") in records
    assert [said(record) for record in records if isinstance(record, Conversation)] == [WHOLE]


def test_a_parquet_map_is_measured_by_its_own_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_groups, "MAX_RECORD_BYTES", 2**10)
    maps = [[("a", "x" * 2_000)], [("a", "b")], None]
    column = pyarrow.array(maps, pyarrow.map_(pyarrow.string(), pyarrow.string()))
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"messages": [OPENAI] * 3, "system": column}), sink)
    reasons = [r.reason if isinstance(r, Rejection) else "" for r in read(sink.getvalue(), "a.parquet")]
    assert reasons == ["record too long", "malformed turn", ""]


def test_a_parquet_row_group_of_too_many_values_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_groups, "_MOST_VALUES", 999)
    assert read(long_lists("x", 1_000), "a.parquet") == [
        Rejection(position="a.parquet#0", reason="row group too large")
    ]
