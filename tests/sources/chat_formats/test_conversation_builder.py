from __future__ import annotations

import pytest

from calibset.core.documents import Conversation
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.conversation_builder import build_conversation
from calibset.sources.chat_formats.tools import read_tools
from calibset.sources.chat_formats.turns import Call, Result, Turn

TOOLS = read_tools([{"name": "f"}, {"name": "g"}])
ASKED = Turn(role="user", content="Go")
DONE = Turn(role="assistant", content="Done")


def calling(*names: str) -> Turn:
    return Turn(role="assistant", calls=tuple(Call(name=name, arguments="{}") for name in names))


def answering(*results: tuple[str | None, str]) -> Turn:
    return Turn(role="tool", results=tuple(Result(name=name, content=content) for name, content in results))


def joined(*turns: Turn) -> Conversation:
    return build_conversation("1", turns, TOOLS, {}, RepairLog())


def answers(conversation: Conversation) -> list[tuple[str, str | None]]:
    return [(m.content, m.tool_call_id) for m in conversation.messages if m.role == "tool"]


def test_results_answer_the_first_open_call_of_their_name() -> None:
    turns = (ASKED, calling("f", "g", "f"), answering(("f", "1"), ("f", "2"), ("g", "3")), DONE)
    assert answers(joined(*turns)) == [("1", "call_0"), ("2", "call_2"), ("3", "call_1")]


def test_nameless_results_answer_in_order() -> None:
    turns = (ASKED, calling("f", "g"), answering((None, "1")), answering((None, "2")), DONE)
    assert answers(joined(*turns)) == [("1", "call_0"), ("2", "call_1")]


def test_calls_are_numbered_through_the_conversation() -> None:
    turns = (ASKED, calling("f"), answering(("f", "1")), calling("f"), answering(("f", "2")), DONE)
    assert answers(joined(*turns)) == [("1", "call_0"), ("2", "call_1")]


def test_calls_without_an_answer_are_dropped_beside_answered_ones() -> None:
    conversation = joined(ASKED, calling("f", "g", "f"), answering(("g", "1")), DONE)
    assert [(call.id, call.name) for call in conversation.messages[1].tool_calls] == [("call_0", "g")]
    assert answers(conversation) == [("1", "call_0")]


def test_a_conversation_may_end_on_calls() -> None:
    assert [call.id for call in joined(ASKED, calling("f", "g")).messages[-1].tool_calls] == [
        "call_0",
        "call_1",
    ]


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ((), "no user turn"),
        ((DONE,), "no user turn"),
        ((ASKED,), "no assistant turn"),
        ((DONE, ASKED), "conversation ends in a user turn"),
        ((ASKED, calling("f"), answering(("f", "1"))), "conversation ends in a tool turn"),
        ((ASKED, calling("f"), answering(("f", "1")), ASKED), "conversation ends in a user turn"),
        ((ASKED, Turn(role="assistant", content=" \n"), ASKED, DONE), "empty assistant turn"),
        ((Turn(role="user"), DONE), "empty user turn"),
        ((ASKED, Turn(role="system", content="x"), DONE), "system turn inside the conversation"),
        ((ASKED, answering(("f", "1")), DONE), "tool response without a call"),
        ((answering(), ASKED, DONE), "tool response without a call"),
        ((ASKED, calling("f"), answering(("g", "1")), DONE), "tool response without a call"),
        ((ASKED, calling("f"), answering(("f", "1"), ("f", "2")), DONE), "tool response without a call"),
        ((ASKED, calling("f", "g"), answering((None, "1")), DONE), "ambiguous tool response"),
        ((ASKED, calling("f"), ASKED, DONE), "tool call without a response"),
        ((ASKED, calling("f"), answering(), DONE), "tool call without a response"),
        ((ASKED, calling("h")), "call to an undeclared tool"),
        ((ASKED, Turn(role="assistant", content="\ud800")), "text with half a character"),
    ],
)
def test_what_is_not_whole_is_an_error(turns: tuple[Turn, ...], reason: str) -> None:
    with pytest.raises(ChatFormatError) as caught:
        joined(*turns)
    assert caught.value.reason == reason
    caught.value.excerpt.encode()


AGAIN = Turn(role="user", content="And now?")


@pytest.mark.parametrize(
    ("rest", "reason", "loses"),
    [
        ((AGAIN,), "conversation ends in a user turn", False),
        ((AGAIN, AGAIN), "conversation ends in a user turn", False),
        ((AGAIN, Turn(role="assistant", content=" ")), "empty assistant turn", False),
        ((AGAIN, Turn(role="assistant"), answering(("f", "1")), DONE), "empty assistant turn", True),
        ((Turn(role="user"), DONE), "empty user turn", True),
        ((AGAIN, calling("f"), answering(("f", "1"))), "conversation ends in a tool turn", True),
        ((AGAIN, answering(("f", "1")), DONE), "tool response without a call", True),
        ((AGAIN, calling("f"), AGAIN, DONE), "tool call without a response", True),
        ((AGAIN, calling("h")), "call to an undeclared tool", True),
        ((AGAIN, Turn(role="system", content="x"), DONE), "system turn inside the conversation", True),
        ((AGAIN, calling("f", "g"), answering((None, "1")), DONE), "ambiguous tool response", True),
    ],
)
@pytest.mark.parametrize("opening", [(), (Turn(role="system", content="Be brief."),), (DONE,)])
def test_an_exchange_that_is_not_whole_is_left_out(
    opening: tuple[Turn, ...], rest: tuple[Turn, ...], reason: str, loses: bool
) -> None:
    whole = (*opening, ASKED, calling("f"), answering(("f", "1")), DONE)
    repairs = RepairLog()
    assert build_conversation("1", (*whole, *rest), TOOLS, {}, repairs) == joined(*whole)
    assert [(repair.reason, repair.loses) for repair in repairs.entries] == [(reason, loses)]
    assert [repair.outcome for repair in repairs.entries] == [f"exchange left out: {reason}"]


def test_a_question_without_an_answer_is_no_loss_but_what_follows_it_is() -> None:
    for rest, loses in (
        ((AGAIN, Turn(role="tool", results=())), False),
        ((AGAIN, Turn(role="system", content="x"), AGAIN, DONE), True),
    ):
        repairs = RepairLog()
        build_conversation("1", (ASKED, DONE, *rest), TOOLS, {}, repairs)
        assert [repair.loses for repair in repairs.entries] == [loses]


def test_a_dialogue_whose_first_exchange_is_not_whole_is_refused_whatever_follows() -> None:
    with pytest.raises(ChatFormatError, match=r"^tool call without a response$"):
        joined(ASKED, calling("f"), AGAIN, DONE)


def test_what_follows_an_exchange_that_is_left_out_is_left_out_too() -> None:
    broken = (AGAIN, Turn(role="assistant"))
    assert joined(ASKED, DONE, *broken, AGAIN, calling("f")) == joined(ASKED, DONE)


@pytest.mark.parametrize(
    "turns",
    [
        (ASKED, DONE, AGAIN, DONE),
        (ASKED, AGAIN, DONE),
        (DONE, ASKED, DONE, DONE),
        (ASKED, calling("f"), answering(("f", "1")), AGAIN, DONE),
        (ASKED, DONE, AGAIN, calling("f", "g")),
    ],
)
def test_a_dialogue_that_is_whole_is_kept_whole(turns: tuple[Turn, ...]) -> None:
    repairs = RepairLog()
    conversation = build_conversation("1", turns, TOOLS, {}, repairs)
    assert [message.role for message in conversation.messages] == [turn.role for turn in turns]
    assert repairs.entries == []
