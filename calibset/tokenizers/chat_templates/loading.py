"""The chat template of a tokenizer: the one that a recipe names, or the one that fits."""

from __future__ import annotations

from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.chat_templates.base import ChatTemplate
from calibset.tokenizers.chat_templates.jinja import jinja_template
from calibset.tokenizers.chat_templates.mistral import is_mistral, mistral_template
from calibset.tokenizers.chat_templates.options import Format


def load_template(
    tokenizer: Tokenizer, chat_format: Format = "auto", *, keeps_control_tokens: bool = False
) -> ChatTemplate:
    """Return the template that a recipe names, or the one that fits the tokenizer.

    Args:
        tokenizer: The target model's tokenizer.
        chat_format: The recipe's ``chat.format``.
        keeps_control_tokens: Whether the recipe leaves control tokens in texts as they are.

    Raises:
        TokenizerError: The tokenizer can't be used with the template.
    """
    if chat_format == "jinja" or (chat_format == "auto" and not is_mistral(tokenizer)):
        return jinja_template(
            tokenizer,
            keeps_control_tokens=keeps_control_tokens,
            # Whoever names the format knows that the template belongs to the tokenizer.
            allow_unknown_markers=chat_format == "jinja",
        )
    version = None if chat_format == "auto" else chat_format.removeprefix("mistral-")
    return mistral_template(tokenizer, version, keeps_control_tokens=keeps_control_tokens)
