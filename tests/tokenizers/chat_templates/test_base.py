from __future__ import annotations

import pytest

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.core.text_map import map_texts
from calibset.tokenizers.chat_templates.base import RenderError, TurnSpan

TALK = Conversation(
    id="c",
    messages=(
        Message(role="system", content="sys"),
        Message(role="user", content="ask"),
        Message(
            role="assistant",
            content="think",
            tool_calls=(ToolCall(id="call_0", name="get rate", arguments='{"of": "x"}'),),
        ),
        Message(role="tool", content="result", tool_call_id="call_0"),
        Message(role="assistant", content="done"),
    ),
    tools=(Tool(name="get rate", description="desc", parameters='{"type": "object"}'),),
    metadata={"category": "c"},
)


def test_every_text_is_changed_and_nothing_else() -> None:
    seen: list[str] = []

    def change(text: str) -> str:
        seen.append(text)
        return text.upper()

    changed = map_texts(TALK, change)
    assert sorted(seen) == sorted(
        [
            "sys",
            "ask",
            "think",
            "result",
            "done",
            "of",
            "x",
            "desc",
            "type",
            "object",
        ]
    )
    assert [message.content for message in changed.messages] == ["SYS", "ASK", "THINK", "RESULT", "DONE"]
    assert changed.messages[2].tool_calls == (
        ToolCall(id="call_0", name="get rate", arguments='{"OF": "X"}'),
    )
    assert changed.messages[3].tool_call_id == "call_0"
    assert changed.tools == (Tool(name="get rate", description="DESC", parameters='{"TYPE": "OBJECT"}'),)
    assert (changed.id, changed.metadata) == ("c", {"category": "c"})
    assert [message.role for message in changed.messages] == [message.role for message in TALK.messages]


def test_a_change_of_nothing_gives_an_equal_conversation() -> None:
    assert map_texts(TALK, lambda text: text) == TALK


def test_what_stands_in_json_is_changed_as_it_will_be_read() -> None:
    call = ToolCall(id="c", name="f", arguments=r'{"a": ["\u003cb\u003e", 1, null], "<b>": {"c": true}}')
    conversation = Conversation(
        id="c",
        messages=(
            Message(role="user", content="?"),
            Message(role="assistant", content="", tool_calls=(call,)),
        ),
    )
    changed = map_texts(conversation, lambda text: text.replace("<b>", "< b>"))
    assert changed.messages[1].tool_calls[0].arguments == '{"a": ["< b>", 1, null], "< b>": {"c": true}}'


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_what_is_no_json_is_changed_as_text(text: str) -> None:
    call = ToolCall(id="c", name="f", arguments=text)
    conversation = Conversation(id="c", messages=(Message(role="assistant", content="", tool_calls=(call,)),))
    changed = map_texts(conversation, lambda text: text + "!")
    assert changed.messages[0].tool_calls[0].arguments == text + "!"


def test_an_error_tells_its_reason_and_a_detail_if_there_is_one() -> None:
    assert str(RenderError("refused")) == "refused"
    error = RenderError("refused", "a name of 65 letters")
    assert (error.reason, str(error)) == ("refused", "refused: a name of 65 letters")


def test_a_turn_is_a_pair() -> None:
    assert TurnSpan(3, 5) == (3, 5)
