from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Filtered, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources.adapters.alpaca import Alpaca
from calibset.storage.files import memory_reader

SOURCE = Alpaca.model_validate({"group": "g", "where": "here"})


def read(data: bytes, name: str = "a.jsonl", **options: Any) -> list[Record]:
    (file,) = memory_reader({name: data}).files("*")
    return list(SOURCE.model_copy(update=options).read(file))


def one(row: Any) -> Record:
    (record,) = read(json.dumps(row).encode())
    return record


def said(record: Record) -> list[tuple[str, str]]:
    assert isinstance(record, Conversation), record
    return [(message.role, message.content) for message in record.messages]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("instruction", "output"), ("prompt", "completion"), ("prompt", "response"), ("question", "answer"),
        ("query", "response"), ("human", "assistant"), ("Instruction", "Output"), ("QUESTION", "ANSWER"),
        ("input", "output"), ("instruction", "response"),
    ],
)  # fmt: skip
def test_the_usual_names_are_known_in_any_case(asked: str, answered: str) -> None:
    record = one({asked: " Is hail covered?\n", answered: "Yes.", "id": 7})
    assert said(record) == [("user", "Is hail covered?"), ("assistant", "Yes.")]
    assert isinstance(record, Conversation)
    assert record.metadata == {"id": "7"}


def test_the_input_stands_behind_the_instruction_and_the_context_before_it() -> None:
    row = {"instruction": "Sum up.", "input": "Hail fell.", "output": "Hail.", "system": "Be brief."}
    assert said(one(row)) == [
        ("system", "Be brief."),
        ("user", "Sum up.\n\nHail fell."),
        ("assistant", "Hail."),
    ]
    assert said(one({**row, "input": None, "system": ""})) == [("user", "Sum up."), ("assistant", "Hail.")]
    dolly = {"instruction": "Who paid?", "context": "The insurer paid.", "response": "The insurer."}
    assert said(one(dolly))[0] == ("user", "The insurer paid.\n\nWho paid?")


def test_earlier_exchanges_are_in_the_history() -> None:
    row = {"instruction": "And rain?", "output": "No.", "history": [["Is hail covered?", "Yes."]]}
    assert said(one(row)) == [
        ("user", "Is hail covered?"), ("assistant", "Yes."), ("user", "And rain?"), ("assistant", "No."),
    ]  # fmt: skip
    assert said(one({**row, "history": None}))[0] == ("user", "And rain?")
    assert one({**row, "history": ["x"]}) == Rejection(
        position="a.jsonl:1", reason="history is no list of pairs", excerpt="list"
    )


def test_a_prompt_of_turns_is_completed_by_turns() -> None:
    user, answer = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
    for row in (
        {"prompt": [user], "completion": [answer]},
        {"prompt": "Hi", "chosen": [answer], "rejected": []},
        {"prompt": "Hi", "chosen": [user, answer]},
        {"prompt": [user], "chosen": [user, answer]},
    ):
        assert said(one(row)) == [("user", "Hi"), ("assistant", "Hello")]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"text": "x"}, Rejection(position="a.jsonl:1", excerpt="text",
                                  reason="no columns such as 'instruction' and 'output'")),
        ({"question": "", "answer": None}, Filtered(position="a.jsonl:1", reason="empty text")),
        ({"question": "", "answer": "Yes."}, Rejection(position="a.jsonl:1", reason="empty user turn")),
        ({"question": "Why?", "answer": 3}, Rejection(position="a.jsonl:1", excerpt="int",
                                                      reason="column 'answer' is no text")),
        (["x"], Rejection(position="a.jsonl:1", reason="row is no object", excerpt="list")),
    ],
)  # fmt: skip
def test_other_rows_are_left_out(row: Any, expected: Record) -> None:
    (record,) = read(json.dumps({"question": 1}).encode() + b"\n" + json.dumps(row).encode())[1:]
    assert record == (
        type(expected)(**{**{k: getattr(expected, k) for k in expected.__slots__}, "position": "a.jsonl:2"})
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_tells_the_delimiter_of_a_csv_file(delimiter: str) -> None:
    data = (
        f'\ufeffid{delimiter}"Question"{delimiter}Answer\n1{delimiter}"a{delimiter}b"{delimiter}c\n'.encode()
    )
    (record,) = read(data, "a.csv")
    assert said(record) == [("user", f"a{delimiter}b"), ("assistant", "c")]


def test_a_stray_carriage_return_in_the_header_is_no_traceback() -> None:
    with pytest.raises(SourceError, match="no columns such as instruction and output"):
        read(b"Fra\rge;Antwort\na;b\n", "a.csv")


def test_what_is_inside_decides_and_not_the_ending() -> None:
    rows = json.dumps([{"question": "a", "answer": "b"}]).encode()
    assert said(read(rows, "a.csv")[0]) == said(read(b"question;answer\na;b\n", "a.json")[0])
    nested = json.dumps({"body": [{"question": "a", "answer": "b"}]}, indent=1).encode()
    assert said(read(nested, "a.json", rows_at="body")[0]) == [("user", "a"), ("assistant", "b")]


def test_a_table_of_other_columns_is_a_fault() -> None:
    with pytest.raises(SourceError) as caught:
        read(b"sep=;\nFrage;Antwort\na;b\n", "a.csv")
    assert str(caught.value) == (
        "a.csv: no columns such as instruction and output, or question and answer; its header is "
        "'Frage;Antwort': name them with columns = { user = …, assistant = … } and the type csv, jsonl, "
        "parquet or excel"
    )


@given(
    st.dictionaries(
        st.sampled_from(["instruction", "input", "output", "history", "chosen", "context", "x"]),
        st.recursive(st.none() | st.booleans() | st.text(max_size=3), st.lists, max_leaves=4),
    )
)
def test_no_row_makes_it_fail(row: dict[str, Any]) -> None:
    assert isinstance(SOURCE.parse_row(row, "a#1"), Conversation | Filtered | Rejection)
