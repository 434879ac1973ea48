"""The parser of tool calls follows what the chat template writes around them."""

from __future__ import annotations

import pytest

from calibset.evaluation.serving.tool_parsers import find_tool_parser


@pytest.mark.parametrize(
    ("template", "parser"),
    [
        ("{{ '[TOOL_CALLS]' + name }}", "mistral"),
        ('<tool_call>\n{"name": ', "hermes"),
        ("<tool_call>\n<function=' + name", "qwen3_coder"),
        ("<tool_call>{{ name }}<arg_key>", "glm45"),
        ("<|python_tag|>", "llama3_json"),
        ("<｜tool▁calls▁begin｜>", "deepseek_v31"),
        ("<｜tool▁calls▁begin｜>\n```json", "deepseek_v3"),
    ],
)
def test_forms_are_told_apart(template: str, parser: str) -> None:
    found = find_tool_parser(template)
    assert found is not None
    assert found[0] == parser


def test_a_template_without_calls_has_none() -> None:
    assert find_tool_parser("<|im_start|>{{ message.content }}<|im_end|>") is None
