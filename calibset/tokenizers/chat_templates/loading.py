"""Which template renders conversations for a tokenizer."""

from __future__ import annotations

from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.chat_templates.base import ChatTemplate
from calibset.tokenizers.chat_templates.jinja import jinja_template
from calibset.tokenizers.chat_templates.mistral import is_mistral, mistral_template
from calibset.tokenizers.chat_templates.options import Format


def template_for(
    tokenizer: Tokenizer, format_: Format = "auto", *, keeps_control_tokens: bool = False
) -> ChatTemplate:
    """Return the template that a recipe names, or the one that fits the tokenizer.

    Args:
        tokenizer: The target model's.
        format_: As `ChatOptions` has it.
        keeps_control_tokens: Whether the recipe leaves control tokens in texts as they are.

    Raises:
        TokenizerError: The tokenizer can't be used with it.
    """
    if format_ == "jinja" or (format_ == "auto" and not is_mistral(tokenizer)):
        # Who names the format knows that the template is the tokenizer's.
        lenient = format_ == "jinja"
        return jinja_template(tokenizer, keeps_control_tokens=keeps_control_tokens, lenient=lenient)
    version = None if format_ == "auto" else format_.removeprefix("mistral-")
    return mistral_template(tokenizer, version, keeps_control_tokens=keeps_control_tokens)
