"""Tools are declared in every API's way, and what is left out of a declaration is noted."""

from __future__ import annotations

import json

import pytest

from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.tools import MOST_TOOLS, read_tools

SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}
TEXT = '{"type": "object", "properties": {"x": {"type": "string"}}}'


def read(value: object) -> tuple[list[tuple[str, str, str]], list[str]]:
    repairs = RepairLog()
    tools = read_tools(value, repairs)
    return [(t.name, t.description, t.parameters) for t in tools], [entry.reason for entry in repairs.entries]


@pytest.mark.parametrize(
    "tool",
    [
        {
            "type": "function",
            "function": {"name": "f", "description": "F.", "parameters": SCHEMA, "strict": True},
        },
        {"name": "f", "description": "F.", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}},
        {"name": "f", "description": "F.", "inputSchema": SCHEMA},
        {"name": "f", "description": "F.", "inputSchema": {"jsonSchema": SCHEMA}},
        {"name": "f", "description": "F.", "params": SCHEMA},
        {"name": "f", "description": "F.", "parameters": TEXT},
        {"name": "f", "description": "F.", "parametersJsonSchema": SCHEMA, "title": "F"},
        {"name": "f", "description": "F.", "properties": SCHEMA["properties"]},
        {"function": {"name": "f", "description": "F."}, "parameters": SCHEMA},
        {"toolSpec": {"name": "f", "description": "F.", "inputSchema": {"json": SCHEMA}}},
        {"functionDeclarations": [{"name": "f", "description": "F.", "parameters": SCHEMA}]},
        json.dumps({"name": "f", "description": "F.", "parameters": SCHEMA}),
    ],
)
def test_a_tool_is_the_same_in_every_spelling(tool: object) -> None:
    expected = [("f", "F.", TEXT)]
    assert read(tool)[0] == read([tool])[0] == read(json.dumps([tool]))[0] == expected
    assert read([tool])[1] == []


def test_cohere_lists_parameters_by_name() -> None:
    definitions = {"x": {"type": "str", "required": True}, "y": {"type": "int", "required": False}}
    ((_, _, parameters),), _ = read({"name": "f", "parameter_definitions": definitions})
    assert json.loads(parameters) == {
        "type": "object",
        "properties": {"x": {"type": "string"}, "y": {"type": "integer"}},
        "required": ["x"],
    }


def test_what_is_under_an_unknown_key_is_noted() -> None:
    tool = {"name": "f", "parameters": SCHEMA, "returns": {"type": "string"}, "empty": None}
    assert read(tool) == ([("f", "", TEXT)], ["unknown key in a tool: returns"])


def test_two_schemas_that_differ_are_refused() -> None:
    other = {"type": "object", "properties": {"y": {}}}
    with pytest.raises(ChatFormatError, match=r"^two keys that differ: parameters$"):
        read_tools({"name": "f", "parameters": SCHEMA, "input_schema": other})
    assert read({"name": "f", "parameters": SCHEMA, "input_schema": TEXT})[1] == []


def test_more_tools_than_any_model_is_offered_are_refused() -> None:
    tools = [{"name": f"f{number}"} for number in range(MOST_TOOLS)]
    assert len(read_tools(tools)) == MOST_TOOLS
    with pytest.raises(ChatFormatError, match="too many tools"):
        read_tools([*tools, {"name": "g"}])
