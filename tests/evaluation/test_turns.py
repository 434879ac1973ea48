"""The assistant's turns are found in rows as the template that rendered them knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.core.errors import TokenizerError
from calibset.evaluation.turns import learn_marks
from calibset.tokenizers import Tokenizer, load_tokenizer
from calibset.tokenizers.chat_templates.loading import load_template
from tests.chatml import write_chatml
from tests.letters import write_letters

TOOLS = (Tool(name="rate", description="Looks.", parameters='{"type": "object", "properties": {}}'),)
CALL = ToolCall(id="call_0", name="rate", arguments='{"of": "EUR"}')
CONVERSATIONS = (
    Conversation(
        id="a",
        messages=(
            Message(role="system", content="Short."),
            Message(role="user", content="Hi?"),
            Message(role="assistant", content="Hello."),
            Message(role="user", content="Bye"),
            Message(role="assistant", content="Bye."),
        ),
    ),
    Conversation(
        id="b",
        messages=(
            Message(role="user", content="Rate?"),
            Message(role="assistant", content="", tool_calls=(CALL,)),
            Message(role="tool", content="1.1", tool_call_id="call_0"),
            Message(role="assistant", content="It is 1.1."),
        ),
        tools=TOOLS,
    ),
)


@pytest.fixture(params=["chatml", "mistral"])
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path, tekken: Tokenizer) -> Tokenizer:
    if request.param == "mistral":
        return tekken
    return load_tokenizer(str(write_chatml(tmp_path)))


def test_turns_end_as_those_of_the_rendering_and_begin_behind_the_role(tokenizer: Tokenizer) -> None:
    template = load_template(tokenizer)
    marks = learn_marks(tokenizer, {})
    row, ends = list(tokenizer.prefix), []
    for conversation in CONVERSATIONS:
        rendered = template.render(conversation)
        ends += [len(row) + turn.end for turn in rendered.turns]
        row += rendered.token_ids
    found = marks.find(row)
    assert [turn.end for turn in found] == ends
    hello, bye, call, answer = (tokenizer.decode(row[turn.start : turn.end]) for turn in found)
    end = tokenizer.decode(row[-1:]) if row[-1] in marks.closers else "<|im_end|>"
    assert (hello, bye, answer) == (f"Hello.{end}", f"Bye.{end}", f"It is 1.1.{end}")
    assert call.startswith(("<tool_call>{", "[TOOL_CALLS]rate"))


def test_a_turn_that_the_row_cuts_off_is_there_as_far_as_it_goes(tokenizer: Tokenizer) -> None:
    rendered = load_template(tokenizer).render(CONVERSATIONS[0])
    last = rendered.turns[-1]
    cut = list(rendered.token_ids[: last.end - 1])
    assert learn_marks(tokenizer, {}).find(cut)[-1] == (last.start, last.end - 1)


def test_a_row_without_turns_has_none(tokenizer: Tokenizer) -> None:
    assert learn_marks(tokenizer, {}).find(tokenizer.encode("No turn here.", parse_special=True)) == []


def test_without_a_template_turns_cant_be_told(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"has no control token|has no chat template"):
        learn_marks(load_tokenizer(str(write_letters(tmp_path))), {})


def test_without_control_tokens_turns_cant_be_told(tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    tokenizer = load_tokenizer(str(write_chatml(tmp_path, template=template, eos="</s>")))
    with pytest.raises(TokenizerError) as raised:
        learn_marks(tokenizer, {})
    assert str(raised.value) == (
        f"{tmp_path}: no control token of its chat template tells where the assistant's turns begin and end "
        "in a row, so they can't be scored on their own; measure whole rows with --score all"
    )
