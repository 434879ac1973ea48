"""Conversations made ready for a target model: a system prompt, and no more than a row holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from calibset.core.documents import Conversation, Message
from calibset.tokenizers.chat_templates.base import ChatTemplate, Rendered, RenderError


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRenderer:
    """A template, and what the recipe wants beside it.

    Attributes:
        template: The target model's.
        room: Tokens that a row holds.
        system_prompt: Opens conversations without a system turn, if set.
        shortens: Whether a conversation that no row holds loses its end.
    """

    template: ChatTemplate
    text_budget: int
    system_prompt: str | None = None
    shortens: bool = True

    def render(self, conversation: Conversation) -> Rendered:
        """Return the conversation as the model reads it, or as much of it as a row holds.

        It is shortened behind a whole exchange, or where not even the first fits, behind a turn of the
        assistant's, which may be one that calls tools. Where none fits it is returned as it is.

        Raises:
            RenderError: The model's format can't express it.
        """
        if self.system_prompt and conversation.messages[0].role != "system":
            opening = Message(role="system", content=self.system_prompt)
            conversation = replace(conversation, messages=(opening, *conversation.messages))
        rendered = self.template.render(conversation)
        if not self.shortens or len(rendered.token_ids) <= self.text_budget:
            return rendered
        return self._shortened(conversation) or rendered

    def overhead(self) -> int:
        """Return the tokens of a conversation of which the turns say next to nothing.

        Raises:
            RenderError: The model's format has no system turn.
        """
        turns = (Message(role="user", content="?"), Message(role="assistant", content="."))
        return len(self.render(Conversation(id="", messages=turns)).token_ids)

    def _shortened(self, conversation: Conversation) -> Rendered | None:
        """Return the longest beginning that a row holds."""
        turns = _ends_of_turns(conversation.messages)
        exchanges = [end for end in turns if conversation.messages[end].role == "user"]
        if found := self._longest(conversation, exchanges):
            return found
        try:
            return self._longest(conversation, turns[: turns.index(exchanges[0])] if exchanges else turns)
        except RenderError:  # not every format lets a conversation end on a call
            return None

    def _longest(self, conversation: Conversation, ends: Sequence[int]) -> Rendered | None:
        """Return the longest of some beginnings that a row holds."""
        # Rendered anew each time: some formats put the tools before the last user turn.
        best = None
        first, last = 0, len(ends) - 1
        while first <= last:
            middle = (first + last) // 2
            part = replace(conversation, messages=conversation.messages[: ends[middle]])
            rendered = self.template.render(part)
            if len(rendered.token_ids) <= self.text_budget:
                best, first = rendered, middle + 1
            else:
                last = middle - 1
        return replace(best, shortened=True) if best else None


def _ends_of_turns(messages: Sequence[Message]) -> list[int]:
    """Return the places, but the last, behind each turn of the assistant's since the user spoke first."""
    asked = next((place for place, one in enumerate(messages) if one.role == "user"), 0)
    return [
        place for place, one in enumerate(messages[:-1], start=1) if one.role == "assistant" and place > asked
    ]
