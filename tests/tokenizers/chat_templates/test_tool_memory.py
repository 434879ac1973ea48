from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistral_common.exceptions import InvalidToolException, InvalidToolSchemaException
from mistral_common.protocol.instruct.tool_calls import Function, Tool
from mistral_common.protocol.instruct.validator import MistralRequestValidatorV13, ValidationMode

from calibset.tokenizers.chat_templates.tool_memory import outline_schema, remember_tools


class Counting(MistralRequestValidatorV13):
    """mistral-common's validator, which counts the functions that it checks."""

    checked = 0

    def _validate_function(self, function: Function) -> None:
        Counting.checked += 1
        super()._validate_function(function)


def tool(name: str = "f", **parameters: Any) -> Tool:
    return Tool(function=Function(name=name, description="", parameters=parameters))


def validate(validator: Any, *tools: Tool) -> int:
    """Return how many functions were checked."""
    before = Counting.checked
    validator._validate_tools(list(tools))
    return Counting.checked - before


def test_a_tool_is_checked_once() -> None:
    validator = remember_tools(Counting(ValidationMode.finetuning))
    assert validator.mode == ValidationMode.finetuning
    one, other = tool(type="object"), tool(type="object", properties={"a": {"type": "string"}})
    assert validate(validator, one, one) == 1
    assert validate(validator, one, other) == 1
    assert validate(validator, one, other, tool("g", type="object")) == 1


def test_a_wrong_tool_is_refused_each_time() -> None:
    validator = remember_tools(Counting(ValidationMode.finetuning))
    for _ in range(2):
        with pytest.raises(InvalidToolSchemaException):
            validate(validator, tool(type="object"), tool(type=5))
        with pytest.raises(InvalidToolException):
            validate(validator, tool("no name"))


def test_so_many_tools_are_remembered() -> None:
    validator = remember_tools(Counting(ValidationMode.finetuning))
    assert validate(validator, *(tool(f"f{number}") for number in range(4096))) == 4096
    assert validate(validator, tool("f0")) == 0
    assert validate(validator, tool("g")) == 1
    assert validate(validator, tool("f0")) == 1


def test_tools_that_differ_in_words_and_names_alone_are_held_against_json_schema_once() -> None:
    validator = remember_tools(Counting(ValidationMode.finetuning))
    town = {"type": "string", "description": "A town.", "default": "Brno", "enum": ["Brno", "Pezinok"]}
    validate(validator, tool("f", type="object", properties={"town": town}, required=["town"]))
    assert len(validator.right_outlines) == 1
    validate(validator, tool("g", type="object", properties={"a": {"type": "string"}, "b": town}))
    assert len(validator.right_outlines) == 1
    validate(validator, tool("h", type="object", properties={"a": {"type": "number"}}))
    assert len(validator.right_outlines) == 2
    with pytest.raises(InvalidToolException):  # its name is looked at all the same
        validate(validator, tool("no name", type="object", properties={"a": {"type": "string"}}))


KEYWORDS = st.sampled_from(
    "type properties items required enum description title default pattern minLength anyOf not a 0".split()  # noqa: SIM905
)
SCHEMAS = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, -1, 1.0, "string", "object", "[", "{}", "#"]),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(KEYWORDS, parts, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["properties", "items", "required", "description"]), SCHEMAS) | SCHEMAS
)
def test_an_outline_is_right_if_and_only_if_its_schema_is(schema: Any) -> None:
    assert is_right(outline_schema(schema)) == is_right(schema)


def test_names_that_are_required_twice_stay_wrong() -> None:
    assert not is_right(outline_schema({"required": ["a", "a"]}))
    assert outline_schema({"required": ["a", "b"]}) == {}


def is_right(schema: Any) -> bool:
    try:
        jsonschema.Draft7Validator.check_schema(schema)
    except jsonschema.SchemaError:
        return False
    return True
