from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.tokenizers.chat_templates.tool_names import (
    list_renamed,
    map_tool_names,
    valid_call_id,
    valid_names,
)


@pytest.mark.parametrize(
    ("names", "mapped"),
    [
        (["a b", "a_b"], ["a_b_2", "a_b"]),
        (["a_b", "a b", "a.b"], ["a_b", "a_b_2", "a_b_3"]),
        (["日本", "保险", ""], ["tool", "tool_2", "tool_3"]),
        (["x" * 64, "x" * 65, "x" * 66], ["x" * 64, "x" * 62 + "_2", "x" * 62 + "_3"]),
        (["[INST]", "</s>"], ["INST", "s"]),
        (["a b", "a b"], ["a_b", "a_b"]),
    ],
)
def test_mapped_names(names: list[str], mapped: list[str]) -> None:
    mapping = valid_names(names)
    assert [mapping[name] for name in names] == mapped


@given(st.lists(st.text(st.sampled_from("ab_- .(日[2"), max_size=70), max_size=15))
def test_mapped_names_are_valid_and_no_two_alike(names: list[str]) -> None:
    mapping = valid_names(names)
    assert mapping.keys() == set(names)
    assert len(set(mapping.values())) == len(mapping)
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    for name, valid in mapping.items():
        assert 1 <= len(valid) <= 64
        assert set(valid) <= allowed
        if 1 <= len(name) <= 64 and set(name) <= allowed:
            assert valid == name


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"), max_size=20))
def test_call_ids_are_nine_letters_or_digits_fixed_by_conversation_and_call(row: str, call: str) -> None:
    call_id = valid_call_id(row, call)
    assert len(call_id) == 9
    assert call_id.isalnum()
    assert call_id.isascii()
    assert call_id == valid_call_id(row, call)


def test_call_ids_do_not_collide() -> None:
    assert len({valid_call_id(f"row {i}", f"call_{j}") for i in range(2000) for j in range(5)}) == 10_000


def test_a_conversations_names_are_those_declared_and_called() -> None:
    call = ToolCall(id="call_0", name="get rate", arguments="{}")
    conversation = Conversation(
        id="row",
        messages=(
            Message(role="user", content="?"),
            Message(role="assistant", content="", tool_calls=(call,)),
        ),
        tools=tuple(Tool(name=name, description="", parameters="{}") for name in ("time", "get_rate")),
    )
    assert map_tool_names(conversation) == {"time": "time", "get_rate": "get_rate", "get rate": "get_rate_2"}
    assert list_renamed(map_tool_names(conversation)) == (("get_rate_2", "get rate"),)


def test_dots_are_kept_where_the_format_allows_them() -> None:
    assert valid_names(["a.b", "a/b", "a.b c"], dots=True) == {
        "a.b": "a.b",
        "a/b": "a_b",
        "a.b c": "a.b_c",
    }
