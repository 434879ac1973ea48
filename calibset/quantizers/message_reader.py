"""Rows of messages as GPTQModel and ModelOpt read them: rendered by the tokenizer's chat template.

What was rendered is then tokenized like any text, so BOS comes twice if the template writes it. Both call
``apply_chat_template(messages, tokenize=False)``; the session `consumers` compares the texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from calibset.core.errors import TokenizerError
from calibset.quantizers.row_reader import FatalRow, UnjudgedRow, read_text
from calibset.tokenizers.base import Tokenizer
from calibset.tokenizers.chat_templates.base import RenderError
from calibset.tokenizers.chat_templates.jinja import load_template
from calibset.tokenizers.chat_templates.jinja_probe import ApplyTemplate
from calibset.tokenizers.huggingface import HuggingFaceTokenizer

_UNJUDGED = "its messages are read, as the chat template of the quantizer's tokenizer renders them"
_PLAIN = {"role", "content"}


@dataclass(frozen=True, slots=True)
class MessageReader:
    """Renders the messages of rows, as far as it is certain what the quantizer makes of them.

    Attributes:
        has_template: Whether the tokenizer has a chat template; None if that isn't known.
        apply: Renders messages with the template; None if that can't be done here as the quantizer does it.
    """

    has_template: bool | None
    apply: ApplyTemplate | None

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self:
        """Return the reader for a tokenizer."""
        if not isinstance(tokenizer, HuggingFaceTokenizer):
            return cls(None, None)
        template = tokenizer.chat_template
        if not template:
            return cls(False, None)
        texts = [template] if isinstance(template, str) else template.values()
        # What it writes of today's date isn't known before that day.
        if any("strftime_now" in text for text in texts):
            return cls(True, None)
        try:
            return cls(True, load_template(tokenizer, template, {}))
        except TokenizerError:  # transformers is not installed
            return cls(True, None)

    def read(self, value: dict[str, Any], key: str) -> str | FatalRow | UnjudgedRow:
        """Return the text that the messages under a key of a row become."""
        if self.has_template is False:
            return FatalRow("its messages need a chat template, and the tokenizer's folder has none")
        messages = value[key]
        if messages is None:
            return FatalRow("its messages are null")
        if self.apply is None or value.get("tools") or not _is_plain(messages):
            return UnjudgedRow(_UNJUDGED)
        try:
            return read_text(self.apply(messages, tools=None))
        except (RenderError, TokenizerError) as error:
            return FatalRow(f"its messages can't be rendered: {error}")


def _is_plain(messages: Any) -> bool:
    """Return whether messages hold nothing but roles and texts: of what else they hold much is possible."""
    return isinstance(messages, list) and all(
        isinstance(message, dict)
        and message.keys() == _PLAIN
        and all(isinstance(text, str) for text in message.values())
        for message in messages
    )
