from __future__ import annotations

from typing import Any

import pytest
from mistral_common.exceptions import InvalidToolException, InvalidToolSchemaException
from mistral_common.protocol.instruct.tool_calls import Function, Tool
from mistral_common.protocol.instruct.validator import MistralRequestValidatorV11, ValidationMode

from calibset.tokenizers.chat_templates.tool_memory import remember_tools


class Counting(MistralRequestValidatorV11):
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
