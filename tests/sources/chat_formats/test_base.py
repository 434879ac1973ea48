"""Which faults of each chat format are mended, and that each is refused under its own name without repair."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from calibset.core.documents import Record, Rejection
from calibset.sources.chat_formats import hermes, toolace, when2call
from calibset.sources.chat_formats.base import ConversationParser, RepairLog, read_conversation

TOOL = {"name": "f", "description": "F.", "parameters": {"type": "object", "properties": {}}}
CALL = '{"name": "f", "arguments": {"x": 1}}'
RESULT = '<tool_response>\n{"name": "f", "content": {"ok": true}}\n</tool_response>'
Row = Mapping[str, object]


def hermes_row(answer: str = f"<tool_call>\n{CALL}\n</tool_call>", result: str = "", **others: object) -> Row:
    turns = [("human", "Go"), ("gpt", answer), *([("tool", result), ("gpt", "Done")] if result else [])]
    listed = [{"from": role, "value": value} for role, value in turns]
    return {"tools": json.dumps([{"type": "function", "function": TOOL}]), "conversations": listed, **others}


def hermes_row_with_prompt(listed: str, tools: object) -> Row:
    row = hermes_row(tools=tools)
    turns = row["conversations"]
    assert isinstance(turns, list)
    prompt = {"from": "system", "value": f"<tools>\n{listed}\n</tools>"}
    return {**row, "conversations": [prompt, *turns]}


def hermes_row_with_tool(**fields: object) -> Row:
    return hermes_row(tools=json.dumps([{**TOOL, **fields}]))


def toolace_row(answer: str = "[f(x=1)]", result: str = "", **fields: object) -> Row:
    turns = [
        ("user", "Go"),
        ("assistant", answer),
        *([("tool", result), ("assistant", "Done")] if result else []),
    ]
    return {
        "system": f"Functions: {json.dumps([{**TOOL, **fields}])}.",
        "conversations": [{"from": role, "value": value} for role, value in turns],
    }


def when2call_row(answer: str = f"<TOOLCALL>[{CALL}]</TOOLCALL>", tool: object = TOOL) -> Row:
    messages = [{"role": "user", "content": "Go"}, {"role": "assistant", "content": answer}]
    return {"tools": [json.dumps(tool)], "messages": messages}


def repair_reasons(parse: ConversationParser, row: Row) -> list[str]:
    repairs = RepairLog()
    parse(row, conversation_id="1", repairs=repairs)
    return [repair.reason for repair in repairs.entries]


def read(parse: ConversationParser, row: Row, *, repair: bool) -> Record:
    return read_conversation(row, parse, position="a#1", conversation_id="1", repair=repair)


CASES: list[tuple[ConversationParser, Row, list[str]]] = [
    (
        hermes.parse,
        hermes_row("<tool_call>{'name': 'f', 'arguments': {'x': 1}}</tool_call>"),
        ["not quite JSON"],
    ),
    (hermes.parse, hermes_row(f"<tool_call>{CALL[:-1]},}}</tool_call>"), ["not quite JSON"]),
    (hermes.parse, hermes_row(f"<tool_call>{CALL[:-1]}</tool_call>"), ["last brace missing"]),
    (hermes.parse, hermes_row(f"<tool_call>{CALL}}}}}</tool_call>"), ["extra brace"]),
    (hermes.parse, hermes_row(f"<tool_call>{CALL}"), ["closing tag missing"]),
    (hermes.parse, hermes_row(f"<tool_call>{CALL[:-1]}"), ["last brace missing", "closing tag missing"]),
    (hermes.parse, hermes_row(f"<tool_call>\\n{CALL}</tool_call>"), ["escaped line breaks"]),
    (hermes.parse, hermes_row(f"<tool_call>{CALL}\\n</tool_call>"), ["escaped line breaks"]),
    (hermes.parse, hermes_row(f"<tool_call>{CALL}</tool_call>\\n"), ["escaped line breaks"]),
    (hermes.parse, hermes_row(f"So:\\n<tool_call>{CALL}</tool_call>"), ["escaped line breaks"]),
    (
        hermes.parse,
        hermes_row('<tool_call>{"name": "f", "arguments": "{}"}</tool_call>'),
        ["arguments as text"],
    ),
    (hermes.parse, hermes_row('<tool_call>{"name": "f"}</tool_call>'), ["no arguments"]),
    (
        hermes.parse,
        hermes_row('<tool_call>{"arguments": {"name": "f"}}</tool_call>'),
        ["name inside the arguments"],
    ),
    (hermes.parse, hermes_row(result=RESULT.replace("true", "True")), ["not quite JSON"]),
    (hermes.parse, hermes_row(result='{"name": "f", "content": 1}'), ["tool response without tags"]),
    (hermes.parse, hermes_row(result="<tool_response>fine"), ["closing tag missing"]),
    (hermes.parse, hermes_row_with_prompt(json.dumps([TOOL]), "null"), ["tools in the system prompt only"]),
    (hermes.parse, hermes_row(tools=repr([TOOL])), ["tools not quite JSON"]),
    (hermes.parse, hermes_row(tools=json.dumps([TOOL, TOOL])), ["tool declared twice"]),
    (
        hermes.parse,
        hermes_row(tools=json.dumps([TOOL, {**TOOL, "description": "Another."}])),
        ["tool declared twice"],
    ),
    (
        hermes.parse,
        hermes_row(
            tools=json.dumps([TOOL, {**TOOL, "parameters": {"type": "object", "properties": {"x": {}}}}])
        ),
        ["two tools under one name"],
    ),
    (
        hermes.parse,
        hermes_row('<tool_call>{"name": "f", "arguments": "{\\"x\\": 1"}</tool_call>'),
        ["arguments as text", "last brace missing"],
    ),
    (hermes.parse, hermes_row_with_tool(parameters=None), ["tool without parameters"]),
    (
        hermes.parse,
        hermes_row_with_tool(parameters={"type": "dict", "properties": {}}),
        ["parameters are not JSON Schema"],
    ),
    (hermes.parse, hermes_row_with_tool(required=["x"]), ["parameters are not JSON Schema"]),
    (hermes.parse, hermes_row_with_tool(description=None), ["tool description is no text"]),
    (toolace.parse, toolace_row("[f(x=1), f\\n(x=2)]"), ["escaped line breaks"]),
    (toolace.parse, toolace_row("[f(x=1),\\nf(x=2)]"), ["escaped line breaks"]),
    (toolace.parse, toolace_row("[f(x={\\n'k': 1})]"), ["escaped line breaks"]),
    (toolace.parse, toolace_row(result="[{'name': 'f', 'results': 1}]"), ["not quite JSON"]),
    (
        toolace.parse,
        toolace_row(parameters={"type": "dict", "properties": {}}),
        ["parameters are not JSON Schema"],
    ),
    (when2call.parse, when2call_row(f"<TOOLCALL>[{CALL}]"), ["closing tag missing"]),
    (
        when2call.parse,
        when2call_row(
            tool={**TOOL, "parameters": {"type": "object", "properties": {"x": {"type": "str, optional"}}}}
        ),
        ["parameters are not JSON Schema"],
    ),
    (
        when2call.parse,
        {
            "tools": [json.dumps(TOOL)],
            "question": "Go",
            "correct_answer": "tool_call",
            "answers": {"tool_call": "{'name': 'f', 'arguments': {}}"},
        },
        ["not quite JSON"],
    ),
]


@pytest.mark.parametrize(("parse", "row", "reasons"), CASES)
def test_what_is_mended_is_noted_and_rejected_without_repair(
    parse: ConversationParser, row: Row, reasons: list[str]
) -> None:
    assert repair_reasons(parse, row) == reasons
    rejection = read(parse, row, repair=False)
    assert isinstance(rejection, Rejection)
    assert (rejection.position, rejection.reason) == ("a#1", f"needs repair: {reasons[0]}")
    assert len(rejection.excerpt) <= 200


@pytest.mark.parametrize(
    ("parse", "row"),
    [
        (hermes.parse, hermes_row()),
        (hermes.parse, hermes_row(f"One moment.\n<tool_call>\n{CALL}\n</tool_call>\n")),
        (hermes.parse, hermes_row(result=RESULT)),
        (hermes.parse, hermes_row(result="<tool_response>\nno such page\n</tool_response>")),
        (hermes.parse, hermes_row("Hello", tools="null")),
        (hermes.parse, hermes_row_with_prompt(json.dumps([TOOL]), json.dumps([TOOL]))),
        (toolace.parse, toolace_row()),
        (toolace.parse, toolace_row("[f(x='\\n', y=True, z=\"it's\\t\")]")),
        (toolace.parse, toolace_row(result='[{"name": "f", "results": {}}]')),
        (toolace.parse, toolace_row("Which one?")),
        (when2call.parse, when2call_row()),
        (when2call.parse, when2call_row("Which one?")),
    ],
)
def test_a_row_without_a_fault_is_the_same_without_repair(parse: ConversationParser, row: Row) -> None:
    assert repair_reasons(parse, row) == []
    assert read(parse, row, repair=False) == read(parse, row, repair=True) == parse(row, conversation_id="1")


def test_a_fault_beyond_repair_keeps_its_own_name() -> None:
    row = hermes_row("<tool_call>{'name': 'g', 'arguments': {}}</tool_call>")
    rejection = read(hermes.parse, row, repair=False)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "call to an undeclared tool"
