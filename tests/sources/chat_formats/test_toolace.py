from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation
from calibset.sources.chat_formats.base import ChatFormatError
from calibset.sources.chat_formats.toolace import parse

NAMES = ["Get Rate", "Get Rate (Daily) V2", "M4.5+ Earthquakes, Past 7 Days", "Strong's Number API", "a.b"]
SYSTEM = "Here is a list of functions:\n{}. \nPut it in the format of [func1(name=value), func2(params)]\n"


def row(*turns: tuple[str, str], names: list[str] = NAMES) -> dict[str, object]:
    tools = [
        {"name": name, "parameters": {"type": "dict", "properties": {}}, "required": None} for name in names
    ]
    return {
        "system": SYSTEM.replace("{}", json.dumps(tools)),
        "conversations": [{"from": role, "value": value} for role, value in turns],
    }


def called(text: str) -> list[tuple[str, object]]:
    conversation = parse(row(("user", "Go"), ("assistant", text)), conversation_id="1")
    return [(call.name, json.loads(call.arguments)) for call in conversation.messages[-1].tool_calls]


def outcome(text: str) -> str:
    try:
        return "calls" if called(text) else "prose"
    except ChatFormatError as error:
        return error.reason


def reason(of: dict[str, object]) -> str:
    with pytest.raises(ChatFormatError) as caught:
        parse(of, conversation_id="1")
    return caught.value.reason


@pytest.mark.parametrize("name", NAMES)
def test_names_that_are_no_identifiers(name: str) -> None:
    assert called(f"[{name}(x=1), {name}()]") == [(name, {"x": 1}), (name, {})]


def test_the_longest_declared_name_is_meant() -> None:
    assert called("[Get Rate (Daily) V2(), Get Rate (x=1)]") == [
        ("Get Rate (Daily) V2", {}),
        ("Get Rate", {"x": 1}),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a, b) = [c"', "a, b) = [c"),
        (r"'it\'s'", "it's"),
        ("true", True),
        ("True", True),
        ("null", None),
        ("None", None),
        ("-93.265", -93.265),
        ('["a", [1, 2.0], {"k": (1, 2)}]', ["a", [1, 2.0], {"k": [1, 2]}]),
        ("{'k': {\"l\": False}}", {"k": {"l": False}}),
        ('"žltý\nkôň"', "žltý\nkôň"),
    ],
)
def test_values_are_json_or_python(text: str, value: object) -> None:
    assert called(f"[a.b(x={text}, y = 2,)]") == [("a.b", {"x": value, "y": 2})]


def test_argument_names_need_be_no_identifiers() -> None:
    assert called('[a.b(from="x", start-date=1, $top=2, f[0]=3, two words=4)]') == [
        ("a.b", {"from": "x", "start-date": 1, "$top": 2, "f[0]": 3, "two words": 4})
    ]


def test_prose_before_the_calls_is_the_turn_s_content() -> None:
    message = parse(row(("user", "Go"), ("assistant", "Sure. [a.b(x=1)]")), conversation_id="1").messages[-1]
    assert (message.content, message.tool_calls[0].name) == ("Sure.", "a.b")


@pytest.mark.parametrize(
    "text",
    [
        "[insert name] is the one",
        "[link](https://example.org)",
        "[1, 2, 3]",
        "[Get Rate] gives a rate",
        "You may use [a.b(x=1)] for that.",
        "See [the guide (part 2)]",
    ],
)
def test_brackets_in_prose_are_no_calls(text: str) -> None:
    message = parse(row(("user", "Go"), ("assistant", text)), conversation_id="1").messages[-1]
    assert (message.content, message.tool_calls) == (text, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a.b(x=one)]", "unparsable tool call"),
        ('[a.b("one")]', "unparsable tool call"),
        ("[a.b(x=1, x=2)]", "unparsable tool call"),
        ("[a.b(=1)]", "unparsable tool call"),
        ("[a.b(x=1 y=2)]", "unparsable tool call"),
        ("[a.b(x=1)", "unparsable tool call"),
        ("[a.b(x=1e999)]", "unparsable tool call"),
        ("[a.b(x=__import__('os'))]", "unparsable tool call"),
        ("[a.b(), nonsense]", "unparsable tool call"),
        ("Sure. [a.b(x=one)]", "unparsable tool call"),
        ("[Get Weather(x=1)]", "call to an undeclared tool"),
        ("[Get Weather()]", "call to an undeclared tool"),
        ("[a.b(), Get Weather(x=1)]", "call to an undeclared tool"),
        ("[a.b()] and so on", "prose after a tool call"),
        ("[]", "empty assistant turn"),
        ("", "empty assistant turn"),
    ],
)
def test_calls_that_can_t_be_repaired(text: str, expected: str) -> None:
    assert reason(row(("user", "Go"), ("assistant", text))) == expected


def answered(calls: str, response: str) -> Conversation:
    turns = row(("user", "Go"), ("assistant", calls), ("tool", response), ("assistant", "Done"))
    return parse(turns, conversation_id="1")


@pytest.mark.parametrize(
    ("response", "content"),
    [
        ('[{"name": "a.b", "results": {"rate": 1, "x": "é"}}]', '{"rate": 1, "x": "é"}'),
        ('[{"name": "a.b", "results": "1.50"}]', "1.50"),
        ('{"name": "a.b", "results": null}', "null"),
        ('[{"rate": 1}]', '[{"rate": 1}]'),
        ("no such page\n", "no such page"),
    ],
)
def test_tool_turns(response: str, content: str) -> None:
    message = answered("[a.b()]", response).messages[2]
    assert (message.content, message.tool_call_id) == (content, "call_0")


def test_results_are_matched_by_name() -> None:
    response = '[{"name": "Get Rate", "results": 2}, {"name": "a.b", "results": 1}]'
    messages = answered("[a.b(), Get Rate()]", response).messages[2:4]
    assert [(m.content, m.tool_call_id) for m in messages] == [("2", "call_1"), ("1", "call_0")]


def test_the_tools_are_read_past_other_brackets() -> None:
    turns = {
        **row(("user", "Hi"), ("assistant", "Hello")),
        "system": 'Use [f(x)] or [1]: [{"name": "f"}] [end]',
    }
    conversation = parse(turns, conversation_id="1")
    assert [tool.name for tool in conversation.tools] == ["f"]
    assert [message.role for message in conversation.messages] == ["user", "assistant"]


def test_a_prompt_without_tools_is_kept() -> None:
    turns = {**row(("user", "Hi"), ("assistant", "Hello")), "system": "Be brief [please]."}
    assert parse(turns, conversation_id="1").messages[0].content == "Be brief [please]."


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"system": 'Functions: [{"name": "f"'}, "unparsable tools"),
        ({"system": 7}, "malformed turn"),
        ({"conversations": None}, "no conversation"),
        ({"conversations": ["Hi"]}, "malformed turn"),
        ({"conversations": [{"from": "judge", "value": "Hi"}]}, "unknown role"),
    ],
)
def test_malformed_rows(others: dict[str, object], expected: str) -> None:
    assert reason({**row(("user", "Hi"), ("assistant", "Hello")), **others}) == expected


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "[a.b(" + " x" * 20_000, "[a.b(x=" + "[" * 20_000, "[a.b(x=1," * 5_000]
)
def test_hostile_text_is_answered_at_once(text: str) -> None:
    assert outcome(text) in ("prose", "unparsable tool call")


@given(
    st.lists(st.sampled_from([*NAMES, "[", "]", "(", ")", "=", ",", "x", '"', "1", " ", "\\", "{", "}"])).map(
        "".join
    )
)
def test_any_text_gives_a_conversation_or_an_error(text: str) -> None:
    assert outcome(text) in (
        "calls",
        "prose",
        "call to an undeclared tool",
        "empty assistant turn",
        "prose after a tool call",
        "unparsable tool call",
    )
