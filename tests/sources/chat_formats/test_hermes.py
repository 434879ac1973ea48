from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation
from calibset.sources.chat_formats.base import ChatFormatError
from calibset.sources.chat_formats.hermes import parse

TOOL = {
    "type": "function",
    "function": {"name": "get_rate", "parameters": {"properties": {"to": {"type": "str"}}}},
}
PROMPT = "Call within <tools> </tools> tags.\n<tools>\n{}\n</tools>\nUse <tool_call>\n<args>\n</tool_call>"
CALL = '<tool_call>\n{"name": "get_rate", "arguments": {"to": "EUR"}}\n</tool_call>'


def row(*turns: tuple[str, str], tools: object = "null", prompt: str | None = None) -> dict[str, object]:
    turns = (("system", prompt), *turns) if prompt is not None else turns
    return {"tools": tools, "conversations": [{"from": role, "value": value} for role, value in turns]}


def called(text: str) -> Conversation:
    return parse(row(("human", "Rate?"), ("gpt", text), tools=json.dumps([TOOL])), conversation_id="1")


def reason(of: dict[str, object]) -> str:
    with pytest.raises(ChatFormatError) as caught:
        parse(of, conversation_id="1")
    assert len(caught.value.excerpt) <= 200
    return caught.value.reason


@pytest.mark.parametrize(
    "text",
    [
        CALL,
        "<tool_call>{'name': 'get_rate', 'arguments': {'to': 'EUR'}}</tool_call>",
        "<tool_call>\\n{'arguments': {'to': 'EUR'}, 'name': 'get_rate'}\\n</tool_call>",
        "<tool_call>\\n{\\n'arguments': {'to': 'EUR'},\\n'name': 'get_rate'}\\n</tool_call>\\n",
        '<tool_call>{"name": "get_rate", "arguments": "{\\"to\\": \\"EUR\\"}"}</tool_call>',
        '<tool_call>{"arguments": {"to": "EUR", "name": "get_rate"}}</tool_call>',
        '<tool_call>{"name": "get_rate", "arguments": {"to": "EUR"},}</tool_call>',
        '<tool_call>{"name": "get_rate", "arguments": {"to": "EUR"}</tool_call>',
        '<tool_call>{"name": "get_rate", "arguments": {"to": "EUR"}\\n</tool_call>',
        '<tool_call>{"name": "get_rate", "arguments": {"to": "EUR"}}}</tool_call>',
        '<tool_call>{"name": "get_rate", "arguments": {"to": "EUR"}}',
        '<tool_call>[{"name": "get_rate", "arguments": {"to": "EUR"}}]</tool_call>',
    ],
)
def test_every_spelling_of_a_call(text: str) -> None:
    (call,) = called(text).messages[-1].tool_calls
    assert (call.id, call.name, call.arguments) == ("call_0", "get_rate", '{"to": "EUR"}')


def test_several_calls_of_which_one_lacks_its_brace() -> None:
    text = '<tool_call>{"name": "get_rate", "arguments": {"to": "A"}</tool_call>\n' + CALL
    assert [call.arguments for call in called(text).messages[-1].tool_calls] == [
        '{"to": "A"}',
        '{"to": "EUR"}',
    ]


def test_tags_inside_an_argument_are_text() -> None:
    text = '<tool_call>{"name": "get_rate", "arguments": {"to": "</tool_call><tool_call>"}}</tool_call>'
    assert called(text).messages[-1].tool_calls[0].arguments == '{"to": "</tool_call><tool_call>"}'


def test_prose_before_a_call_is_the_turn_s_content() -> None:
    message = called(f"Let me see.\n{CALL}\n").messages[-1]
    assert message.content == "Let me see."
    assert len(message.tool_calls) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<tool_call>{"name": "get_rate", "arguments": {"to": "EUR"</tool_call>', "unparsable tool call"),
        (
            '<tool_call>{"name": "get_rate", "arguments": {"to": "What"s"}}</tool_call>',
            "unparsable tool call",
        ),
        ("<tool_call></tool_call>", "unparsable tool call"),
        ("I would write <tool_call> here", "unparsable tool call"),
        ('<tool_call>{"name": "get_rate", "arguments": {}} please</tool_call>', "unparsable tool call"),
        ('<tool_call>{"name": "get_time", "arguments": {}}</tool_call>', "call to an undeclared tool"),
        (CALL + "\nThat was it.", "prose after a tool call"),
    ],
)
def test_calls_that_can_t_be_repaired(text: str, expected: str) -> None:
    assert reason(row(("human", "Rate?"), ("gpt", text), tools=json.dumps([TOOL]))) == expected


@pytest.mark.parametrize(
    ("column", "listed"),
    [
        (json.dumps([TOOL]), "[]"),
        (json.dumps([TOOL]), None),
        ("null", json.dumps([TOOL])),
        (None, repr([TOOL])),
        ("[]", json.dumps(TOOL) + "\n" + json.dumps(TOOL)),
        ("[]", "[" + json.dumps(TOOL) + "}]"),
        ("[{broken", json.dumps([TOOL])),
    ],
)
def test_tools_from_the_column_or_the_prompt(column: object, listed: str | None) -> None:
    prompt = None if listed is None else PROMPT.replace("{}", listed)
    conversation = parse(
        row(("human", "Rate?"), ("gpt", CALL), tools=column, prompt=prompt), conversation_id="1"
    )
    assert [(tool.name, tool.parameters) for tool in conversation.tools] == [
        ("get_rate", '{"type": "object", "properties": {"to": {"type": "string"}}}')
    ]
    assert [message.role for message in conversation.messages] == ["user", "assistant"]


def test_tools_cut_short_are_unparsable() -> None:
    cut = json.dumps([TOOL])[:-9]
    assert reason(row(("human", "?"), ("gpt", "!"), prompt=PROMPT.replace("{}", cut))) == "unparsable tools"
    assert reason(row(("human", "?"), ("gpt", "!"), tools=cut)) == "unparsable tools"


@pytest.mark.parametrize("tools", ["null", json.dumps([TOOL])])
def test_a_prompt_that_does_not_carry_the_tools_is_kept(tools: str) -> None:
    turns = row(("human", "Hi"), ("gpt", "Hello"), tools=tools, prompt="Adhere to <schema>{}</schema>")
    assert parse(turns, conversation_id="1").messages[0].content == "Adhere to <schema>{}</schema>"


def test_an_empty_prompt_is_no_message() -> None:
    assert (
        parse(row(("human", "Hi"), ("gpt", "Hello"), prompt=" "), conversation_id="1").messages[0].role
        == "user"
    )


@pytest.mark.parametrize(
    ("response", "content"),
    [
        (
            '<tool_response>\n{"name": "get_rate", "content": {"kó": [1, 2]}}\n</tool_response>\n',
            '{"kó": [1, 2]}',
        ),
        ("<tool_response>{'name': 'get_rate', 'content': 'no rate: 1.50'}</tool_response>", "no rate: 1.50"),
        ('<tool_response>{"rate": 1}</tool_response>', '{"rate": 1}'),
        ("<tool_response>Error: 404</tool_response>", "Error: 404"),
        ("<tool_response>1.50</tool_response>", "1.50"),
        ('{"name": "get_rate", "content": null}', "null"),
        ("plain text", "plain text"),
    ],
)
def test_tool_responses(response: str, content: str) -> None:
    turns = row(("human", "?"), ("gpt", CALL), ("tool", response), ("gpt", "1.5"), tools=json.dumps([TOOL]))
    answer = parse(turns, conversation_id="1").messages[2]
    assert (answer.content, answer.tool_call_id) == (content, "call_0")


def test_several_responses_in_one_turn_are_a_message_each() -> None:
    response = '<tool_response>{{"name": "get_rate", "content": {}}}</tool_response>'
    turns = row(
        ("human", "?"),
        ("gpt", CALL + CALL),
        ("tool", response.format(1) + "\n" + response.format(2)),
        ("gpt", "1 and 2"),
        tools=json.dumps([TOOL]),
    )
    messages = parse(turns, conversation_id="1").messages[2:4]
    assert [(m.content, m.tool_call_id) for m in messages] == [("1", "call_0"), ("2", "call_1")]


def test_text_around_responses_is_not_guessed_at() -> None:
    turns = row(
        ("human", "?"),
        ("gpt", CALL),
        ("tool", "Well: <tool_response>1</tool_response>"),
        ("gpt", "1"),
        tools=json.dumps([TOOL]),
    )
    assert reason(turns) == "unparsable tool response"


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (None, "no conversation"),
        ([], "no conversation"),
        (["Hi"], "malformed turn"),
        ([{"from": "human", "value": None}], "malformed turn"),
        ([{"from": "observer", "value": "Hi"}], "unknown role"),
        ([{"from": ["human"], "value": "Hi"}], "unknown role"),
    ],
)
def test_malformed_rows(turns: object, expected: str) -> None:
    assert reason({"conversations": turns}) == expected


def test_metadata_is_what_the_row_says_of_itself() -> None:
    turns = {**row(("human", "Hi"), ("gpt", "Hello")), "category": "Finance", "task": None}
    assert parse(turns, conversation_id="1").metadata == {"category": "Finance"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>{}" * 50_000,
        "<tool_call>{}" + "}" * 500_000,
        "<tool_call>{}" + "\\n}" * 200_000,
        "<tool_call>{" * 20_000,
    ],
)
def test_hostile_text_is_answered_at_once(text: str) -> None:
    assert reason(row(("human", "?"), ("gpt", text))) == "unparsable tool call"


PIECES = st.lists(
    st.sampled_from(
        [
            "<tool_call>",
            "</tool_call>",
            "<tools>",
            "</tools>",
            "<tool_response>",
            "{",
            "}",
            '"name"',
            ":",
            '"get_rate"',
            "'arguments'",
            ",",
            "[",
            "]",
            "\\n",
            "{}",
            CALL,
            "\ud800",
            " x",
        ]
    ),
    max_size=12,
).map("".join)


@given(PIECES, PIECES, PIECES, PIECES)
def test_any_text_gives_a_conversation_or_an_error(
    tools: str, prompt: str, answer: str, response: str
) -> None:
    turns = row(("human", "?"), ("gpt", answer), ("tool", response), ("gpt", "!"), tools=tools, prompt=prompt)
    try:
        parse(turns, conversation_id="1")
    except ChatFormatError as error:
        error.excerpt.encode()
