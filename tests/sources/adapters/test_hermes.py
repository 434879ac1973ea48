from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from calibset.core.documents import Conversation, Filtered, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources.adapters.hermes import Hermes
from calibset.sources.formats.json_rows import read_json_array
from calibset.storage.files import File, memory_reader

GOOD = {"id": "a1", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}


def hermes(**fields: object) -> Hermes:
    return Hermes.model_validate({"group": "tools", "where": "memory", **fields})


SOURCE = hermes()


def records(source: Hermes, **files: object) -> list[Record]:
    reader = memory_reader({name: json.dumps(rows).encode() for name, rows in files.items()})
    return list(source.read_shuffled(reader, seed=7))


def test_rows_become_conversations_under_their_own_id() -> None:
    (record,) = records(SOURCE, **{"func-calling.json": [GOOD]})
    assert isinstance(record, Conversation)
    assert record.id == "a1"
    assert [message.content for message in record.messages] == ["Hi", "Hello"]


def test_a_row_without_an_id_has_its_position_for_one() -> None:
    (record,) = records(SOURCE, **{"data/func-calling.json": [{**GOOD, "id": None}]})
    assert isinstance(record, Conversation)
    assert record.id == "data/func-calling.json#0"


def test_configs_choose_the_files() -> None:
    files = {"func-calling.json": [GOOD], "json-mode-agentic.json": [{**GOOD, "id": "b1"}], "other.json": [7]}
    source = hermes(config="json_mode_agentic")
    assert [record.id for record in records(source, **files) if isinstance(record, Conversation)] == ["b1"]
    assert sorted(record.id for record in records(SOURCE, **files) if isinstance(record, Conversation)) == [
        "a1",
        "b1",
    ]


def test_bad_rows_are_rejected_with_position_and_reason() -> None:
    rows = [{}, 7, GOOD, {"id": "x", "conversations": []}]
    found = records(SOURCE, **{"func-calling.json": rows})
    rejections = sorted(
        (record for record in found if isinstance(record, Rejection)), key=lambda r: r.position
    )
    assert rejections == [
        Rejection(position="func-calling.json#0", reason="empty row"),
        Rejection(position="func-calling.json#1", reason="not an object", excerpt="7"),
        Rejection(position="func-calling.json#3", reason="no conversation", excerpt="[]"),
    ]


CALLED = [
    {"from": "human", "value": "Rate?"},
    {"from": "gpt", "value": '<tool_call>{"name": "f", "arguments": {}}</tool_call>'},
]
ANSWERED = [
    *CALLED,
    {"from": "tool", "value": '<tool_response>{"name": "f", "content": 1}</tool_response>'},
    {"from": "gpt", "value": "It is 1."},
]
TOOLS = json.dumps([{"name": "f", "parameters": {"type": "object", "properties": {}}}])
BOTH = {
    "func-calling-singleturn.json": [{"id": "c1", "conversations": CALLED, "tools": TOOLS}, GOOD],
    "func-calling.json": [{"id": "c1", "conversations": ANSWERED, "tools": TOOLS}, {}],
}


def test_of_a_dialogue_in_two_configs_the_longer_form_is_kept() -> None:
    found = records(SOURCE, **BOTH)
    assert {record.id: len(record.messages) for record in found if isinstance(record, Conversation)} == {
        "a1": 2,
        "c1": 4,
    }
    others = [record for record in found if isinstance(record, Rejection | Filtered)]
    assert sorted(others, key=lambda record: record.position) == [
        Filtered(position="c1", reason="goes on in func_calling"),
        Rejection(position="func-calling.json#1", reason="empty row"),
    ]


def test_no_file_is_read_twice_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []

    def noted(file: File) -> list[object]:
        names.append(file.name)
        return read_json_array(file)

    monkeypatch.setattr("calibset.sources.adapters.hermes.read_json_array", noted)
    source = hermes()
    reader = memory_reader({name: json.dumps(rows).encode() for name, rows in BOTH.items()})
    once = list(source.read_shuffled(reader, seed=7))
    assert sorted(names) == sorted(BOTH)
    assert list(source.read_shuffled(reader, seed=7)) == once
    assert sorted(names) == sorted([*BOTH, *BOTH])


def test_a_file_too_large_to_keep_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    found = records(SOURCE, **BOTH)
    monkeypatch.setattr("calibset.sources.sampling.files._LARGE", 10)
    assert sorted(map(repr, records(SOURCE, **BOTH))) == sorted(map(repr, found))


def test_rows_that_need_a_repair_are_rejected_without_it() -> None:
    mended = {"id": "m1", "conversations": CALLED, "tools": TOOLS.replace("object", "dict")}
    whole = {"id": "w1", "conversations": CALLED, "tools": TOOLS}
    files = {"func-calling.json": [mended, whole]}
    lenient = sorted(map(repr, records(SOURCE, **files)))
    strict = records(hermes(repair=False), **files)
    assert [record for record in strict if isinstance(record, Rejection)] == [
        Rejection(
            position="func-calling.json#0",
            reason="needs repair: parameters are not JSON Schema",
            excerpt="{'name': 'f', 'parameters': {'type': 'dict', 'properties': {}}}",
        )
    ]
    (kept,) = (record for record in strict if isinstance(record, Conversation))
    assert repr(kept) in lenient
    assert len(lenient) == 2


def test_an_unknown_config_is_an_error_that_lists_the_valid_ones() -> None:
    with pytest.raises(
        ValidationError,
        match="'func_calling_singleturn', 'func_calling', 'glaive_func_calling', "
        "'json_mode_agentic' or 'json_mode_singleturn'",
    ):
        hermes(config="funccalling")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'[{"id": ',
            "func-calling.json: not valid JSON (Expecting value: line 1 column 9 (char 8)); "
            "it may be cut short: fetch the file again",
        ),
        (
            b"{}",
            "func-calling.json: holds a JSON dict, not an array of rows; "
            "name the right files with files = [...]",
        ),
    ],
)
def test_a_file_that_is_no_array_is_an_error(content: bytes, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        list(SOURCE.read_shuffled(memory_reader({"func-calling.json": content}), seed=7))
    assert str(caught.value) == message
