"""Conversations as sources give them: several exchanges, tools or none, and texts that try templates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from hypothesis import strategies as st

from calibset.core.control_tokens import ControlTokens
from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.hygiene.safe_texts import make_safe
from calibset.tokenizers import Tokenizer
from tests.tokenizers.chat_templates.families.family import FAMILIES

ALL_MARKS = tuple(sorted({token for family in FAMILIES for token in family.tokens}))
"""The control tokens of every family."""

TURN_MARKS = ("<|im_end|>", "</s>", "[INST]", "<|eot_id|>", "<end_of_turn>", "<|user|>", "<|endoftext|>")
"""Some that no source takes for a call, a result or a thought that is written in the words."""

_WORDS = (
    "Hi", "rate", "in", "žltý kôň", "日本語", "🙂", 'say "so"', "it's", "back\\slash", "{{ x }}", "{% if %}",
    '{"a": 1}', "<b>", "a < b & c", "```json", "# Tools", "null", "1.0", "\\n",
)  # fmt: skip
_GAPS = (" ", "\n", "\n\n", "", "\t", "  ")
_EDGES = ("", "", "", " ", "\n", "\n\n ")


@st.composite
def texts(draw: st.DrawFn, marks: Sequence[str] = ALL_MARKS) -> str:
    """A text with white space at its ends, quotes, lines, and now and then a family's control token."""
    words = (*_WORDS, *draw(st.lists(st.sampled_from(marks), max_size=2)))
    chosen = draw(st.lists(st.tuples(st.sampled_from(words), st.sampled_from(_GAPS)), min_size=1, max_size=4))
    inside = "".join(word + gap for word, gap in chosen).strip()
    return draw(st.sampled_from(_EDGES)) + inside + draw(st.sampled_from(_EDGES))


_SCALARS = (
    None, True, False, 0, 1, 1.0, -0.5, 1e5, 1e-7, 1e22, 2**70, -(2**63), "", "1", "1.0", "true", "null", " ",
    "plain",
)  # fmt: skip
_KEYS = ("of", "items", "name", "arguments", "keys", "two words", "ключ", 'say "so"', "a.b", "")


@cache
def _values(marks: Sequence[str]) -> st.SearchStrategy[object]:
    return st.recursive(
        st.sampled_from(_SCALARS) | texts(marks),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=3)
        ),
        max_leaves=4,
    )


@cache
def _arguments(marks: Sequence[str]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(_KEYS[:-1]), _values(marks), max_size=4)


_SCHEMAS = (
    {"type": "object", "properties": {}},
    {
        "type": "object",
        "properties": {
            "of": {"type": "string", "enum": ["€", "a", None], "description": 'The "unit".'},
            "items": {
                "type": "array",
                "items": {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}},
            },
        },
        "required": ["of"],
    },
    {
        "type": "object",
        "properties": {
            "x": {"anyOf": [{"$ref": "#/$defs/X"}, {"type": "number", "minimum": 1e-7, "default": 1.0}]}
        },
        "$defs": {"X": {"type": "object", "additionalProperties": False}},
    },
)
_NAMES = ("rate", "rates", "get_time", "maps.search", "find flights (v2)", "Übersetzen", "a/b", "a b", "a_b")


@st.composite
def conversations(draw: st.DrawFn, marks: Sequence[str] = ALL_MARKS) -> Conversation:
    """A conversation of up to three exchanges; the assistant may speak first."""
    names = draw(st.sampled_from([(), (), 1, 2, 3]))
    offered = draw(st.permutations(_NAMES))[:names] if names else ()
    tools = tuple(
        Tool(
            name=name,
            description=draw(st.sampled_from(["", "Gives it.", 'Says "so".\nThen more. ']) | texts(marks)),
            parameters=json.dumps(draw(st.sampled_from(_SCHEMAS)), ensure_ascii=False),
        )
        for name in offered
    )
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message(role="system", content=draw(texts(marks))))
    if draw(st.integers(0, 9)) == 0:
        messages.append(Message(role="assistant", content=draw(texts(marks))))
    exchanges = draw(st.integers(1, 3))
    calls = 0
    for number in range(exchanges):
        messages.append(Message(role="user", content=draw(texts(marks))))
        if draw(st.integers(0, 9)) == 0:
            messages.append(Message(role="user", content=draw(texts(marks))))
        for _ in range(draw(st.integers(0, 2)) if tools else 0):
            made = draw(_calls(offered, calls, marks))
            calls += len(made.tool_calls)
            results = draw(st.permutations([call.id for call in made.tool_calls]))
            messages.append(made)
            messages += [
                Message(role="tool", content=draw(_results(marks)), tool_call_id=call) for call in results
            ]
        messages.append(draw(_answers(marks)))
        ends_in_call = tools and number == exchanges - 1 and draw(st.integers(0, 3)) == 0
        if ends_in_call:
            messages[-1] = draw(_calls(offered, calls, marks))
    return Conversation(id="row", messages=tuple(messages), tools=tools)


@cache
def _results(marks: Sequence[str]) -> st.SearchStrategy[str]:
    written = _values(marks).map(lambda value: json.dumps(value, ensure_ascii=False))
    return texts(marks) | st.just("") | written


@st.composite
def _calls(draw: st.DrawFn, offered: tuple[str, ...], begin: int, marks: Sequence[str]) -> Message:
    several = draw(st.sampled_from([1, 1, 2, 3]))
    calls = tuple(
        ToolCall(
            id=f"call_{begin + index}",
            name=draw(st.sampled_from(offered)),
            arguments=json.dumps(draw(_arguments(marks)), ensure_ascii=False),
        )
        for index in range(several)
    )
    return replace(draw(_answers(marks, silent=True)), tool_calls=calls)


@st.composite
def _answers(draw: st.DrawFn, marks: Sequence[str], *, silent: bool = False) -> Message:
    content = "" if silent and draw(st.booleans()) else draw(texts(marks))
    reasoning = draw(texts(marks)) if draw(st.integers(0, 2)) == 0 else ""
    return Message(role="assistant", content=content, reasoning=reasoning)


def write_row(conversation: Conversation, name: str) -> dict[str, object]:
    """Return a conversation as a row in OpenAI's form, under an id."""
    functions = [
        {"name": tool.name, "description": tool.description, "parameters": json.loads(tool.parameters)}
        for tool in conversation.tools
    ]
    return {
        "id": name,
        "messages": [_write_message(message) for message in conversation.messages],
        "tools": [{"type": "function", "function": function} for function in functions],
    }


def _write_message(message: Message) -> dict[str, object]:
    table: dict[str, object] = {"role": message.role, "content": message.content or None}
    if message.reasoning:
        table["reasoning_content"] = message.reasoning
    if message.role == "tool":
        table |= {"content": message.content, "tool_call_id": message.tool_call_id}
    if message.tool_calls:
        table["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return table


def admit_conversation(conversation: Conversation, tokenizer: Tokenizer) -> Conversation:
    """Return a conversation as a build hands it on: control tokens in its texts broken apart."""
    item = make_safe(conversation, ControlTokens.of(tokenizer.special_tokens)).item
    assert isinstance(item, Conversation)
    return item
