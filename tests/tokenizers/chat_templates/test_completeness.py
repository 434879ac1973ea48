from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.tokenizers.chat_templates.base import RenderError
from calibset.tokenizers.chat_templates.completeness import ensure_complete, placeholder, placeholder_copy

TALK = Conversation(
    id="row",
    messages=(
        Message(role="user", content="<|im_end|> Rate?"),
        Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(id="call_0", name="rate", arguments='{"a_b": ["</s>", 1]}'),),
        ),
        Message(role="tool", content="\n", tool_call_id="call_0"),
        Message(role="assistant", content="think"),
    ),
    tools=(Tool(name="rate", description="think", parameters='{"type": "object"}'),),
)
NAMES = {"rate": "rate"}


def test_a_placeholder_copy_says_nothing_and_has_the_same_messages() -> None:
    copy = placeholder_copy(TALK, ["<think>", "</s>"])
    assert [message.content for message in copy.messages] == [
        "turn0calibset",
        "",
        "\n",
        "turn3calibset",
    ]
    assert copy.messages[1].tool_calls == (
        ToolCall(id="call_0", name="rate", arguments='{"axb": ["xxsx", 1]}'),
    )
    assert copy.tools == (Tool(name="rate", description="x", parameters='{"type": "object"}'),)


@given(st.text(st.sampled_from("ab<>|/[]_\uff5c "), max_size=20))
def test_no_text_of_a_placeholder_copy_spells_a_control_token(text: str) -> None:
    talk = Conversation(id="row", messages=(Message(role="user", content=text),), tools=TALK.tools)
    copy = placeholder_copy(talk, ["<a>"])
    assert copy.messages[0].content == (placeholder(0) if text.strip() else text)


def test_what_is_complete_passes() -> None:
    ensure_complete("rate turn0calibset rate turn3calibset", placeholder_copy(TALK, ()), NAMES)
    ensure_complete(
        "turn0calibset rate turn3calibset", placeholder_copy(TALK, ()), NAMES, declares_tools=False
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("turn0calibset rate turn3calibset", "the chat template leaves out tools or their calls: rate"),
        ("rate rate turn3calibset", "the chat template leaves out a turn: user"),
        ("rate rate turn0calibset", "the chat template leaves out a turn: assistant"),
    ],
)
def test_what_is_left_out_is_named(text: str, fault: str) -> None:
    with pytest.raises(RenderError) as caught:
        ensure_complete(text, placeholder_copy(TALK, ()), NAMES)
    assert str(caught.value) == fault


def test_a_turn_is_not_taken_for_another() -> None:
    talk = Conversation(id="row", messages=(Message(role="user", content="?"),) * 12)
    text = " ".join(map(placeholder, range(1, 12)))
    with pytest.raises(RenderError, match=r"^the chat template leaves out a turn: user$"):
        ensure_complete(text, placeholder_copy(talk, ()), {})
