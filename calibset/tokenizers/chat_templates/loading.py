"""The chat template of a tokenizer: the one that a recipe names, or the one that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.core.errors import RecipeError, TokenizerError
from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.chat_templates.base import ChatTemplate, RenderError
from calibset.tokenizers.chat_templates.jinja import JinjaTemplate, jinja_template
from calibset.tokenizers.chat_templates.mistral import MistralTemplate, is_mistral, mistral_template
from calibset.tokenizers.chat_templates.options import Format
from calibset.tokenizers.huggingface import HuggingFaceTokenizer

_USER, _SAID = Message(role="user", content="One?"), Message(role="assistant", content="Two.")
_CALL = ToolCall(id="call_0", name="f", arguments='{"of": "it"}')
_CALLING = (
    Message(role="assistant", content="", tool_calls=(_CALL,)),
    Message(role="tool", content="2", tool_call_id="call_0"),
)
_TOOLS = (Tool(name="f", description="Does it.", parameters='{"type": "object", "properties": {}}'),)
_SYSTEM = Message(role="system", content="Be brief.")


def _try_with_and_without_system(*messages: Message, tools: tuple[Tool, ...] = ()) -> list[Conversation]:
    # With it first, since some templates say something of their own in its place.
    turns = ((_SYSTEM, *messages), messages)
    return [Conversation(id="trial", messages=turn, tools=tools) for turn in turns]


_PLAIN = _try_with_and_without_system(_USER, _SAID, _USER, _SAID)
_WITH_CALLS = _try_with_and_without_system(_USER, *_CALLING, _SAID, tools=_TOOLS)


def load_template(
    tokenizer: Tokenizer,
    chat_format: Format = "auto",
    *,
    keeps_control_tokens: bool = False,
    keywords: Mapping[str, Any] | None = None,
) -> ChatTemplate:
    """Return the template that a recipe names, or the one that fits the tokenizer.

    The template beside a tokenizer.json says what the model was trained on, and not what its vocabulary
    holds: many models that were tuned from Mistral's have its control tokens and another format.

    Args:
        tokenizer: The target model's tokenizer.
        chat_format: The recipe's ``chat.format``.
        keeps_control_tokens: Whether the recipe leaves control tokens in texts as they are.
        keywords: The recipe's ``chat.template``, which a Jinja template reads.

    Raises:
        TokenizerError: The tokenizer can't be used with the template.
        RecipeError: There are keywords, and the format is not a Jinja template's.
    """

    def load_jinja(*, is_named: bool) -> JinjaTemplate:
        return jinja_template(
            tokenizer,
            keeps_control_tokens=keeps_control_tokens,
            # Whoever names the format knows that the template belongs to the tokenizer.
            allow_unknown_markers=is_named,
            keywords=keywords,
        )

    def load_mistral(version: str | None) -> MistralTemplate:
        if keywords:
            raise RecipeError(
                f"chat.template: {tokenizer.name} is rendered in Mistral's format, which no Jinja template "
                'writes; leave it out, or set format = "jinja" in [chat]'
            )
        return mistral_template(tokenizer, version, keeps_control_tokens=keeps_control_tokens)

    if chat_format not in ("auto", "jinja"):
        return load_mistral(chat_format.removeprefix("mistral-"))
    if chat_format == "jinja" or not is_mistral(tokenizer):
        return load_jinja(is_named=chat_format == "jinja")
    if not isinstance(tokenizer, HuggingFaceTokenizer) or not tokenizer.chat_template:
        return load_mistral(None)
    beside = load_jinja(is_named=False)
    if not keywords and _is_written_by_mistral(beside):
        return load_mistral(None)
    note = (
        f"the vocabulary of {tokenizer.name} has Mistral's control tokens, but the chat template beside it "
        "writes another format than Mistral's v11: the template decides (format in [chat] can name another)"
    )
    return replace(beside, notes=(note, *beside.notes))


def _is_written_by_mistral(template: JinjaTemplate) -> bool:
    """Return whether mistral-common's v11 and a template write the same control tokens."""
    beside = template.tokenizer.chat_template or ""
    texts = [beside] if isinstance(beside, str) else beside.values()
    if not any("[INST]" in text for text in texts):
        return False
    try:
        mistral = mistral_template(template.tokenizer)
    except TokenizerError:
        return False
    plain = _writes_alike(template, mistral, _PLAIN)
    # A template that writes no calls says nothing of how the model calls.
    return plain is True and _writes_alike(template, mistral, _WITH_CALLS) is not False


def _writes_alike(
    template: JinjaTemplate, mistral: MistralTemplate, trials: Sequence[Conversation]
) -> bool | None:
    """Return whether both write the same control tokens in the first trial that neither refuses, if any."""
    tokenizer = template.tokenizer
    controls = tokenizer.control_ids - {tokenizer.special_tokens.get("<s>")}
    for trial in trials:
        try:
            written = [
                [token for token in writer.render(trial).token_ids if token in controls]
                for writer in (template, mistral)
            ]
        except RenderError:
            continue
        return written[0] == written[1]
    return None
