"""Where turns end, in templates that end them in the manner of several families."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.tokenizers.chat_templates.jinja import JinjaTemplate, jinja_template
from calibset.tokenizers.huggingface import from_file
from tests.chatml import write_chatml

pytest.importorskip("transformers")

TALK = Conversation(
    id="row",
    messages=(
        Message(role="user", content="a"),
        Message(role="assistant", content="s"),
        Message(role="user", content="Rate?"),
        Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(id="c", name="rate", arguments='{"of": "€", "n": 12}'),),
        ),
        Message(role="tool", content=" ", tool_call_id="c"),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="d", name="rate", arguments="{}"),)),
        Message(role="tool", content="s", tool_call_id="d"),
        Message(role="assistant", content='It is "1".\n'),
    ),
    tools=(Tool(name="rate", description="Gives <|it|>.", parameters='{"type": "object"}'),),
)
CALLS = (
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.name }} {{ c.function.arguments | tojson }}"
    "</tool_call>{% endfor %}"
)
TURNS = (
    "{{ tools | tojson if tools }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}" + CALLS
)


def load(folder: Path, template: str, *, keeps: bool = False, eos: str = "</s>") -> JinjaTemplate:
    path = write_chatml(folder, template=template, eos=eos) / "tokenizer.json"
    return jinja_template(from_file(path, "own"), keeps_control_tokens=keeps, allow_unknown_markers=True)


def turns(template: JinjaTemplate, talk: Conversation = TALK) -> list[str]:
    rendered = template.render(talk)
    return [template.tokenizer.decode(rendered.token_ids[turn.start : turn.end]) for turn in rendered.turns]


CALL_TURNS = ['rate {"of": "€", "n": 12}</tool_call>', "rate {}</tool_call>"]


@pytest.mark.parametrize("keeps", [False, True])
def test_a_token_of_the_turns_own_ends_it_and_not_eos(tmp_path: Path, *, keeps: bool) -> None:
    template = load(tmp_path, TURNS + "<|im_end|>\n{% endfor %}", keeps=keeps)
    ends = [f"{turn}<|im_end|>" for turn in ("s", *CALL_TURNS, 'It is "1".\n')]
    assert turns(template) == ends
    assert template.render(TALK).text.endswith("<|im_end|>\n</s>")


def test_where_nothing_ends_a_turn_the_next_ones_role_does(tmp_path: Path) -> None:
    template = load(tmp_path, TURNS + "{% endfor %}")
    # Parallel calls show that what closes a call does not end the turn.
    assert turns(template) == [
        "s<|im_start|>",
        CALL_TURNS[0] + "<|im_start|>",
        CALL_TURNS[1] + "<|im_start|>",
        'It is "1".\n</s>',
    ]


def test_without_any_control_token_a_turn_ends_with_its_text(tmp_path: Path) -> None:
    template = load(tmp_path, "{% for m in messages %}{{ m.role | upper }}: {{ m.content }} {% endfor %}")
    talk = Conversation(id="row", messages=TALK.messages[:2] + TALK.messages[:2])
    assert turns(template, talk) == ["s", "s </s>"]


def test_a_call_may_end_in_a_token_of_its_own_and_has_no_eos_behind_it(tmp_path: Path) -> None:
    one_call = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.tool_calls %}{% set c = m.tool_calls[0] %}"
        "{{ c.function.name }}<tool_call>{{ c.function.arguments | tojson }}</tool_call>"
        "{% else %}{{ m.content }}{{ '</s>' if loop.last else '<|im_end|>' }}{% endif %}{% endfor %}"
    )
    template = load(tmp_path, one_call)
    assert turns(template) == [
        "s<|im_end|>",
        'rate<tool_call>{"of": "€", "n": 12}</tool_call>',
        "rate<tool_call>{}</tool_call>",
        'It is "1".\n</s>',
    ]
    ending = Conversation(id="row", messages=TALK.messages[:4], tools=TALK.tools)
    assert template.render(ending).text.endswith('{"of": "€", "n": 12}</tool_call>')


def test_words_before_a_call_belong_to_its_turn(tmp_path: Path) -> None:
    template = load(tmp_path, TURNS + "<|im_end|>\n{% endfor %}", eos="<|im_end|>")
    words = Message(role="assistant", content="One moment.", tool_calls=TALK.messages[5].tool_calls)
    talk = Conversation(id="row", messages=(TALK.messages[0], words), tools=TALK.tools)
    assert turns(template, talk) == ["One moment.<tool_call>rate {}</tool_call><|im_end|>"]
