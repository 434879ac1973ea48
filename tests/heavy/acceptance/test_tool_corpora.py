"""The three corpora of tool calls: what is wrong in them is mended or named, and the rest comes through."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from calibset.core.documents import Conversation, Message, Record, Rejection
from calibset.sources import get_adapter
from calibset.sources.chat_formats import hermes, toolace, when2call
from calibset.storage.local import LocalReader
from calibset.tokenizers.chat_templates.mistral import MistralTemplate, mistral_template
from calibset.tokenizers.tekken import TekkenTokenizer
from tests.sources.chat_formats.row_writers import WRITERS

FOLDERS = {
    "hermes": "NousResearch/hermes-function-calling-v1",
    "toolace": "Team-ACE/ToolACE",
    "when2call": "nvidia/When2Call",
}
CHAT_FORMATS: dict[str, ModuleType] = {"hermes": hermes, "toolace": toolace, "when2call": when2call}
SINGLE, SEVERAL = "func-calling-singleturn.json", "func-calling.json"
GLAIVE, TOOLACE = "glaive-function-calling-5k.json", "data.json"
SFT, PREF = "train/when2call_train_sft.jsonl", "train/when2call_train_pref.jsonl"
JUDGED = "test/when2call_test_llm_judge.jsonl"

MENDED = {
    (SINGLE, 9): "escaped line breaks",
    (SINGLE, 11): "not quite JSON",
    (SINGLE, 20): "not quite JSON",
    (SINGLE, 29): "escaped line breaks",
    (SINGLE, 30): "last brace missing",
    (SINGLE, 39): "arguments as text",
    (SINGLE, 42): "name inside the arguments",
    (SINGLE, 49): "escaped line breaks",
    (SINGLE, 61): "tools in the system prompt only",
    (SINGLE, 69): "escaped line breaks",
    (SINGLE, 71): "tools in the system prompt only",
    (SINGLE, 89): "escaped line breaks",
    (SINGLE, 109): "escaped line breaks",
    (SEVERAL, 17): "tool call without a response",
    (SEVERAL, 26): "tools in the system prompt only",
    (GLAIVE, 16): "tool declared twice",
    (GLAIVE, 25): "tool without parameters",
}
BEYOND_REPAIR = {
    (SINGLE, 52): "call to an undeclared tool",
    (SEVERAL, 4): "tool response without a call",
    (SEVERAL, 12): "tool response without a call",
    (TOOLACE, 79): "empty assistant turn",
}
PROSE_BEFORE_A_CALL = (SINGLE, 74)
PLANTED = {*MENDED, *(place for place in BEYOND_REPAIR if place[0] != TOOLACE), PROSE_BEFORE_A_CALL}
LACKS_A_CALL_MIDWAY = (TOOLACE, 52)
UNANSWERED = (
    0, 5, 8, 10, 11, 15, 17, 23, 25, 26, 29, 30, 31, 32, 34, 42, 44, 53, 68, 70, 71, 72, 73, 75, 80, 84,
    87, 88, 97, 100, 104, 118, 121, 127, 128, 129, 135, 136, 137, 140, 146, 147, 150, 151, 152, 157,
)  # fmt: skip
NO_IDENTIFIERS = (
    1, 4, 5, 7, 11, 25, 26, 31, 35, 36, 39, 41, 46, 48, 50, 58, 60, 63, 64, 68, 69, 71, 75, 77, 80,
    83, 84, 94, 95, 98, 100, 104, 105, 106, 111, 112, 113, 119, 122, 127, 132, 133, 135, 137, 139,
    140, 142, 147, 151, 152, 155,
)  # fmt: skip

Place = tuple[str, int]


def read(corpora: Path, name: str, *, repair: bool) -> dict[Place, Record]:
    """Return what an adapter makes of each row, by file and row (from 0)."""
    fields = {"type": name, "group": "g", "where": "here", "repair": repair}
    splits = {"split": ["train_sft", "train_pref", "test"]} if name == "when2call" else {}
    source = get_adapter(name).model_validate({**fields, **splits})
    files = source.select_files(LocalReader("here", corpora / FOLDERS[name]))
    return {(file.name, row): record for file in files for row, record in enumerate(source.read(file))}


@pytest.fixture(scope="module")
def records(corpora: Path) -> dict[str, dict[Place, Record]]:
    return {name: read(corpora, name, repair=True) for name in FOLDERS}


@pytest.fixture(scope="module")
def strict(corpora: Path) -> dict[str, dict[Place, Record]]:
    return {name: read(corpora, name, repair=False) for name in FOLDERS}


@pytest.fixture(scope="module")
def rows(corpora: Path) -> dict[str, list[Any]]:
    """What stands in the files."""
    found = {}
    for folder in FOLDERS.values():
        for path in sorted((corpora / folder).rglob("*.json*")):
            text = path.read_text("utf-8")
            name = path.relative_to(corpora / folder).as_posix()
            found[name] = (
                list(map(json.loads, text.splitlines())) if path.suffix == ".jsonl" else json.loads(text)
            )
    return found


@pytest.fixture(scope="module")
def template(tekken: TekkenTokenizer) -> MistralTemplate:
    return mistral_template(tekken)


def calls_of(conversation: Conversation) -> list[tuple[str, Any]]:
    return [
        (call.name, json.loads(call.arguments))
        for message in conversation.messages
        for call in message.tool_calls
    ]


def written_calls(row: Any) -> Iterator[tuple[str, Any]]:
    """Yield the calls of a Hermes row, read another way than the adapter does."""
    for turn in row["conversations"]:
        for body in re.findall(r"<tool_call>(.*?)</tool_call>", turn["value"], re.DOTALL):
            if turn["from"] != "gpt":
                continue
            literal = body.replace("\\n", "\n").strip()
            literal += "}" * (literal.count("{") - literal.count("}"))
            call = ast.literal_eval(literal)
            arguments = call["arguments"]
            if isinstance(arguments, str):
                arguments = json.loads(arguments)
            name = call["name"] if "name" in call else arguments.pop("name")
            yield name, arguments


def conversation_at(records: dict[str, dict[Place, Record]], place: Place) -> Conversation:
    (record,) = (found[place] for found in records.values() if place in found)
    assert isinstance(record, Conversation), (place, record)
    return record


def answered(conversation: Conversation) -> dict[str | None, Message]:
    return {message.tool_call_id: message for message in conversation.messages if message.role == "tool"}


@pytest.mark.parametrize(("name", "total"), [("hermes", 667), ("toolace", 158), ("when2call", 507)])
def test_of_rows_without_a_planted_fault_99_in_100_are_conversations_of_the_model(
    records: dict[str, dict[Place, Record]], template: MistralTemplate, name: str, total: int
) -> None:
    assert len(records[name]) == total
    faultless = {place: record for place, record in records[name].items() if place not in PLANTED}
    rendered = [template.render(record) for record in faultless.values() if isinstance(record, Conversation)]
    assert len(rendered) >= 0.99 * len(faultless)
    assert all(row.turns for row in rendered)


@pytest.mark.parametrize("name", FOLDERS)
def test_what_cannot_be_mended_is_rejected_by_its_name_and_nothing_else_is(
    records: dict[str, dict[Place, Record]], name: str
) -> None:
    found = {place: record for place, record in records[name].items() if isinstance(record, Rejection)}
    expected = {place: reason for place, reason in BEYOND_REPAIR.items() if place in records[name]}
    assert {place: record.reason for place, record in found.items()} == expected
    assert all(len(record.excerpt) <= 200 for record in found.values())


@pytest.mark.parametrize(("place", "reason"), MENDED.items())
def test_a_planted_fault_is_mended_or_refused_by_its_name(
    strict: dict[str, dict[Place, Record]], place: Place, reason: str
) -> None:
    record = strict["hermes"][place]
    assert isinstance(record, Rejection)
    assert record.reason == f"needs repair: {reason}"


@pytest.mark.parametrize("place", [place for place in MENDED if place != (SEVERAL, 17)])
def test_mended_rows_hold_the_calls_that_stood_there(
    records: dict[str, dict[Place, Record]], rows: dict[str, list[Any]], place: Place
) -> None:
    conversation = conversation_at(records, place)
    expected = list(written_calls(rows[place[0]][place[1]]))
    assert expected
    assert calls_of(conversation) == expected
    assert {name for name, _ in expected} <= {tool.name for tool in conversation.tools}


def test_of_several_calls_the_one_that_was_answered_stays(
    records: dict[str, dict[Place, Record]], rows: dict[str, list[Any]]
) -> None:
    conversation = conversation_at(records, (SEVERAL, 17))
    expected = list(written_calls(rows[SEVERAL][17]))
    assert len(expected) == 4
    assert calls_of(conversation) == expected[:1]
    assert [message.role for message in conversation.messages] == ["user", "assistant", "tool", "assistant"]
    assert list(answered(conversation)) == [call.id for call in conversation.messages[1].tool_calls]


def test_prose_before_a_call_is_kept_without_a_repair(
    records: dict[str, dict[Place, Record]],
    strict: dict[str, dict[Place, Record]],
    rows: dict[str, list[Any]],
) -> None:
    conversation = conversation_at(records, PROSE_BEFORE_A_CALL)
    text = rows[SINGLE][74]["conversations"][-1]["value"]
    assert conversation.messages[-1].content == text.partition("<tool_call>")[0].strip() != ""
    assert calls_of(conversation) == list(written_calls(rows[SINGLE][74]))
    assert strict["hermes"][PROSE_BEFORE_A_CALL] == conversation


@pytest.mark.parametrize("place", [(SINGLE, 61), (SINGLE, 71), (SEVERAL, 26)])
def test_tools_of_the_system_prompt_alone_are_found(
    records: dict[str, dict[Place, Record]], rows: dict[str, list[Any]], place: Place
) -> None:
    conversation = conversation_at(records, place)
    prompt = rows[place[0]][place[1]]["conversations"][0]["value"]
    assert {tool.name for tool in conversation.tools} == set(
        re.findall(r'"function": {"name": "([^"]+)"', prompt)
    )
    assert conversation.messages[0].role == "user"


def test_tools_under_one_name_are_one_and_parameters_of_null_are_none(
    records: dict[str, dict[Place, Record]], rows: dict[str, list[Any]]
) -> None:
    declared = json.loads(rows[GLAIVE][16]["tools"])
    (tool,) = conversation_at(records, (GLAIVE, 16)).tools
    assert len(declared) == 2
    assert {item["function"]["name"] for item in declared} == {tool.name}
    assert (tool.description, json.loads(tool.parameters)) == (
        declared[0]["function"]["description"],
        declared[0]["function"]["parameters"],
    )
    bare = conversation_at(records, (GLAIVE, 25)).tools[-1]
    assert bare.name == json.loads(rows[GLAIVE][25]["tools"])[-1]["name"]
    assert bare.parameters == '{"type": "object", "properties": {}}'


@pytest.mark.parametrize("row", UNANSWERED)
def test_calls_at_the_end_need_no_answer(records: dict[str, dict[Place, Record]], row: int) -> None:
    conversation = conversation_at(records, (TOOLACE, row))
    last = conversation.messages[-1]
    assert last.role == "assistant"
    assert last.tool_calls
    assert not {call.id for call in last.tool_calls} & answered(conversation).keys()


@pytest.mark.parametrize("row", NO_IDENTIFIERS)
def test_names_that_are_no_identifiers_are_kept(
    records: dict[str, dict[Place, Record]], rows: dict[str, list[Any]], row: int
) -> None:
    conversation = conversation_at(records, (TOOLACE, row))
    odd = [name for name, _ in calls_of(conversation) if not re.fullmatch(r"[\w-]+", name)]
    assert odd
    assert set(odd) <= {tool.name for tool in conversation.tools}
    said = "".join(t["value"] for t in rows[TOOLACE][row]["conversations"] if t["from"] == "assistant")
    assert all(said.count(f"{name}(") == odd.count(name) for name in odd)


def test_an_exchange_without_its_call_is_left_out_with_what_follows(
    records: dict[str, dict[Place, Record]], rows: dict[str, list[Any]]
) -> None:
    conversation = conversation_at(records, LACKS_A_CALL_MIDWAY)
    before = [(t["from"], t["value"]) for t in rows[TOOLACE][52]["conversations"][:2]]
    assert [(message.role, message.content) for message in conversation.messages] == before


@pytest.mark.parametrize("file", [SFT, PREF, JUDGED])
def test_lines_without_tools_and_with_other_keys_are_read(
    records: dict[str, dict[Place, Record]], rows: dict[str, list[Any]], file: str
) -> None:
    without = [number for number, row in enumerate(rows[file]) if not row["tools"]]
    assert len(without) == 8
    for number in range(len(rows[file])):
        assert (not conversation_at(records, (file, number)).tools) == (number in without)


def test_a_judged_line_calls_where_a_call_is_the_right_answer(
    records: dict[str, dict[Place, Record]], rows: dict[str, list[Any]]
) -> None:
    for number, row in enumerate(rows[JUDGED]):
        judged = conversation_at(records, (JUDGED, number)).messages[-1]
        assert bool(judged.tool_calls) == (row["correct_answer"] == "tool_call")


@pytest.mark.parametrize("name", FOLDERS)
def test_without_repair_a_row_is_the_same_or_rejected(
    records: dict[str, dict[Place, Record]], strict: dict[str, dict[Place, Record]], name: str
) -> None:
    changed = {place for place in records[name] if strict[name][place] != records[name][place]}
    reasons = {
        place: record.reason for place, record in strict[name].items() if isinstance(record, Rejection)
    }
    assert {place for place, reason in reasons.items() if reason.startswith("needs repair: ")} == changed
    schema = {place for place in changed if reasons[place] == "needs repair: parameters are not JSON Schema"}
    expected = {"hermes": (17, 0), "toolace": (157, 157), "when2call": (483, 483)}
    assert (len(changed), len(schema)) == expected[name]


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_written_in_the_chat_format_is_read_back(
    records: dict[str, dict[Place, Record]], name: str
) -> None:
    chat_format = CHAT_FORMATS[name]
    for place, record in records[name].items():
        if isinstance(record, Conversation):
            row = json.loads(json.dumps(WRITERS[chat_format](record)))
            again = chat_format.parse(row, conversation_id=record.id)
            assert calls_of(again) == calls_of(record), place
            assert again == replace(record, repairs=(), losses=()), place


@pytest.mark.parametrize("name", FOLDERS)
def test_calls_and_their_ids_are_the_same_in_every_run(
    corpora: Path, records: dict[str, dict[Place, Record]], name: str
) -> None:
    assert read(corpora, name, repair=True) == records[name]
    for record in records[name].values():
        if isinstance(record, Conversation):
            ids = [call.id for message in record.messages for call in message.tool_calls]
            assert ids == [f"call_{number}" for number in range(len(ids))]
