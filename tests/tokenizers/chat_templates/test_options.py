from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from calibset.tokenizers.chat_templates.options import FORMATS, ChatOptions, Format


def test_every_format_is_described() -> None:
    assert set(FORMATS) == set(get_args(Format))


def test_a_template_takes_any_keyword_that_json_can_hold() -> None:
    keywords = {
        "enable_thinking": True,
        "effort": "high",
        "tools_in_user_message": False,
        "x": [1, {"y": 2.5}],
    }
    assert ChatOptions(template=keywords).template == keywords


@pytest.mark.parametrize(
    ("keywords", "fault"),
    [
        ({"tokenize": True}, "tokenize is set by calibset or transformers, not by a recipe"),
        ({"messages": []}, "messages is set by calibset or transformers, not by a recipe"),
        ({"add_generation_prompt": True}, "add_generation_prompt is set by calibset or transformers, not by"),
        ({"bos_token": "x"}, "bos_token is set by calibset or transformers, not by a recipe"),
        ({"not a name": 1}, "not a name is no name that a template can read: a letter, then letters, digits"),
        ({"__class__": 1}, "__class__ is no name that a template can read"),
        ({"x": [[[[[[1]]]]]]}, "x holds too much: at most 64 values, 4 deep"),
        ({"x": list(range(65))}, "x holds too much: at most 64 values, 4 deep"),
        ({"x": "a" * 4097}, "x holds a text of more than 4,096 characters"),
        ({"x": object()}, "x must be a text, a number, true or false, or a list or table of these"),
        ({"x": float("inf")}, "x must be a finite number"),
    ],
)
def test_other_keywords_are_faults(keywords: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ChatOptions(template=keywords)
    assert caught.value.errors()[0]["msg"].startswith(fault)


def test_mistrals_formats_take_none() -> None:
    with pytest.raises(ValidationError) as caught:
        ChatOptions(format="mistral-v11", template={"x": 1})
    assert (
        caught.value.errors()[0]["msg"]
        == "template is for Jinja templates; Mistral's formats are not written by one"
    )
