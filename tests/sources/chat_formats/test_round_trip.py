"""What is written in a chat format is read back as the same conversation."""

from __future__ import annotations

import json
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Message, ToolCall
from calibset.sources.chat_formats.tools import read_tools
from tests.sources.chat_formats.row_writers import WRITERS
from tests.sources.chat_formats.strict import read_strictly

TEXT = (
    st.text(st.characters(codec="utf-8", exclude_characters="<[\\"), min_size=1).map(str.strip).filter(bool)
)
NAMES = st.text(st.sampled_from("abcGT .,_-+'()/4:é"), min_size=1, max_size=12).map(str.strip).filter(bool)
ARGUMENT_NAMES = st.text(st.sampled_from("abcGT .$-[]é4"), min_size=1, max_size=8).map(str.strip).filter(bool)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(ARGUMENT_NAMES, VALUES, max_size=4)


@st.composite
def conversations(draw: st.DrawFn, *, with_results: bool) -> Conversation:
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    tools = read_tools([{"name": name, "parameters": {"x": {"type": "int"}}} for name in names])
    messages = [Message(role="user", content=draw(TEXT))]
    number = 0
    for last in (False, False, True):
        calls = draw(st.lists(st.tuples(st.sampled_from(names), ARGUMENTS), max_size=3))
        calls = calls if last or with_results else []
        numbered = tuple(
            ToolCall(
                id=f"call_{number + index}", name=name, arguments=json.dumps(arguments, ensure_ascii=False)
            )
            for index, (name, arguments) in enumerate(calls)
        )
        number += len(calls)
        content = draw(TEXT | st.just("")) if calls else draw(TEXT)
        messages.append(Message(role="assistant", content=content, tool_calls=numbered))
        if not last:
            messages += [Message(role="tool", content=draw(TEXT), tool_call_id=call.id) for call in numbered]
            messages.append(Message(role="user", content=draw(TEXT)))
    return Conversation(id="1", messages=tuple(messages), tools=tools)


@pytest.mark.parametrize("chat_format", WRITERS)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_written_and_read_back(chat_format: ModuleType, data: st.DataObject) -> None:
    conversation = data.draw(conversations(with_results=True))
    row = json.loads(json.dumps(WRITERS[chat_format](conversation)))
    assert chat_format.parse(row, conversation_id="1") == conversation
    assert read_strictly(chat_format.parse, row) == conversation


@pytest.mark.parametrize("chat_format", WRITERS)
def test_a_plain_system_message_is_kept(chat_format: ModuleType) -> None:
    conversation = Conversation(
        id="1",
        messages=(
            Message(role="system", content="Answer in Slovak."),
            Message(role="user", content="Hi"),
            Message(role="assistant", content="Ahoj"),
        ),
    )
    assert chat_format.parse(WRITERS[chat_format](conversation), conversation_id="1") == conversation
