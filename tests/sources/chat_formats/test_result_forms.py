"""Results in the words of a turn: read where they answer a call, or refused."""

from __future__ import annotations

import pytest

from calibset.core.documents import Conversation
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.dialogue import parse
from calibset.sources.chat_formats.result_forms import read_results_in_words
from tests.sources.chat_formats.strict import read_strictly

CALLS = [{"name": "f", "arguments": {"x": 1}}, {"name": "f", "arguments": {"x": 2}}]

FORMS = [
    "<tool_response>\n1.5\n</tool_response>\n<tool_response>\n2.5\n</tool_response>",
    '<tool_response>{"name": "f", "content": "1.5"}</tool_response>'
    '<tool_response>{"name": "f", "content": "2.5"}</tool_response>',
    "<tool_result>1.5</tool_result><tool_result>2.5</tool_result>",
    "<function_response>1.5</function_response>\n<function_response>2.5</function_response>",
    "[TOOL_RESULTS] 1.5 [/TOOL_RESULTS][TOOL_RESULTS]2.5[/TOOL_RESULTS]",
    '[TOOL_RESULTS] [{"content": "1.5"}, {"content": "2.5"}] [/TOOL_RESULTS]',
    "<|observation|>1.5<|observation|>2.5",
    "<|tool_response|>1.5<|/tool_response|><|tool_response|>2.5<|/tool_response|>",
    "<｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>1.5<｜tool▁output▁end｜>"
    "<｜tool▁output▁begin｜>2.5<｜tool▁output▁end｜><｜tool▁outputs▁end｜>",
]


def read(role: str, text: str) -> Conversation:
    messages = [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "tool_calls": CALLS},
        {"role": role, "content": text},
        {"role": "assistant", "content": "Done"},
    ]
    return read_strictly(parse, {"tools": [{"name": "f"}], "messages": messages})


@pytest.mark.parametrize("role", ["tool", "user"])
@pytest.mark.parametrize("text", FORMS)
def test_results_are_read_in_every_form(role: str, text: str) -> None:
    results = [(m.role, m.content, m.tool_call_id) for m in read(role, text).messages[2:4]]
    assert results == [("tool", "1.5", "call_0"), ("tool", "2.5", "call_1")]


@pytest.mark.parametrize("text", FORMS)
def test_a_whole_result_needs_no_repair(text: str) -> None:
    repairs = RepairLog()
    assert read_results_in_words(text, repairs)
    assert repairs.entries == []


@pytest.mark.parametrize(
    "text",
    ["<tool_response>1.5", "<｜tool▁output▁begin｜>1.5", "[TOOL_RESULTS]1.5[/TOOL_RESULTS][TOOL_RESULTS]2.5"],
)
def test_a_result_without_its_closing_tag_is_read_and_noted(text: str) -> None:
    repairs = RepairLog()
    results = read_results_in_words(text, repairs)
    assert results
    assert results[0].content == "1.5"
    assert [repair.reason for repair in repairs.entries] == ["closing tag missing"]


def test_results_that_name_their_calls_go_to_them() -> None:
    text = "[TOOL_RESULTS]b[TOOL_CONTENT]2.5[/TOOL_RESULTS][TOOL_RESULTS]a[TOOL_CONTENT]1.5[/TOOL_RESULTS]"
    results = read_results_in_words(text, RepairLog())
    assert results is not None
    assert [(result.call_id, result.content) for result in results] == [("b", "2.5"), ("a", "1.5")]


@pytest.mark.parametrize(
    "text", ["<tool_response>1</tool_response> Go on.", "1.5", "See <tool_response>1</tool_response>"]
)
def test_other_words_hold_no_results(text: str) -> None:
    assert read_results_in_words(text, RepairLog()) is None


@pytest.mark.parametrize("text", FORMS)
def test_a_result_that_answers_no_call_is_not_taken_for_a_question(text: str) -> None:
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": "Done"}]
    with pytest.raises(ChatFormatError, match=r"^tool response in words: "):
        parse({"messages": messages}, conversation_id="1")


def test_a_user_may_speak_of_results() -> None:
    text = "What does `<tool_response>` mean, and <tool_response>?"
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": "An answer."}]
    assert parse({"messages": messages}, conversation_id="1").messages[0].content == text
