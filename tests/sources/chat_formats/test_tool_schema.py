from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistral_common.protocol.instruct.messages import AssistantMessage, UserMessage
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.protocol.instruct.tool_calls import Function
from mistral_common.protocol.instruct.tool_calls import Tool as MistralTool
from mistral_common.protocol.instruct.validator import ValidationMode, get_validator
from mistral_common.tokens.tokenizers.base import TokenizerVersion

from calibset.sources.chat_formats.base import ChatFormatError
from calibset.sources.chat_formats.tool_schema import normalise_parameters
from calibset.sources.chat_formats.tools import read_tools
from calibset.sources.chat_formats.type_names import parse_type
from tests.sources.chat_formats.row_writers import tools_json


def parameters(properties: object, **others: object) -> object:
    return json.loads(normalise_parameters({"type": "dict", "properties": properties, **others}))


def accept(schema: str) -> None:
    tool = MistralTool(function=Function(name="f", description="", parameters=json.loads(schema)))
    messages = [UserMessage(content="Hi"), AssistantMessage(content="Hello")]
    validator = get_validator(TokenizerVersion.v11, ValidationMode.finetuning)
    validator.validate_request(ChatCompletionRequest(messages=messages, tools=[tool]))


@pytest.mark.parametrize(
    ("spelling", "keywords"),
    [
        ("dict", {"type": "object"}),
        ("float", {"type": "number"}),
        ("double", {"type": "number"}),
        ("str", {"type": "string"}),
        ("int", {"type": "integer"}),
        ("bool", {"type": "boolean"}),
        ("list", {"type": "array"}),
        ("tuple", {"type": "array"}),
        ("List[int]", {"type": "array", "items": {"type": "integer"}}),
        (
            "typing.List[List[str]]",
            {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
        ),
        ("array<string>", {"type": "array", "items": {"type": "string"}}),
        ("Tuple[int, str]", {"type": "array"}),
        ("Dict[str, int]", {"type": "object"}),
        ("Union[int, str]", {"type": ["integer", "string"]}),
        ("int or str", {"type": ["integer", "string"]}),
        ("int | None", {"type": "integer"}),
        ("Union[int, Any]", {}),
        ("any", {}),
        ("Callable[[float], float]", {}),
        ("", {}),
        ("list[" * 100, {}),
    ],
)
def test_types_as_corpora_spell_them(spelling: str, keywords: dict[str, object]) -> None:
    assert parse_type(spelling).keywords() == keywords


@pytest.mark.parametrize(
    "spelling", ["str, optional", "Optional[str]", "str (optional)", "str | None", "str, default 'x'"]
)
def test_optional_types_are_not_required(spelling: str) -> None:
    assert parameters({"x": {"type": spelling}, "y": {"type": "int"}}, required=["x", "y"]) == {
        "type": "object",
        "properties": {"x": {"type": "string"}, "y": {"type": "integer"}},
        "required": ["y"],
    }


def test_key_order_is_the_corpus_s_and_text_stays_readable() -> None:
    schema = {
        "required": ["mesto"],
        "properties": {"mesto": {"description": "Žilina", "type": "str"}},
        "type": "dict",
    }
    assert normalise_parameters(schema) == (
        '{"required": ["mesto"], "properties": {"mesto": {"description": "Žilina", "type": "string"}}, '
        '"type": "object"}'
    )


def test_missing_parameters_are_an_empty_object() -> None:
    assert normalise_parameters(None) == '{"type": "object", "properties": {}}'


def test_required_of_null_is_dropped() -> None:
    assert parameters({}, required=None) == {"type": "object", "properties": {}}


def test_required_beside_the_parameters_is_moved_in() -> None:
    (tool,) = read_tools(
        {"name": "f", "parameters": {"properties": {"x": {"type": "int"}}}, "required": ["x"]}
    )
    assert json.loads(tool.parameters)["required"] == ["x"]


def test_a_boolean_required_of_a_parameter_is_collected() -> None:
    nested = {"type": "dict", "required": True, "properties": {"y": {"type": "int", "required": True}}}
    assert parameters({"x": nested, "z": {"type": "int", "required": False}}) == {
        "type": "object",
        "properties": {
            "x": {"type": "object", "properties": {"y": {"type": "integer"}}, "required": ["y"]},
            "z": {"type": "integer"},
        },
        "required": ["x"],
    }


def test_parameters_without_a_frame_are_framed() -> None:
    assert json.loads(normalise_parameters({"x": {"type": "int"}, "type": {"type": "str"}})) == {
        "type": "object",
        "properties": {"x": {"type": "integer"}, "type": {"type": "string"}},
    }


def test_keywords_with_a_wrong_value_are_dropped() -> None:
    wrong: dict[str, object] = {
        "type": "array",
        "description": None,
        "items": [],
        "enum": "a, b",
        "pattern": "(",
        "minimum": "0",
        "minLength": -1,
        "exclusiveMinimum": True,
        "multipleOf": 0,
        "anyOf": [],
        "default": "kept",
    }
    assert parameters({"x": wrong}) == {
        "type": "object",
        "properties": {"x": {"type": "array", "description": "", "default": "kept"}},
    }


def test_nesting_beyond_the_limit_is_cut() -> None:
    schema: dict[str, object] = {"type": "str"}
    for _ in range(200):
        schema = {"type": "list", "items": schema}
    text = normalise_parameters({"properties": {"x": schema}})
    assert 20 < text.count('"items"') < 40
    accept(text)


def test_tools_in_every_wrapping() -> None:
    bare = {"name": "Get Rate", "description": None, "parameters": None}
    expected = read_tools([bare])
    assert expected[0].name == "Get Rate"
    assert expected[0].description == ""
    for value in (
        bare,
        json.dumps(bare),
        [json.dumps(bare)],
        json.dumps([bare]),
        {"type": "function", "function": bare},
        [json.dumps({"type": "function", "function": bare})],
        [bare, bare],
        repr([bare]),
    ):
        assert read_tools(value) == expected


def test_of_tools_under_one_name_the_first_counts() -> None:
    first = {"name": "f", "description": "F.", "parameters": {"properties": {"x": {"type": "int"}}}}
    others = ({**first, "description": "G."}, {**first, "parameters": {"properties": {"y": {"type": "int"}}}})
    for other in others:
        assert read_tools([first, {"name": "g"}, other]) == read_tools([first, {"name": "g"}])


@pytest.mark.parametrize("value", [None, "", "null", "[]", []])
def test_no_tools(value: object) -> None:
    assert read_tools(value) == ()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[{", "unparsable tools"),
        ([1], "unparsable tools"),
        ([{"name": "f", "parameters": "{"}], "unparsable tools"),
        ([{"name": "f", "parameters": {"default": float("inf")}}], "unparsable tools"),
        ([{"description": "nameless"}], "tool without a name"),
        ([{"name": " "}], "tool without a name"),
        ([{"name": 7}], "tool without a name"),
    ],
)
def test_what_is_no_tool_is_an_error(value: object, reason: str) -> None:
    with pytest.raises(ChatFormatError) as caught:
        read_tools(value)
    assert caught.value.reason == reason
    assert len(caught.value.excerpt) <= 200


KEYWORDS = st.sampled_from(
    [
        "type",
        "description",
        "properties",
        "items",
        "required",
        "enum",
        "default",
        "pattern",
        "minimum",
        "minLength",
        "anyOf",
        "title",
        "additionalProperties",
        "format",
        "multipleOf",
        "dependencies",
        "const",
        "uniqueItems",
        "patternProperties",
        "x",
    ]
)
SCALARS = st.sampled_from(
    ["dict", "List[int]", "str, optional", "float", "any", "(", "", 0, -1, 1.5, True, None]
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=5),
    max_leaves=20,
)


@given(SCHEMAS)
def test_whatever_the_corpus_holds_the_validator_accepts(schema: object) -> None:
    accept(normalise_parameters(schema))


@given(SCHEMAS)
def test_a_normalised_schema_stays_as_it_is(schema: object) -> None:
    text = normalise_parameters(schema)
    assert normalise_parameters(json.loads(text)) == text


def test_tools_are_written_and_read_back() -> None:
    tools = read_tools(
        [{"name": "M4.5+, Past 7 Days", "parameters": {"x": {"type": "List[int]"}}}, {"name": "g"}]
    )
    assert read_tools(tools_json(tools)) == tools


def test_a_pattern_too_long_to_be_one_is_left_out() -> None:
    schema = {"properties": {"x": {"pattern": "a" * 10_000}, "y": {"pattern": "a" * 10_001}}}
    assert json.loads(normalise_parameters(schema))["properties"] == {"x": {"pattern": "a" * 10_000}, "y": {}}
