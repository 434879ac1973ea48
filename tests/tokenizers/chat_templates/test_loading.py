from __future__ import annotations

from pathlib import Path

import pytest

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.core.errors import RecipeError, TokenizerError
from calibset.tokenizers import Tokenizer, load_tokenizer
from calibset.tokenizers.chat_templates.jinja import JinjaTemplate
from calibset.tokenizers.chat_templates.loading import load_template
from calibset.tokenizers.chat_templates.mistral import MistralTemplate
from tests.chatml import TEMPLATE, write_chatml

CALLING = Conversation(
    id="row",
    messages=(
        Message(role="user", content="?"),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="c", name="f", arguments="{}"),)),
    ),
    tools=(Tool(name="f", description="d", parameters='{"type": "object", "properties": {}}'),),
)


@pytest.mark.slow
def test_mistrals_tokenizers_have_mistrals_format(tekken: Tokenizer, fast: Tokenizer) -> None:
    assert isinstance(load_template(tekken), MistralTemplate)
    assert isinstance(load_template(fast), MistralTemplate)


def test_others_have_their_own_template(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    tokenizer = load_tokenizer(str(write_chatml(tmp_path)))
    assert isinstance(load_template(tokenizer), JinjaTemplate)
    assert isinstance(load_template(tokenizer, "jinja"), JinjaTemplate)


@pytest.mark.parametrize(
    ("format_", "call"),
    [
        ("mistral-v3", '[TOOL_CALLS][{"name": "f", "arguments": {}, "id": "'),
        ("mistral-v7", '[TOOL_CALLS][{"name": "f", "arguments": {}, "id": "'),
        ("mistral-v11", "[TOOL_CALLS]f[CALL_ID]"),
        ("mistral-v13", "[TOOL_CALLS]f[ARGS]{}"),
    ],
)
@pytest.mark.slow
def test_a_recipe_may_name_mistrals_version(
    tekken: Tokenizer, fast: Tokenizer, format_: str, call: str
) -> None:
    rendered = load_template(tekken, format_).render(CALLING)  # type: ignore[arg-type]
    assert call in rendered.text
    assert load_template(fast, format_).render(CALLING).token_ids == rendered.token_ids  # type: ignore[arg-type]


def test_a_format_that_the_tokenizer_can_not_write_is_a_clear_error(
    tekken: Tokenizer, tmp_path: Path
) -> None:
    with pytest.raises(TokenizerError, match=r"^mistral-small-3\.2: has no chat template"):
        load_template(tekken, "jinja")


V11 = (
    "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]", "[TOOL_RESULTS]", "[TOOL_CONTENT]", "[/TOOL_RESULTS]",
)  # fmt: skip
OWN = """\
{{ bos_token }}{% for m in messages %}
{%- if m.role == "system" %}[SYSTEM_PROMPT]{{ m.content }}[/SYSTEM_PROMPT]
{%- elif m.role == "user" %}{% if tools and loop.index0 == ns.last %}[AVAILABLE_TOOLS]{{ tools | tojson }}\
[/AVAILABLE_TOOLS]{% endif %}[INST]{{ m.content }}[/INST]
{%- elif m.role == "tool" %}[TOOL_RESULTS]{{ m.tool_call_id }}[TOOL_CONTENT]{{ m.content }}[/TOOL_RESULTS]
{%- else %}{{ m.content }}CALLS{{ eos_token }}{% endif %}{% endfor %}"""
LAST = """\
{% set ns = namespace(last=0) %}{% for m in messages if m.role == "user" %}{% endfor %}\
{% for m in messages %}{% if m.role == "user" %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"""
V11_CALLS = """\
{% for c in m.tool_calls or [] %}[TOOL_CALLS]{{ c.function.name }}[CALL_ID]{{ c.id }}[ARGS]\
{{ c.function.arguments | tojson }}{% endfor %}"""
V7_CALLS = """\
{% if m.tool_calls %}[TOOL_CALLS][{% for c in m.tool_calls %}{{ {"name": c.function.name, "arguments": \
c.function.arguments, "id": c.id} | tojson }}{% endfor %}]{% endif %}"""


def write_mistral(folder: Path, template: str, *, without: str = "") -> Tokenizer:
    """Write a folder whose vocabulary holds the control tokens of v11, or all but one."""
    import tokenizers
    from tokenizers import AddedToken

    write_chatml(folder, template=template, bos=True, eos="</s>")
    engine = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    engine.add_special_tokens([AddedToken(one, normalized=False) for one in V11 if one != without])
    engine.save(str(folder / "tokenizer.json"))
    return load_tokenizer(str(folder))


NOTE = (
    "the vocabulary of {} has Mistral's control tokens, but the chat template beside it writes another "
    "format than Mistral's v11: the template decides (format in [chat] can name another)"
)


def test_mistrals_own_template_is_written_by_mistral_common(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    tokenizer = write_mistral(tmp_path, LAST + OWN.replace("CALLS", V11_CALLS))
    template = load_template(tokenizer)
    assert isinstance(template, MistralTemplate)
    assert template.notes == ()


@pytest.mark.slow
def test_one_that_writes_no_calls_is_too(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    assert isinstance(
        load_template(write_mistral(tmp_path, LAST + OWN.replace("CALLS", ""))), MistralTemplate
    )


@pytest.mark.parametrize(
    ("template", "without"),
    [
        (TEMPLATE, ""),
        (LAST + OWN.replace("CALLS", V7_CALLS), ""),
        (LAST + OWN.replace("CALLS", V11_CALLS), "[CALL_ID]"),
        pytest.param(
            OWN.replace("CALLS", "").replace("[SYSTEM_PROMPT]", "").replace("[/SYSTEM_PROMPT]", ""),
            "",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_another_template_beside_mistrals_tokens_decides_and_a_note_says_so(
    tmp_path: Path, template: str, without: str
) -> None:
    pytest.importorskip("transformers")
    loaded = load_template(write_mistral(tmp_path, template, without=without))
    assert isinstance(loaded, JinjaTemplate)
    assert NOTE.format(tmp_path) in loaded.notes


def test_keywords_are_for_jinja_templates(tekken: Tokenizer) -> None:
    with pytest.raises(RecipeError) as caught:
        load_template(tekken, keywords={"x": 1})
    assert str(caught.value) == (
        "chat.template: mistral-small-3.2 is rendered in Mistral's format, which no Jinja template writes; "
        'leave it out, or set format = "jinja" in [chat]'
    )
