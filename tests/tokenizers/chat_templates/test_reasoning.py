from __future__ import annotations

from calibset.core.documents import Conversation, Message
from calibset.tokenizers.chat_templates.reasoning import count_thoughts, drop_thoughts

TALK = Conversation(
    id="row",
    messages=(
        Message(role="user", content="?"),
        Message(role="assistant", content="One.", reasoning="First."),
        Message(role="user", content="?"),
        Message(role="assistant", content="Two.", reasoning="Second."),
    ),
)


def test_thoughts_are_counted_and_dropped() -> None:
    assert count_thoughts(TALK) == 2
    assert count_thoughts(drop_thoughts(TALK)) == 0
    kept = drop_thoughts(TALK, keep={3})
    assert [message.reasoning for message in kept.messages] == ["", "", "", "Second."]
    assert [message.content for message in kept.messages] == [message.content for message in TALK.messages]
