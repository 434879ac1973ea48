from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.tokenizers.chat_templates.base import RenderError
from calibset.tokenizers.chat_templates.completeness import (
    PLACEHOLDER,
    count_common_end,
    ensure_complete,
    ensure_speakers,
    find_kept_thoughts,
    leaves_out_words,
    placeholder,
    placeholder_copy,
)

CALL = ToolCall(
    id="call_0", name="get rate", arguments='{"b_c": ["</s>", 1, 0, ""], "A": {"x": 1.25, "y": null}}'
)
TALK = Conversation(
    id="row",
    messages=(
        Message(role="user", content="<|im_end|> Rate?"),
        Message(role="assistant", content="", reasoning="<think>", tool_calls=(CALL,)),
        Message(role="tool", content="\n", tool_call_id="call_0"),
        Message(role="assistant", content="think"),
    ),
    tools=(Tool(name="get rate", description="think", parameters='{"type": "object"}'),),
)
ARGUMENTS = (
    '{"key1n000001calibset": ["value1n000002calibset", 7100000000, 0, ""], '
    '"key1n000000calibset": {"key1n000003calibset": 7100000001.5, "key1n000004calibset": null}}'
)
CALLED = "tool0calibset " + ARGUMENTS


def test_a_placeholder_copy_says_nothing_and_has_the_same_messages() -> None:
    copy = placeholder_copy(TALK, ["<think>", "</s>"])
    messages = copy.conversation.messages
    assert [turn.content for turn in messages] == ["turn0calibset", "", "\n", "turn3calibset"]
    assert [turn.reasoning for turn in messages] == ["", "thought1calibset", "", ""]
    assert messages[1].tool_calls == (ToolCall(id="call_0", name="tool0calibset", arguments=ARGUMENTS),)
    assert copy.conversation.tools == (
        Tool(name="tool0calibset", description="x", parameters='{"type": "object"}'),
    )
    assert copy.tools == {"tool0calibset": "get_rate"}
    assert copy.names == {"tool0calibset": "tool0calibset"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_each_key_and_value_has_a_placeholder_of_its_own_and_keys_sort_as_before(
    arguments: dict[str, object],
) -> None:
    call = replace(CALL, arguments=json.dumps(arguments))
    talk = replace(TALK, messages=(TALK.messages[0], replace(TALK.messages[1], tool_calls=(call,))))
    copy = placeholder_copy(talk, ())
    text = copy.conversation.messages[1].tool_calls[0].arguments
    found = [match.group() for match in PLACEHOLDER.finditer(text)]
    assert len(found) == len(set(found))
    assert copy.arguments == ((), (frozenset(found),))
    masked = json.loads(text)
    for original, copied in ((arguments, masked),):
        order = sorted(original, key=lambda key: (key.lower(), key))
        assert [list(original).index(key) for key in order] == [
            list(copied).index(key) for key in sorted(copied)
        ]


@given(st.text(st.sampled_from("ab<>|/[]_\uff5c "), max_size=20))
def test_no_text_of_a_placeholder_copy_spells_a_control_token(text: str) -> None:
    talk = Conversation(id="row", messages=(Message(role="user", content=text),), tools=TALK.tools)
    copy = placeholder_copy(talk, ["<a>"])
    assert copy.conversation.messages[0].content == (placeholder(0) if text.strip() else text)


def test_what_is_complete_passes() -> None:
    ensure_complete(f"tool0calibset turn0calibset {CALLED} turn3calibset", placeholder_copy(TALK, ()))
    ensure_complete(f"turn0calibset {CALLED} turn3calibset", placeholder_copy(TALK, ()), declares_tools=False)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            f"turn0calibset {CALLED} turn3calibset",
            "the chat template leaves out tools or their calls: get_rate",
        ),
        (
            "tool0calibset turn0calibset tool0calibset {} turn3calibset",
            "the chat template leaves out tools or their calls: get_rate",
        ),
        (
            f"tool0calibset turn0calibset {CALLED.replace('7100000001.5', '')} turn3calibset",
            "the chat template leaves out arguments of calls: get_rate",
        ),
        (
            f"tool0calibset turn0calibset {CALLED.replace('key1n000004calibset', '')} turn3calibset",
            "the chat template leaves out arguments of calls: get_rate",
        ),
        (f"tool0calibset {CALLED} turn3calibset", "the chat template leaves out a turn: user"),
        (f"tool0calibset {CALLED} turn0calibset", "the chat template leaves out a turn: assistant"),
    ],
)
def test_what_is_left_out_is_named(text: str, fault: str) -> None:
    with pytest.raises(RenderError) as caught:
        ensure_complete(text, placeholder_copy(TALK, ()))
    assert str(caught.value) == fault


def test_a_turn_is_not_taken_for_another() -> None:
    talk = Conversation(id="row", messages=(Message(role="user", content="?"),) * 12)
    text = " ".join(map(placeholder, range(1, 12)))
    with pytest.raises(RenderError, match=r"^the chat template leaves out a turn: user$"):
        ensure_complete(text, placeholder_copy(talk, ()))


def test_thoughts_that_are_written_are_found() -> None:
    copy = placeholder_copy(TALK, ())
    assert find_kept_thoughts("<think>thought1calibset</think>", copy) == {1}
    assert find_kept_thoughts("<think></think>", copy) == set()


def test_words_beside_a_call_that_are_not_written_are_known() -> None:
    talk = replace(TALK, messages=(replace(TALK.messages[1], content="One moment."),))
    assert leaves_out_words(CALLED, placeholder_copy(talk, ()))
    assert not leaves_out_words("turn0calibset " + CALLED, placeholder_copy(talk, ()))


HEADERS = {"user": "<end>\n<user>\n", "assistant": "<end>\n<model>\n"}
GREETED = placeholder_copy(
    Conversation(
        id="row",
        messages=(
            Message(role="system", content="Be kind."),
            Message(role="assistant", content="Hello."),
            Message(role="user", content="Hi."),
            Message(role="assistant", content="What is it?"),
        ),
    ),
    (),
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "turn0calibset<end>\n<model>\nturn1calibset<end>\n<user>\nturn2calibset<end>\n<model>\nturn3calibset",
            "",
        ),
        ("turn0calibset\n\nturn1calibset<end>\n", "the chat template has no place for a greeting"),
        (
            "<model>\nturn1calibset<end>\n<user>\nturn2calibsetturn3calibset",
            "the chat template runs two turns together: assistant",
        ),
        (
            "<model>\nturn1calibset<end>\n<user>\nturn2calibset<end>\n<user>\nturn3calibset",
            "the chat template gives a turn to another speaker: assistant",
        ),
    ],
)
def test_each_turn_must_be_its_speakers(text: str, fault: str) -> None:
    if fault:
        with pytest.raises(RenderError) as caught:
            ensure_speakers(text, GREETED, HEADERS)
        assert str(caught.value) == fault
    else:
        ensure_speakers(text, GREETED, HEADERS)


def test_a_template_that_names_no_speakers_may_run_turns_together() -> None:
    ensure_speakers("turn0calibsetturn1calibsetturn2calibset", GREETED, {"user": "", "assistant": ""})


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_a_common_end_is_the_longest(one: str, other: str) -> None:
    count = count_common_end(one, other)
    assert one.endswith(other[len(other) - count :])
    assert count == min(len(one), len(other)) or one[-count - 1] != other[-count - 1]
