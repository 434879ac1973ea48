from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.chat_templates.base import RenderedConversation, RenderError, TooLongToRenderError
from calibset.tokenizers.chat_templates.mistral import mistral_template
from calibset.tokenizers.chat_templates.renderer import (
    LONGEST_RENDERED,
    MOST_TURNS_RENDERED,
    ConversationRenderer,
)

OBJECT = '{"type": "object", "properties": {}}'


@dataclass
class Lengths:
    """A template for which a turn has as many tokens as its text letters, and the tools ten."""

    lengths: list[int] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def render(self, conversation: Conversation) -> RenderedConversation:
        self.lengths.append(len(conversation.messages))
        text = "|".join(f"{message.role[0]}{message.content}" for message in conversation.messages)
        count = sum(len(message.content) for message in conversation.messages) + 10 * len(conversation.tools)
        return RenderedConversation(id=conversation.id, text=text, token_ids=(0,) * count, turns=())


def exchanges(*lengths: int) -> Conversation:
    """Return a conversation of exchanges, each of a user turn of one letter and an answer of so many."""
    messages = []
    for length in lengths:
        messages += [Message(role="user", content="u"), Message(role="assistant", content="a" * length)]
    return Conversation(id="row", messages=tuple(messages))


def test_what_fits_is_rendered_once_as_it_is() -> None:
    template = Lengths()
    rendered = ConversationRenderer(template=template, text_budget=12).render(exchanges(5, 5))
    assert (len(rendered.token_ids), rendered.shortened) == (12, False)
    assert template.lengths == [4]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12), st.integers(1, 120))
def test_as_many_whole_exchanges_are_kept_as_a_row_holds(lengths: list[int], text_budget: int) -> None:
    rendered = ConversationRenderer(template=Lengths(), text_budget=text_budget).render(exchanges(*lengths))
    sums = [sum(lengths[:count]) + count for count in range(1, len(lengths) + 1)]
    fitting = [total for total in sums if total <= text_budget]
    assert len(rendered.token_ids) == (fitting[-1] if fitting else sums[-1])
    assert rendered.shortened == (bool(fitting) and fitting[-1] < sums[-1])


def test_a_recipe_may_want_them_whole() -> None:
    template = Lengths()
    rendered = ConversationRenderer(template=template, text_budget=8, shortens=False).render(exchanges(5, 5))
    assert (len(rendered.token_ids), rendered.shortened) == (12, False)
    assert template.lengths == [4]


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
    rendered = ConversationRenderer(template=Lengths(), text_budget=20).render(conversation)
    assert rendered.text == "uu|aaaa"
    assert rendered.shortened


def test_a_system_prompt_opens_what_has_none() -> None:
    rendering = ConversationRenderer(template=Lengths(), text_budget=100, system_prompt="Be kind.")
    assert rendering.render(exchanges(1)).text == "sBe kind.|uu|aa"
    own = Conversation(id="row", messages=(Message(role="system", content="own"), *exchanges(1).messages))
    assert rendering.render(own).text == "sown|uu|aa"


def test_what_the_format_can_not_express_is_an_error() -> None:
    class Refusing:
        notes = ()

        def render(self, _: Conversation) -> RenderedConversation:
            raise RenderError("refused")

    with pytest.raises(RenderError, match=r"^refused$"):
        ConversationRenderer(template=Refusing(), text_budget=1).render(exchanges(1))


def test_tools_stand_before_the_last_user_turn_that_is_left(tekken: Tokenizer) -> None:
    tools = (Tool(name="f", description="d", parameters=OBJECT),)
    conversation = Conversation(id="row", messages=exchanges(5, 5, 900).messages, tools=tools)
    rendered = ConversationRenderer(template=mistral_template(tekken), text_budget=120).render(conversation)
    assert rendered.shortened
    assert rendered.text.count("[INST]") == 2
    assert rendered.text.index("[AVAILABLE_TOOLS]") > rendered.text.index("[/INST]")
    assert rendered.text.endswith("aaaaa</s>")


def trace(*rounds: int, parallel: int = 1) -> Conversation:
    """Return a conversation of one exchange: rounds of calls and results of so many letters, an answer."""
    messages = [Message(role="system", content="s"), Message(role="user", content="u")]
    for number, length in enumerate(rounds):
        calls = tuple(
            ToolCall(id=f"call_{number}_{index}", name="f", arguments="{}") for index in range(parallel)
        )
        messages.append(Message(role="assistant", content="c", tool_calls=calls))
        messages += [Message(role="tool", content="t" * length, tool_call_id=call.id) for call in calls]
    messages.append(Message(role="assistant", content="a" * 40))
    return Conversation(id="row", messages=tuple(messages))


@pytest.mark.parametrize(
    ("text_budget", "text"),
    [
        (3, "ss|uu|ac"),
        (9, "ss|uu|ac"),
        (10, "ss|uu|ac|ttttt|ttt|ac"),
        (44, "ss|uu|ac|ttttt|ttt|ac"),
    ],
)
def test_where_no_exchange_fits_it_ends_on_a_turn_of_the_assistants(text_budget: int, text: str) -> None:
    rendered = ConversationRenderer(template=Lengths(), text_budget=text_budget).render(
        Conversation(
            id="row", messages=(*trace(0).messages[:3], *result(4), *result(2), *trace(90).messages[2:])
        )
    )
    assert (rendered.text, rendered.shortened) == (text, True)


def result(length: int) -> tuple[Message, ...]:
    return (Message(role="tool", content="t" * length, tool_call_id="call_0_0"),)


def test_a_long_trace_keeps_as_many_rounds_as_a_row_holds() -> None:
    template = Lengths()
    rendered = ConversationRenderer(template=template, text_budget=100).render(trace(*[9] * 30, parallel=2))
    roles = [turn[0] for turn in rendered.text.split("|")]
    assert roles == ["s", "u", *["a", "t", "t"] * 5, "a"]
    assert rendered.shortened
    assert len(template.lengths) <= 7


def test_a_later_exchange_is_not_cut_where_a_whole_one_fits() -> None:
    first = exchanges(3).messages
    rendered = ConversationRenderer(template=Lengths(), text_budget=30).render(
        Conversation(id="row", messages=(*first, *trace(5, 5).messages[1:]))
    )
    assert rendered.text == "uu|aaaa"


def test_a_greeting_is_no_conversation() -> None:
    greeting = Message(role="assistant", content="g")
    rendered = ConversationRenderer(template=Lengths(), text_budget=5).render(
        Conversation(id="row", messages=(greeting, *exchanges(9).messages))
    )
    assert not rendered.shortened


def test_a_format_that_lets_none_end_on_a_call_leaves_it_as_it_is() -> None:
    class Answered(Lengths):
        def render(self, conversation: Conversation) -> RenderedConversation:
            if conversation.messages[-1].tool_calls:
                raise RenderError("refused")
            return super().render(conversation)

    rendered = ConversationRenderer(template=Answered(), text_budget=30).render(trace(9, 9))
    assert (len(rendered.token_ids), rendered.shortened) == (62, False)


def test_what_ends_on_a_call_is_mistrals_too(tekken: Tokenizer) -> None:
    call = ToolCall(id="call_0", name="f", arguments="{}")
    conversation = Conversation(
        id="row",
        messages=(
            Message(role="user", content="u"),
            Message(role="assistant", content="", tool_calls=(call,)),
            Message(role="tool", content="t " * 200, tool_call_id="call_0"),
            Message(role="assistant", content="a"),
        ),
        tools=(Tool(name="f", description="d", parameters=OBJECT),),
    )
    rendered = ConversationRenderer(template=mistral_template(tekken), text_budget=120).render(conversation)
    assert rendered.shortened
    assert rendered.text.endswith("[ARGS]{}</s>")
    assert len(rendered.turns) == 1


def test_thoughts_may_be_left_out_and_are_counted() -> None:
    thoughtful = Conversation(
        id="row",
        messages=(
            Message(role="user", content="u"),
            Message(role="assistant", content="a", reasoning="First."),
            Message(role="user", content="u"),
            Message(role="assistant", content="b", reasoning="Second."),
        ),
    )
    seen: list[Conversation] = []

    @dataclass
    class Recorder(Lengths):
        def render(self, conversation: Conversation) -> RenderedConversation:
            seen.append(conversation)
            return super().render(conversation)

    dropping = ConversationRenderer(template=Recorder(), text_budget=9, drops_thoughts=True)
    assert dropping.render(thoughtful).dropped_thoughts == 2
    assert [message.reasoning for message in seen[-1].messages] == ["", "", "", ""]
    assert ConversationRenderer(template=Recorder(), text_budget=9).render(thoughtful).dropped_thoughts == 0
    assert seen[-1] == thoughtful


@pytest.mark.parametrize(
    "conversation",
    [
        exchanges(LONGEST_RENDERED),
        Conversation(id="row", messages=exchanges(*[0] * MOST_TURNS_RENDERED).messages[1:]),
        replace(exchanges(1), tools=(Tool(name="f", description="d" * LONGEST_RENDERED, parameters=OBJECT),)),
    ],
    ids=["letters", "turns", "tools"],
)
def test_what_no_row_can_hold_is_not_rendered(conversation: Conversation) -> None:
    template = Lengths()
    renderer = ConversationRenderer(template=template, text_budget=20, shortens=False)
    with pytest.raises(TooLongToRenderError, match="far longer than a row"):
        renderer.render(conversation)
    assert template.lengths == []


def test_of_what_no_row_can_hold_the_beginning_is_kept() -> None:
    template = Lengths()
    renderer = ConversationRenderer(template=template, text_budget=20)
    rendered = renderer.render(exchanges(5, 5, LONGEST_RENDERED))
    assert (len(rendered.token_ids), rendered.shortened) == (12, True)
    assert max(template.lengths) < 6
    with pytest.raises(TooLongToRenderError):
        renderer.render(exchanges(LONGEST_RENDERED, 5))
