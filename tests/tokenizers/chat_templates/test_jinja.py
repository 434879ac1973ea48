from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.core.errors import TokenizerError
from calibset.hygiene.safe_texts import make_safe
from calibset.tokenizers import ControlTokens, load_tokenizer
from calibset.tokenizers.chat_templates.base import RenderError
from calibset.tokenizers.chat_templates.jinja import JinjaTemplate, jinja_template
from calibset.tokenizers.chat_templates.messages import MessageStyle
from calibset.tokenizers.huggingface import HuggingFaceTokenizer, from_file
from tests.chatml import TEMPLATE, write_chatml
from tests.pieces import INSTRUCT, write_pieces

pytest.importorskip("transformers")

OBJECT = '{"type": "object", "properties": {}}'


def template_of(folder: Path, **options: object) -> JinjaTemplate:
    return jinja_template(from_file(write_chatml(folder, **options) / "tokenizer.json", "own"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> JinjaTemplate:
    return template_of(tmp_path_factory.mktemp("chatml"))


def talk(user: str = "Hi", answer: str = "Hello.") -> Conversation:
    return Conversation(
        id="row 1", messages=(Message(role="user", content=user), Message(role="assistant", content=answer))
    )


CALLING = Conversation(
    id="row 2",
    messages=(
        Message(role="system", content="Be brief."),
        Message(role="user", content="Rate?"),
        Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(id="call_0", name="get rate!", arguments='{"of": "€"}'),),
        ),
        Message(role="tool", content="1.1", tool_call_id="call_0"),
        Message(role="assistant", content="It is 1.1."),
    ),
    tools=(Tool(name="get rate!", description="Gives it.", parameters=OBJECT),),
)


def test_a_dialogue_is_written_as_the_template_says(template: JinjaTemplate) -> None:
    rendered = template.render(talk())
    assert rendered.id == "row 1"
    assert rendered.text == ("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n")
    assert rendered.token_ids == tuple(template.tokenizer.encode(rendered.text, parse_special=True))
    assert (rendered.bos_text, rendered.bos_ids, rendered.renamed_tools) == ("", (), ())


def test_tools_calls_and_results_are_written_too(template: JinjaTemplate) -> None:
    rendered = template.render(CALLING)
    assert rendered.text == (
        "<|im_start|>system\nBe brief.\n\nTools:\n"
        '{"type": "function", "function": {"name": "get_rate", "description": "Gives it.", '
        '"parameters": {"type": "object", "properties": {}}}}<|im_end|>\n'
        "<|im_start|>user\nRate?<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>{"name": "get_rate", "arguments": {"of": "€"}}</tool_call>'
        "<|im_end|>\n"
        "<|im_start|>user\n<tool_response>1.1</tool_response><|im_end|>\n"
        "<|im_start|>assistant\nIt is 1.1.<|im_end|>\n"
    )
    assert rendered.renamed_tools == (("get_rate", "get rate!"),)


def test_the_assistants_turns_are_found(template: JinjaTemplate) -> None:
    rendered = template.render(CALLING)
    turns = [template.tokenizer.decode(rendered.token_ids[turn.start : turn.end]) for turn in rendered.turns]
    assert turns == [
        'get_rate", "arguments": {"of": "€"}}</tool_call><|im_end|>',
        "It is 1.1.<|im_end|>",
    ]


def test_where_the_tokenizer_adds_bos_the_row_has_none_and_it_stands_between(tmp_path: Path) -> None:
    rendered = template_of(tmp_path, template="{{ bos_token }}" + TEMPLATE, bos=True).render(talk())
    assert rendered.text.startswith("<|im_start|>user\n")
    assert rendered.bos_text == "<s>"
    assert len(rendered.bos_ids) == 1
    assert [turn.start > 10 for turn in rendered.turns] == [True]


def test_blanks_that_a_template_writes_before_its_bos_are_left_out(tmp_path: Path) -> None:
    spaced = "{% if true %} {% endif %}\n{{ bos_token }}" + TEMPLATE
    rendered = template_of(tmp_path, template=spaced, bos=True).render(talk())
    assert rendered.text.startswith("<|im_start|>user\n")
    assert rendered.bos_text == "<s>"


def test_where_it_adds_none_the_templates_own_stays(tmp_path: Path) -> None:
    rendered = template_of(tmp_path, template="{{ bos_token }}" + TEMPLATE).render(talk())
    assert rendered.text.startswith("<s><|im_start|>user\n")
    assert rendered.bos_text == ""


def test_an_end_that_the_template_does_not_write_is_added(tmp_path: Path) -> None:
    assert template_of(tmp_path, eos="</s>").render(talk()).text.endswith("Hello.<|im_end|>\n</s>")


def test_a_template_that_writes_the_date_gives_the_same_every_day(tmp_path: Path) -> None:
    dated = "{{ strftime_now('%d %b %Y') }}{% for m in messages %} {{ m.content }}{% endfor %}"
    assert template_of(tmp_path, template=dated).render(talk()).text == "26 Jul 2024 Hi Hello.<|im_end|>"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("\n{% if true %}x{% endif %}", "\nx"),
        ("  {% if true %}x{% endif %}", "x"),
        ("x\n", "x\n"),
    ],
)
def test_a_templates_own_blanks_are_as_without_the_date(tmp_path: Path, template: str, text: str) -> None:
    dated = template + "{% for m in messages %}{{ m.content }}{% endfor %}\n"
    assert template_of(tmp_path, template=dated).render(talk()).text == text + "HiHello.<|im_end|>"


def test_a_prefix_of_several_tokens_is_the_opening(tmp_path: Path) -> None:
    import tokenizers
    from tokenizers import processors

    folder = write_chatml(tmp_path, template="<s></s>" + TEMPLATE)
    engine = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = [(token, engine.token_to_id(token)) for token in ("<s>", "</s>")]
    engine.post_processor = processors.TemplateProcessing(single="<s> </s> $A", special_tokens=ids)
    engine.save(str(folder / "tokenizer.json"))
    rendered = jinja_template(from_file(folder / "tokenizer.json", "own")).render(talk())
    assert rendered.bos_text == "<s></s>"
    assert len(rendered.bos_ids) == 2
    assert rendered.text.startswith("<|im_start|>user")


def test_what_the_template_refuses_is_no_row(template: JinjaTemplate) -> None:
    with pytest.raises(RenderError) as caught:
        template.render(talk("REFUSE"))
    assert str(caught.value) == caught.value.reason == "refused by the chat template: no such user"


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    ],
)
def test_a_template_can_do_nothing_but_write(tmp_path: Path, hostile: str) -> None:
    with pytest.raises(TokenizerError, match=r"chat_template\.jinja: refuses a plain dialogue: "):
        template_of(tmp_path, template=hostile)
    later = TEMPLATE + '{% if messages[0].content == "NOW" %}' + hostile + "{% endif %}"
    with pytest.raises(RenderError, match=r"^refused by the chat template: "):
        template_of(tmp_path, template=later).render(talk("NOW"))


@pytest.mark.parametrize(
    ("template", "line", "fault"),
    [
        ("{% if %}", 1, "Expected an expression, got 'end of statement block'"),
        ("x\n\n{{ messages | shout }}", 3, "No filter named 'shout'."),
        ("x\n{% for m in messages %}", 2, "Unexpected end of template."),
    ],
)
def test_a_template_that_is_none_is_an_error_with_its_line(
    tmp_path: Path, template: str, line: int, fault: str
) -> None:
    with pytest.raises(TokenizerError) as caught:
        template_of(tmp_path, template=template)
    assert str(caught.value).startswith(f"{tmp_path / 'chat_template.jinja'}: line {line}: {fault}")


def test_a_template_in_a_configuration_is_named_by_its_key(tmp_path: Path) -> None:
    write_chatml(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    several = [{"name": "default", "template": TEMPLATE}, {"name": "tool_use", "template": "\n{% x %}"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": several}))
    with pytest.raises(TokenizerError) as caught:
        jinja_template(load_tokenizer(str(tmp_path)))
    assert str(caught.value) == (
        f"{tmp_path / 'tokenizer_config.json'}: chat_template: line 2: Encountered unknown tag 'x'."
    )


def test_without_a_template_there_is_a_clear_error(tmp_path: Path) -> None:
    write_chatml(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(TokenizerError) as caught:
        jinja_template(load_tokenizer(str(tmp_path)))
    assert str(caught.value) == (
        f"{tmp_path}: has no chat template, so conversations can't be rendered for it; put the model's "
        "chat_template.jinja or tokenizer_config.json next to its tokenizer.json"
    )


def test_transformers_need_not_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert template_of(tmp_path).render(talk()).text.endswith("Hello.<|im_end|>\n")


def test_several_templates_without_a_default_are_an_error(tmp_path: Path) -> None:
    write_chatml(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    named = [{"name": "tool_use", "template": TEMPLATE}, {"name": "rag", "template": TEMPLATE}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    with pytest.raises(TokenizerError) as caught:
        jinja_template(load_tokenizer(str(tmp_path)))
    assert str(caught.value) == (
        f"{tmp_path / 'tokenizer_config.json'}: chat_template: holds chat templates (tool_use, rag), but "
        "none is the default"
    )


def test_a_template_that_never_ends_is_an_error_of_its_file(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError) as caught:
        template_of(tmp_path, template="{{ 'x' * 10 ** 10 }}")
    assert str(caught.value) == (
        f"{tmp_path / 'chat_template.jinja'}: the chat template takes over 512 MiB of memory; use the one "
        "that the model was published with, or name a format in [chat]"
    )


LETTERS = st.text(st.sampled_from("ab<>|/_imstartendocll \n"), max_size=30)
BREAKOUTS = st.sampled_from(
    [
        "<|im_end|>",
        "<|im_start|>system",
        "</s>",
        "<s>",
        "<tool_call>",
        "</tool_response>",
        "<|im_<|im_end|>end|>",
        "[/INST]ignore",
        "<<CALL>>",
        "\uff1c/s\uff1e",  # full-width: a normalising tokenizer reads it as </s>
        "\uff3bINST\uff3d",
    ]
)


# Writes keys and values without quotes, between marks of its own, as some models' templates do.
BARE = """\
{%- for tool in tools or [] %}<{{ tool.function.name }}>
{%- for key, value in tool.function.parameters | items %}<{{ key }}>{{ value }}</{{ key }}>{% endfor %}
{%- endfor %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}<tool_call><function={{ call.function.name }}>
{%- for key, value in call.function.arguments | items %}<with={{ key }}>{{ value }}</with>{% endfor %}
{%- endfor %}<|im_end|>
{% endfor %}"""


@pytest.fixture(
    scope="module",
    params=[
        (write_chatml, TEMPLATE),
        (write_chatml, BARE),
        (write_chatml, "{{ messages | tojson }}{{ tools | tojson }}"),
        (write_pieces, INSTRUCT),
        (write_pieces, BARE),
    ],
)
def any_template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> JinjaTemplate:
    write, text = request.param
    folder = write(tmp_path_factory.mktemp("any"), template=text)
    # BARE's control tokens are letters to one of them.
    return jinja_template(from_file(folder / "tokenizer.json", "own"), allow_unknown_markers=True)


def salted(salt: str, where: str) -> Conversation:
    """Return a conversation with a text put into one place of it."""
    arguments = {
        "of": "€",
        "salt" if where != "key" else f"x{salt}x": "y" if where != "value" else f"x{salt}x",
    }
    parameters = {"type": "object", "properties": {f"p{salt}" if where == "schema" else "p": {}}}
    if where == "keyword":
        parameters[salt or "x"] = "x"
    call = ToolCall(id="call_0", name="rate", arguments=json.dumps(arguments))
    turns = [
        Message(role="user", content=f"x{salt}x" if where == "user" else "x"),
        Message(role="assistant", content=f"x{salt}x" if where == "assistant" else "", tool_calls=(call,)),
        Message(role="tool", content=f"x{salt}x" if where == "tool" else "x", tool_call_id="call_0"),
        Message(role="assistant", content="It is 1.1."),
    ]
    about = f"x{salt}x" if where == "description" else "x"
    tool = Tool(name="rate", description=about, parameters=json.dumps(parameters))
    return Conversation(id="row", messages=tuple(turns), tools=(tool,))


PLACES = ["user", "assistant", "tool", "key", "value", "schema", "keyword", "description"]


def controls(template: JinjaTemplate, conversation: Conversation) -> list[int]:
    tokenizer = template.tokenizer
    clean = make_safe(conversation, ControlTokens.of(tokenizer.special_tokens)).item
    assert isinstance(clean, Conversation)
    ids = template.render(clean).token_ids
    return [token for token in ids if token in tokenizer.special_tokens.values()]


@given(
    salt=st.lists(LETTERS | BREAKOUTS, min_size=1, max_size=6).map("".join)
    | st.sampled_from(["tool_call", "|im_end|", "s"]),
    where=st.sampled_from(PLACES),
)
def test_no_text_breaks_out_of_its_place(any_template: JinjaTemplate, salt: str, where: str) -> None:
    assume(where != "assistant" or salt.strip())
    try:
        ids = controls(any_template, salted(salt, where))
    except RenderError as error:
        assert error.reason == "a text spells a control token"  # noqa: PT017
        return
    assert ids == controls(any_template, salted("plain", where))


@pytest.mark.parametrize("salt", ["|im_end|", "tool_call", "s"])
def test_what_the_templates_own_marks_would_complete_is_refused(tmp_path: Path, salt: str) -> None:
    with pytest.raises(RenderError, match=r"^a text spells a control token$"):
        controls(template_of(tmp_path, template=BARE), salted(salt, "keyword"))


def test_a_template_that_leaves_out_tools_is_refused(tmp_path: Path) -> None:
    plain = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    with pytest.raises(RenderError) as caught:
        template_of(tmp_path, template=plain).render(CALLING)
    assert str(caught.value) == "the chat template leaves out tools or their calls: get_rate"
    assert len(template_of(tmp_path, template=plain).render(talk()).turns) == 1


def test_the_environment_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANSFORMERS_VERBOSITY", raising=False)
    template_of(tmp_path)
    assert "TRANSFORMERS_VERBOSITY" not in os.environ


def test_many_turns_take_time_in_proportion(template: JinjaTemplate) -> None:
    lengths: list[int] = []

    def apply(messages: list[object], **options: object) -> str:
        lengths.append(len(messages))
        return template.apply(messages, **options)

    exchange = (Message(role="user", content="u"), Message(role="assistant", content="a"))
    rendered = replace(template, apply=apply).render(Conversation(id="row", messages=exchange * 50))
    assert len(rendered.turns) == 50
    assert lengths == [100, 100]


ROLES = "{% for m in messages %}{% if m.role in roles %}<|im_start|>{{ m.role }}\n{{ m.content }}"
CALLS = "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}"


def writing(*roles: str, calls: str = CALLS) -> str:
    """Return a template that writes the turns of some roles only."""
    declared = "{{ tools | tojson if tools }}"
    return f"{{% set roles = {list(roles)} %}}{declared}{ROLES}{calls}<|im_end|>\n{{% endif %}}{{% endfor %}}"


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
@pytest.mark.parametrize("keeps", [False, True])
def test_a_template_that_leaves_out_turns_is_refused(tmp_path: Path, role: str, keeps: bool) -> None:
    every = ("system", "user", "assistant", "tool")
    others = [other for other in every if other != role]
    folder = write_chatml(tmp_path, template=writing(*others, calls="" if role == "assistant" else CALLS))
    template = jinja_template(from_file(folder / "tokenizer.json", "own"), keeps_control_tokens=keeps)
    messages = [*CALLING.messages[:2], CALLING.messages[4]] if role == "assistant" else CALLING.messages
    tools = () if role == "assistant" else CALLING.tools
    with pytest.raises(RenderError) as caught:
        template.render(replace(CALLING, messages=tuple(messages), tools=tools))
    assert str(caught.value) == f"the chat template leaves out a turn: {role}"
    whole = template_of(tmp_path, template=writing(*every))
    assert len(whole.render(CALLING).turns) == 2


def test_a_template_that_writes_tools_and_leaves_out_calls_is_refused(tmp_path: Path) -> None:
    template = template_of(tmp_path, template=writing("system", "user", "assistant", "tool", calls=""))
    with pytest.raises(RenderError) as caught:
        template.render(CALLING)
    assert str(caught.value) == "the chat template leaves out tools or their calls: get_rate"


def test_of_parallel_calls_each_must_be_written(tmp_path: Path) -> None:
    first = CALLS.replace("m.tool_calls or []", "(m.tool_calls or [])[:1]")
    template = template_of(tmp_path, template=writing("system", "user", "assistant", "tool", calls=first))
    template.render(CALLING)
    (call,) = CALLING.messages[2].tool_calls
    twice = replace(CALLING.messages[2], tool_calls=(call, replace(call, id="call_1")))
    with pytest.raises(RenderError, match=r"^the chat template leaves out tools or their calls: get_rate$"):
        template.render(replace(CALLING, messages=(*CALLING.messages[:2], twice, *CALLING.messages[3:])))


def test_contents_that_a_template_trims_or_escapes_are_there(tmp_path: Path) -> None:
    folded = """\
{% set told = messages[0].content ~ "\n\n" if messages[0].role == "system" else "" %}
{% for m in messages if m.role != "system" %}<|im_start|>{{ m.role }}
{{ (told if loop.first else "") ~ (m.content | trim | tojson) }}<|im_end|>
{% endfor %}"""
    turns = [
        (" Be <brief>.\n", "system"),
        (' "Hi" ', "user"),
        ("\n", "assistant"),
        ("a < b & c", "assistant"),
    ]
    messages = tuple(Message(role=role, content=text) for text, role in turns if text.strip())  # type: ignore[arg-type]
    rendered = template_of(tmp_path, template=folded).render(Conversation(id="row", messages=messages))
    assert rendered.text.startswith('<|im_start|>user\n Be <brief>.\n\n\n"\\"Hi\\""<|im_end|>')


def test_words_beside_a_call_may_be_left_out(tmp_path: Path) -> None:
    template = TEMPLATE.replace(
        "namespace(text=message.content)", 'namespace(text="" if message.tool_calls else message.content)'
    )
    calling = replace(CALLING.messages[2], content="One moment.")
    talked = replace(CALLING, messages=(*CALLING.messages[:2], calling, *CALLING.messages[3:]))
    rendered = template_of(tmp_path, template=template).render(talked)
    assert "One moment." not in rendered.text
    assert len(rendered.turns) == 2


@pytest.mark.parametrize("arguments", ["c.function.arguments", "c.function['arguments']"])
@pytest.mark.parametrize("glue", ["+", "~"])
def test_a_template_may_want_arguments_as_text(tmp_path: Path, arguments: str, glue: str) -> None:
    # With + an object is an error, with ~ it is written as Python prints it.
    calls = CALLS.replace("c.function | tojson", f"c.function.name ~ '\\n' {glue} {arguments}")
    template = template_of(tmp_path, template=writing("system", "user", "assistant", "tool", calls=calls))
    assert template.style == MessageStyle(arguments_as_text=True)
    text = template.render(CALLING).text
    assert '<tool_call>get_rate\n{"of": "€"}</tool_call>' in text


def test_arguments_as_text_cost_no_further_rendering(tmp_path: Path) -> None:
    calls = CALLS.replace("c.function | tojson", "c.function.name + c.function.arguments")
    template = template_of(tmp_path, template=writing("system", "user", "assistant", "tool", calls=calls))
    given: list[object] = []

    def apply(messages: list[dict[str, Any]], **options: object) -> str:
        given.append(messages[2]["tool_calls"][0]["function"]["arguments"])
        return template.apply(messages, **options)

    replace(template, apply=apply).render(CALLING)
    assert given == ['{"of": "€"}', '{"key2n000000calibset": "value2n000001calibset"}']


def test_a_template_that_writes_no_tools_may_write_calls(tmp_path: Path) -> None:
    calling = writing("system", "user", "assistant", "tool").replace("{{ tools | tojson if tools }}", "")
    template = template_of(tmp_path, template=calling)
    assert not template.declares_tools
    assert '<tool_call>{"name": "get_rate"' in template.render(CALLING).text
    idle = Tool(name="idle", description="", parameters=OBJECT)
    with pytest.raises(RenderError, match=r"^the chat template leaves out tools or their calls: idle$"):
        template.render(replace(CALLING, tools=(*CALLING.tools, idle)))


def test_names_with_dots_are_kept(template: JinjaTemplate) -> None:
    call = ToolCall(id="call_0", name="sculpture.create_custom", arguments="{}")
    calling = Message(role="assistant", content="", tool_calls=(call,))
    tools = (Tool(name=call.name, description="", parameters=OBJECT),)
    rendered = template.render(Conversation(id="row", messages=(*talk().messages[:1], calling), tools=tools))
    assert '<tool_call>{"name": "sculpture.create_custom"' in rendered.text
    assert rendered.renamed_tools == ()


@pytest.mark.parametrize("field", ["arguments", "parameters"])
def test_what_is_no_json_is_refused(template: JinjaTemplate, field: str) -> None:
    call = ToolCall(id="call_0", name="f", arguments="{" if field == "arguments" else "{}")
    tools = (Tool(name="f", description="", parameters="{" if field == "parameters" else OBJECT),)
    calling = Message(role="assistant", content="", tool_calls=(call,))
    with pytest.raises(RenderError, match=r"^arguments or parameters are no JSON: Expecting property name"):
        template.render(Conversation(id="row", messages=(*talk().messages[:1], calling), tools=tools))


def test_added_tokens_that_the_template_writes_are_control_tokens(template: JinjaTemplate) -> None:
    tokenizer: HuggingFaceTokenizer = template.tokenizer
    assert set(tokenizer.special_tokens) == {
        "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<tool_response>",
        "</tool_response>",
    }  # fmt: skip


def every(calls: str = CALLS, **others: str) -> str:
    """Return a template that writes all turns, with parts replaced."""
    template = writing("system", "user", "assistant", "tool", calls=calls)
    for old, new in others.items():
        template = template.replace(f"m.{old}", new)
    return template


@pytest.mark.parametrize(
    ("calls", "fault"),
    [
        ("{{ c.function.name }}", "the chat template leaves out tools or their calls: get_rate"),
        ("{{ c.function.name }}{}", "the chat template leaves out tools or their calls: get_rate"),
        (
            "{{ c.function.name }}{% for key, _ in c.function.arguments | items %}{{ key }}{% endfor %}",
            "the chat template leaves out arguments of calls: get_rate",
        ),
        (
            "{{ c.function.name }}{{ c.function.arguments.values() | list | tojson }}",
            "the chat template leaves out arguments of calls: get_rate",
        ),
    ],
)
def test_arguments_must_be_there_with_keys_and_values(tmp_path: Path, calls: str, fault: str) -> None:
    template = template_of(tmp_path, template=every(CALLS.replace("{{ c.function | tojson }}", calls)))
    with pytest.raises(RenderError) as caught:
        template.render(CALLING)
    assert str(caught.value) == fault


def parallel(*arguments: str) -> Conversation:
    calls = tuple(ToolCall(id=f"c{n}", name="f", arguments=text) for n, text in enumerate(arguments))
    results = (Message(role="tool", content=str(n), tool_call_id=call.id) for n, call in enumerate(calls))
    return Conversation(
        id="row",
        messages=(
            Message(role="user", content="?"),
            Message(role="assistant", content="", tool_calls=calls),
            *results,
            Message(role="assistant", content="."),
        ),
        tools=(Tool(name="f", description="", parameters=OBJECT),),
    )


@pytest.mark.parametrize("arguments", [['{"a": 1}', '{"a": 1}'], ['{"a": 1}', "{}"], ["{}", "{}"]])
def test_results_that_name_the_tool_do_not_stand_in_for_calls(tmp_path: Path, arguments: list[str]) -> None:
    first = CALLS.replace("m.tool_calls or []", "(m.tool_calls or [])[:1]")
    named = "{% if m.role == 'tool' %}{{ m.name }}: {% endif %}"
    template = template_of(
        tmp_path, template=every(first).replace("{{ m.content }}", named + "{{ m.content }}")
    )
    assert template.style.results_name_tools
    assert "f: 0" in template.render(parallel(arguments[0])).text
    with pytest.raises(RenderError, match=r"^the chat template leaves out tools or their calls: f$"):
        template.render(parallel(*arguments))


IDS = CALLS.replace("c.function | tojson", "c.id }} {{ c.function.arguments | tojson")


def test_where_only_ids_are_written_they_name_the_tool(tmp_path: Path) -> None:
    results = "{% if m.role == 'tool' %}## {{ m.tool_call_id }}\n{% endif %}{{ m.content }}"
    template = template_of(tmp_path, template=every(IDS).replace("{{ m.content }}", results))
    assert template.style == MessageStyle(ids_name_tools=True)
    text = template.render(parallel('{"a": 1}', "{}")).text
    assert '<tool_call>functions.f:0 {"a": 1}</tool_call><tool_call>functions.f:1 {}' in text
    assert "## functions.f:0\n0" in text
    assert "## functions.f:1\n1" in text


@pytest.mark.parametrize(
    "content",
    [
        "{{ m.content }}{% if m.content is none %}CALLS{% endif %}",
        "{% if m.content is not none %}{{ m.content }}{% else %}CALLS{% endif %}",
        # Both would be written, and an empty text would be an empty turn.
        "{% if m.content is not none %}({{ m.content }}){% endif %}CALLS",
    ],
)
def test_content_beside_calls_is_null_where_the_template_wants_that(tmp_path: Path, content: str) -> None:
    template = template_of(
        tmp_path, template=every("").replace("{{ m.content }}", content.replace("CALLS", CALLS))
    )
    is_printed = content.startswith("{{")
    assert template.style.null_content != is_printed
    if not is_printed:
        text = template.render(parallel("{}")).text
        assert (
            '<|im_start|>assistant\n<tool_call>{"name": "f", "arguments": {}}</tool_call><|im_end|>' in text
        )


@pytest.mark.parametrize(
    ("content", "cut"),
    [
        ("{{ m.content[:16] }}", "It is a long answer."),
        ("{{ m.content.split('</think>')[-1] }}", "Write </think> there."),
        ("{{ m.content | upper }}", "It is ß."),
    ],
)
def test_a_template_that_cuts_or_changes_a_text_is_refused(tmp_path: Path, content: str, cut: str) -> None:
    template = template_of(tmp_path, template=every().replace("{{ m.content }}", content))
    if "upper" not in content:
        assert template.render(talk()).text.count("Hello.") == 1
    with pytest.raises(RenderError, match=r"^the chat template (changes a text|leaves out a turn): "):
        template.render(talk(answer=cut))


def test_words_beside_a_call_that_are_left_out_are_told(tmp_path: Path) -> None:
    silent = every().replace("{{ m.content }}", "{{ m.content if not m.tool_calls }}")
    template = template_of(tmp_path, template=silent)
    words = replace(CALLING.messages[2], content="One moment.")
    said = replace(CALLING, messages=(*CALLING.messages[:2], words, *CALLING.messages[3:]))
    assert template.render(said).left_out == ("words beside a call left out by the chat format",)
    assert template.render(CALLING).left_out == ()


def test_a_greeting_under_the_users_name_is_refused(tmp_path: Path) -> None:
    first_is_users = every().replace(
        "<|im_start|>{{ m.role }}", "<|im_start|>{{ 'user' if loop.first else m.role }}"
    )
    greeting = Message(role="assistant", content="Welcome.")
    with pytest.raises(RenderError, match=r"^the chat template has no place for a greeting$"):
        template_of(tmp_path, template=first_is_users).render(
            replace(talk(), messages=(greeting, *talk().messages))
        )
    assert (
        "Welcome."
        in template_of(tmp_path, template=every())
        .render(replace(talk(), messages=(greeting, *talk().messages)))
        .text
    )


OPENING = "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are helpful.<|im_end|>\n{% endif %}"


def test_a_system_turn_that_the_template_adds_is_noted_where_it_does(tmp_path: Path) -> None:
    template = template_of(tmp_path, template=OPENING + TEMPLATE)
    assert template.render(talk()).notes == (
        "conversations without a system turn begin with what the chat template says then: "
        "'system You are helpful.'; system_prompt in [chat] replaces it",
    )
    assert template.render(CALLING).notes == ()
    assert template.notes == ()


def test_what_a_template_writes_into_every_system_turn_is_noted_with_one_and_without(tmp_path: Path) -> None:
    dated = (
        "{% set ns = namespace(said='') %}<|im_start|>system\n\nCutting Knowledge Date: December 2023\n"
        "Today Date: 26 Jul 2024\n\n{% if messages[0].role == 'system' %}{{ messages[0].content }}"
        "{% set messages = messages[1:] %}{% endif %}<|im_end|>\n"
    )
    template = template_of(tmp_path, template=dated + every())
    said = Message(role="system", content="Be brief.")
    assert template.render(talk()).notes == (
        "conversations without a system turn begin with what the chat template says then: 'system Cutting "
        "Knowledge Date: December 2023 Today Date: …'; it stays, in part or whole, beside a system_prompt "
        "in [chat]",
    )
    assert template.render(replace(talk(), messages=(said, *talk().messages))).notes == (
        "the chat template writes text of its own into system turns: 'Cutting Knowledge Date: December 2023 "
        "Today Date: 26 Jul …'",
    )


NEXT = "{% if add_generation_prompt and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"


def test_a_keyword_that_is_read_only_for_the_next_turn_is_noted_whatever_its_value(tmp_path: Path) -> None:
    folder = write_chatml(tmp_path, template="{{ effort }}" + TEMPLATE + NEXT)
    tokenizer = from_file(folder / "tokenizer.json", "own")
    for value in (False, True):
        template = jinja_template(tokenizer, keywords={"enable_thinking": value, "effort": "high"})
        assert template.notes == (
            "chat.template: enable_thinking changes nothing in whole conversations of this chat template; "
            'reasoning = "keep" or "drop" in [chat] decides on thoughts',
        )


def test_a_keyword_given_as_the_template_has_it_anyway_is_no_idle_one(tmp_path: Path) -> None:
    for template in (
        "{% if enable_thinking is false %}/no_think{% endif %}" + TEMPLATE,
        reading("{{ m.reasoning_content if m.reasoning_content and enable_thinking }}"),
    ):
        tokenizer = from_file(write_chatml(tmp_path, template=template) / "tokenizer.json", "own")
        for value in (False, True):
            assert jinja_template(tokenizer, keywords={"enable_thinking": value}).notes == ()


def test_thoughts_that_the_template_leaves_empty_are_counted(tmp_path: Path) -> None:
    always = "{{ '<think>\\n' ~ m.reasoning_content ~ '\\n</think>\\n' if m.role == 'assistant' }}"
    template = template_of(tmp_path, template=reading(always))
    assert template.render(THINKING).empty_thoughts == 0
    spoken = replace(talk(), messages=(*talk().messages, Message(role="user", content="<think></think>")))
    assert (
        template.render(replace(spoken, messages=(*spoken.messages, talk().messages[-1]))).empty_thoughts == 2
    )


def test_what_the_template_adds_at_the_end_is_noted(tmp_path: Path) -> None:
    template = template_of(tmp_path, template=TEMPLATE + "<|im_start|>assistant\n")
    assert template.notes == ("the chat template goes on after the last turn: 'assistant'",)


def test_another_token_after_the_last_turn_is_no_word_of_the_templates(tmp_path: Path) -> None:
    end = '{{ "</s>" if loop.last else "<|im_end|>" }}'
    turns = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}" + end + "{% endfor %}"
    assert template_of(tmp_path, template=turns, eos="</s>").notes == ()


THINKING = Conversation(
    id="row",
    messages=(
        Message(role="user", content="?"),
        Message(role="assistant", content="One.", reasoning="First."),
        Message(role="user", content="!"),
        Message(role="assistant", content="Two.", reasoning="Second."),
    ),
)


def reading(place: str) -> str:
    return every().replace("{{ m.content }}", place + "{{ m.content }}")


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_thoughts_are_written_where_the_template_reads_them(tmp_path: Path, key: str) -> None:
    template = template_of(
        tmp_path, template=reading(f"{{% if m.{key} %}}<think>{{{{ m.{key} }}}}</think>{{% endif %}}")
    )
    rendered = template.render(THINKING)
    assert "<think>First.</think>One." in rendered.text
    assert "<think>Second.</think>Two." in rendered.text
    assert (rendered.dropped_thoughts, rendered.notes) == (0, ())


def test_thoughts_of_earlier_turns_may_be_dropped_as_in_service(tmp_path: Path) -> None:
    last = "{% if m.reasoning_content and loop.last %}<think>{{ m.reasoning_content }}</think>{% endif %}"
    rendered = template_of(tmp_path, template=reading(last)).render(THINKING)
    assert "First" not in rendered.text
    assert "<think>Second.</think>Two." in rendered.text
    assert (rendered.dropped_thoughts, rendered.notes) == (1, ())


def test_thoughts_may_be_read_in_the_content(tmp_path: Path) -> None:
    kept = template_of(tmp_path, template=every() + "{# </think> #}")
    assert "<think>\nFirst.\n</think>\n\nOne.<|im_end|>" in kept.render(THINKING).text
    last = "{{ m.content if loop.last else m.content.split('</think>')[-1] }}"
    folder = tmp_path / "last"
    folder.mkdir()
    rendered = template_of(folder, template=every().replace("{{ m.content }}", last)).render(THINKING)
    assert "<|im_start|>assistant\nOne.<|im_end|>" in rendered.text
    assert "<think>\nSecond.\n</think>\n\nTwo.<|im_end|>" in rendered.text
    assert rendered.dropped_thoughts == 1


def test_thoughts_may_be_parts_of_the_content(tmp_path: Path) -> None:
    parts = """\
{% for p in m.content if m.content is not string %}\
{{ "[" ~ p.thinking ~ "]" if p.type == "thinking" else p.text }}\
{% endfor %}{{ m.content if m.content is string }}"""
    rendered = template_of(tmp_path, template=every().replace("{{ m.content }}", parts)).render(THINKING)
    assert "[First.]One.<|im_end|>" in rendered.text
    assert rendered.dropped_thoughts == 0


def test_a_template_without_a_place_for_thoughts_is_noted(template: JinjaTemplate) -> None:
    rendered = template.render(THINKING)
    assert "First" not in rendered.text
    assert rendered.dropped_thoughts == 2
    assert rendered.notes == (
        "the model's chat format has no place for reasoning, so the thoughts of assistant turns are left out",
    )


def test_where_thoughts_and_words_before_a_call_exclude_each_other_the_words_stay(tmp_path: Path) -> None:
    refusing = (
        "{% if m.tool_calls and m.thinking and m.content %}{{ raise_exception('one of both') }}{% endif %}"
        "{% if m.thinking %}<think>{{ m.thinking }}</think>{% endif %}"
    )
    words = replace(CALLING.messages[2], content="One moment.", reasoning="Look it up.")
    answer = replace(CALLING.messages[4], reasoning="Tell it.")
    talk_ = replace(CALLING, messages=(*CALLING.messages[:2], words, CALLING.messages[3], answer))
    rendered = template_of(tmp_path, template=reading(refusing)).render(talk_)
    assert "One moment." in rendered.text
    assert "<think>Tell it.</think>It is 1.1." in rendered.text
    assert rendered.dropped_thoughts == 1


def test_a_thought_can_not_become_a_control_token(tmp_path: Path) -> None:
    marked = "{{ '<|' ~ m.reasoning_content ~ '|>' if m.reasoning_content }}"
    template = template_of(tmp_path, template=reading(marked))
    hostile = Message(role="assistant", content="One.", reasoning="im_end")
    rendered = template.render(replace(THINKING, messages=(THINKING.messages[0], hostile)))
    assert rendered.text.count("<|im_end|>") == 2
    assert rendered.dropped_thoughts == 1


def test_no_thought_follows_the_empty_one_of_a_template_that_was_told_not_to_think(tmp_path: Path) -> None:
    empty = "{{ '<think>\\n\\n</think>\\n' if m.role == 'assistant' and not enable_thinking }}"
    tokenizer = from_file(write_chatml(tmp_path, template=reading(empty)) / "tokenizer.json", "own")
    rendered = jinja_template(tokenizer, keywords={"enable_thinking": False}).render(THINKING)
    assert "<think>\n\n</think>\nOne.<|im_end|>" in rendered.text
    assert rendered.dropped_thoughts == 2
    rendered = jinja_template(tokenizer, keywords={"enable_thinking": True}).render(THINKING)
    assert "assistant\n<think>\nFirst.\n</think>\n\nOne.<|im_end|>" in rendered.text


def test_keywords_reach_the_template(tmp_path: Path) -> None:
    switch = "{{ '<fast>' if not enable_thinking }}{{ effort.level if effort }}"
    folder = write_chatml(tmp_path, template=switch + TEMPLATE)
    tokenizer = from_file(folder / "tokenizer.json", "own")
    text = (
        jinja_template(tokenizer, keywords={"enable_thinking": True, "effort": {"level": "high"}})
        .render(talk())
        .text
    )
    assert text.startswith("high<|im_start|>")
    assert jinja_template(tokenizer).render(talk()).text.startswith("<fast><|im_start|>")
    unread = jinja_template(tokenizer, keywords={"effort": {}, "enable_thinkin": True})
    assert unread.notes == ("chat.template: the chat template does not read enable_thinkin",)


def test_a_template_that_takes_equal_turns_for_one_is_not_blamed_on_a_text(tmp_path: Path) -> None:
    marked = every().replace(
        "{{ m.content }}", "{% if m == messages[0] %}<tool_call>{% endif %}{{ m.content }}"
    )
    template = template_of(tmp_path, template=marked)
    twice = replace(talk(), messages=talk().messages * 2)
    with pytest.raises(RenderError, match=r"^the chat template takes equal turns for one$"):
        template.render(twice)
    other = replace(talk(), messages=(*talk().messages, *talk("Ho").messages))
    assert template.render(other).text.count("<tool_call>") == 1
