"""Calls without the mark of a form: refused where they call a declared tool by its name."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.dialogue import parse
from calibset.sources.chat_formats.named_calls import _ArgumentsFirst, check_no_named_calls

CALL = '{"name": "get_rate", "arguments": {"to": "EUR"}}'
DECLARED = frozenset({"get_rate", "now"})


def read(text: str, *earlier: str) -> list[str]:
    turns = [
        turn
        for answer in (*earlier, text)
        for turn in ({"role": "user", "content": "Rates?"}, {"role": "assistant", "content": answer})
    ]
    row = {"tools": [{"name": name} for name in sorted(DECLARED)], "messages": turns}
    return [turn.content for turn in parse(row, conversation_id="1", repairs=RepairLog()).messages]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"Let me see. {CALL}", "JSON"),
        (f"{CALL} And so on.", "JSON"),
        ('So: {"parameters": {"to": {"a": 1}}, "name": "get_rate"}', "JSON"),
        ("So: {'tool_name': 'get_rate', 'parameters': {}}", "JSON"),
        ('{"action": "get_rate", "action_input": {"to": "EUR"}}.', "JSON"),
        ('{"tool_calls": [{"function": {"name":"get_rate","arguments":"{}"}}]}', "JSON"),
        (r'"{\"name\": \"get_rate\", \"arguments\": {}}"', "JSON"),
        (f"&lt;tool_call&gt;{CALL}&lt;/tool_call&gt;", "JSON"),
        ('get_rate\n{"to": "EUR"}', "NAME{…}"),
        ('Well.\nget_rate[ARGS]{"to": "EUR"}', "NAME{…}"),
        ('commentary to=functions.get_rate json{"to": "EUR"}', "NAME{…}"),
        ("functions.now:0{}", "NAME{…}"),
        ("<code>\nnow()\n</code>", "NAME(…)"),
        ('Call: get_rate(to="EUR") <bot_end>', "NAME(…)"),
        ('I look it up.\nAction: get_rate(to="EUR")', "NAME(…)"),
    ],
)
def test_a_call_by_name_is_refused(text: str, form: str) -> None:
    with pytest.raises(ChatFormatError) as caught:
        read(text)
    assert caught.value.reason == f"tool call in words: {form}"


@pytest.mark.parametrize(
    "text",
    [
        'I have {"name": "get_rate", "description": "A rate.", "parameters": {"type": "object"}}.',
        'I have {"name": "get_rate", "parameters": {"type": "object", "properties": {}}}.',
        'It is {"name": "Jana", "arguments": ["for", "against"]} that counts.',
        f"One calls it like this:\n```json\n{CALL}\n```\nand waits.",
        "The call is `get_rate(to=1)`.",
        "Use get_rate(to=1) for that.",
        "now() gives the time.",
        "get_rate and now are all that I have.",
    ],
)
def test_words_about_tools_stay_words(text: str) -> None:
    assert read(text) == ["Rates?", text]


def test_the_exchanges_before_such_a_call_are_kept() -> None:
    assert read(f"Well, {CALL}", "None today.") == ["Rates?", "None today."]


@pytest.mark.parametrize(
    "piece", ["\n", " ", "now", "now ", '"name":"now",', '"arguments":{"}', "now(a=", "Call: ", "<a>", "to="]
)
def test_hostile_words_are_answered_at_once(piece: str) -> None:
    start = time.perf_counter()
    for text in ("now" + piece * (100_000 // len(piece)), piece * (100_000 // len(piece)) + "now"):
        with suppress(ChatFormatError):
            check_no_named_calls(text, DECLARED)
    assert time.perf_counter() - start < 3


_PIECES = (
    '"arguments"', "'args' ", '"args":{}', '"args"\n: 1', ":", " : ", "\n", "}", "{", "x", ",", " ", '"',
    '"name": "f"', '"tool":"g"}', '}, "name": "f"}', '}",\n"name":"f" }', "x" * 700,
)  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES)).map("".join))
@example('"args":}, "name": "f"}"args":{}"tool":"g"}}, "name": "f"}"args"}, "name": "f"}')
def test_names_behind_arguments_are_found_as_by_the_pattern_alone(text: str) -> None:
    shape = _ArgumentsFirst()
    assert [found.span() for found in shape.finditer(text)] == [
        found.span() for found in shape.pattern.finditer(text)
    ]


@pytest.mark.parametrize("others", [0, 100])
def test_among_many_tools_the_one_that_is_called_is_found(others: int) -> None:
    declared = ["now", *(f"other{number}" for number in range(others))]
    check_no_named_calls('Well. {"name": "later", "arguments": {}}', declared)
    with pytest.raises(ChatFormatError, match="tool call in words: JSON"):
        check_no_named_calls('Well. {"name": "now", "arguments": {}}', declared)
