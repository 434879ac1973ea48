"""Rows of messages as texts: what a model's chat template makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from calibset.core.documents import Conversation
from calibset.quantizers.row_reader import FatalRow, read_text_or_ids
from calibset.sources.adapters.chat import Chat
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.chat_templates.base import ChatTemplate, RenderError
from calibset.tokenizers.chat_templates.loading import load_template

_TURNS = ("messages", "conversations")
MESSAGES = "its messages "
"""How the reason begins why a row of messages is not read."""

_NEED_A_MODEL = (
    f"{MESSAGES}become a text by a model's chat template: name the model with --tokenizer, or let "
    "`calibset repack` make rows of them"
)


class AnyRowReader:
    """Reads rows of texts, of ids, and of messages, which are rendered if a model was named.

    Attributes:
        tokenizer: The model's tokenizer, which decodes ids.
        rendered: How many rows of messages were rendered so far.
    """

    def __init__(self, tokenizer: Tokenizer, *, is_named: bool) -> None:
        self.rendered = 0
        self.tokenizer = tokenizer
        self._is_named = is_named
        self._chat = Chat(group="rows", where=("rows",))

    def read(self, value: Any) -> str | tuple[int, ...] | FatalRow:
        """Return the text or the ids of a row, or why there are none.

        Raises:
            TokenizerError: The tokenizer has no chat template that can be used.
        """
        found = read_text_or_ids(value)
        if not isinstance(found, FatalRow) or not _holds_turns(value):
            return found
        if not self._is_named:
            return FatalRow(_NEED_A_MODEL)
        conversation = self._chat.parse_row(value, "row")
        if not isinstance(conversation, Conversation):
            return FatalRow(f"{MESSAGES}can't be read: {getattr(conversation, 'reason', 'they are none')}")
        try:
            text = self._template.render(conversation).text
        except RenderError as error:
            return FatalRow(f"{MESSAGES}can't be rendered: {error}")
        self.rendered += 1
        return text

    @cached_property
    def _template(self) -> ChatTemplate:
        return load_template(self.tokenizer)


def _holds_turns(value: Any) -> bool:
    return isinstance(value, Mapping) and any(
        isinstance(turns := value.get(key), list) and turns and all(isinstance(turn, dict) for turn in turns)
        for key in _TURNS
    )
