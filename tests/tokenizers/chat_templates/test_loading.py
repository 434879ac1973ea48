from __future__ import annotations

from pathlib import Path

import pytest

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.core.errors import TokenizerError
from calibset.tokenizers import Tokenizer, load_tokenizer
from calibset.tokenizers.chat_templates.jinja import JinjaTemplate
from calibset.tokenizers.chat_templates.loading import load_template
from calibset.tokenizers.chat_templates.mistral import MistralTemplate
from tests.chatml import write_chatml

CALLING = Conversation(
    id="row",
    messages=(
        Message(role="user", content="?"),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="c", name="f", arguments="{}"),)),
    ),
    tools=(Tool(name="f", description="d", parameters='{"type": "object", "properties": {}}'),),
)


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
