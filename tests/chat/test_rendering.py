from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.chat.mistral import mistral_template
from calibset.chat.rendering import Rendering
from calibset.chat.template import Rendered, RenderError
from calibset.document import Conversation, Message, Tool, ToolCall
from calibset.tokenizers import Tokenizer

OBJECT = '{"type": "object", "properties": {}}'


@dataclass
class Lengths:
    """A template for which a turn has as many tokens as its text letters, and the tools ten."""

    asked: list[int] = field(default_factory=list)

    def render(self, conversation: Conversation) -> Rendered:
        self.asked.append(len(conversation.messages))
        text = "|".join(f"{message.role[0]}{message.content}" for message in conversation.messages)
        count = sum(len(message.content) for message in conversation.messages) + 10 * len(conversation.tools)
        return Rendered(id=conversation.id, text=text, token_ids=(0,) * count, turns=())


def exchanges(*lengths: int) -> Conversation:
    """Return a conversation of exchanges, each of a user turn of one letter and an answer of so many."""
    messages = []
    for length in lengths:
        messages += [Message(role="user", content="u"), Message(role="assistant", content="a" * length)]
    return Conversation(id="row", messages=tuple(messages))


def test_what_fits_is_rendered_once_as_it_is() -> None:
    template = Lengths()
    rendered = Rendering(template=template, room=12).render(exchanges(5, 5))
    assert (len(rendered.token_ids), rendered.shortened) == (12, False)
    assert template.asked == [4]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12), st.integers(1, 120))
def test_as_many_whole_exchanges_are_kept_as_a_row_holds(lengths: list[int], room: int) -> None:
    rendered = Rendering(template=Lengths(), room=room).render(exchanges(*lengths))
    sums = [sum(lengths[:count]) + count for count in range(1, len(lengths) + 1)]
    fitting = [total for total in sums if total <= room]
    assert len(rendered.token_ids) == (fitting[-1] if fitting else sums[-1])
    assert rendered.shortened == (bool(fitting) and fitting[-1] < sums[-1])


def test_a_recipe_may_want_them_whole() -> None:
    template = Lengths()
    rendered = Rendering(template=template, room=8, shortens=False).render(exchanges(5, 5))
    assert (len(rendered.token_ids), rendered.shortened) == (12, False)
    assert template.asked == [4]


def test_it_is_never_cut_between_a_call_and_its_answer() -> None:
    call = ToolCall(id="call_0", name="f", arguments="{}")
    conversation = Conversation(
        id="row",
        messages=(
            *exchanges(3).messages,
            Message(role="user", content="u"),
            Message(role="assistant", content="", tool_calls=(call,)),
            Message(role="tool", content="t" * 3, tool_call_id="call_0"),
            Message(role="assistant", content="a" * 30),
        ),
    )
    rendered = Rendering(template=Lengths(), room=20).render(conversation)
    assert rendered.text == "uu|aaaa"
    assert rendered.shortened


def test_a_system_prompt_opens_what_has_none() -> None:
    rendering = Rendering(template=Lengths(), room=100, system_prompt="Be kind.")
    assert rendering.render(exchanges(1)).text == "sBe kind.|uu|aa"
    own = Conversation(id="row", messages=(Message(role="system", content="own"), *exchanges(1).messages))
    assert rendering.render(own).text == "sown|uu|aa"


def test_what_the_format_can_not_express_is_an_error() -> None:
    class Refusing:
        def render(self, _: Conversation) -> Rendered:
            raise RenderError("refused")

    with pytest.raises(RenderError, match=r"^refused$"):
        Rendering(template=Refusing(), room=1).render(exchanges(1))


def test_tools_stand_before_the_last_user_turn_that_is_left(tekken: Tokenizer) -> None:
    tools = (Tool(name="f", description="d", parameters=OBJECT),)
    conversation = Conversation(id="row", messages=exchanges(5, 5, 900).messages, tools=tools)
    rendered = Rendering(template=mistral_template(tekken), room=120).render(conversation)
    assert rendered.shortened
    assert rendered.text.count("[INST]") == 2
    assert rendered.text.index("[AVAILABLE_TOOLS]") > rendered.text.index("[/INST]")
    assert rendered.text.endswith("aaaaa</s>")
