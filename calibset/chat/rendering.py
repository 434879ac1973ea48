"""Conversations made ready for a target model: a system prompt, and no more than a row holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from calibset.chat.template import ChatTemplate, Rendered
from calibset.document import Conversation, Message

__all__ = ["Rendering"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """A template, and what the recipe wants beside it.

    Attributes:
        template: The target model's.
        room: Tokens that a row holds.
        system_prompt: Opens conversations without a system turn, if set.
        shortens: Whether a conversation that no row holds loses its last exchanges.
    """

    template: ChatTemplate
    room: int
    system_prompt: str | None = None
    shortens: bool = True

    def render(self, conversation: Conversation) -> Rendered:
        """Return the conversation as the model reads it, whole exchanges of it at least.

        One whose first exchange is too long alone is returned as it is.

        Raises:
            RenderError: The model's format can't express it.
        """
        if self.system_prompt and conversation.messages[0].role != "system":
            opening = Message(role="system", content=self.system_prompt)
            conversation = replace(conversation, messages=(opening, *conversation.messages))
        rendered = self.template.render(conversation)
        if not self.shortens or len(rendered.token_ids) <= self.room:
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
        """Return the longest beginning of whole exchanges that a row holds."""
        # Rendered anew each time: some formats put the tools before the last user turn.
        best = None
        ends = _ends_of_exchanges(conversation.messages)
        first, last = 0, len(ends) - 2  # the last end is that of the whole, which is too long
        while first <= last:
            middle = (first + last) // 2
            part = replace(conversation, messages=conversation.messages[: ends[middle]])
            rendered = self.template.render(part)
            if len(rendered.token_ids) <= self.room:
                best, first = rendered, middle + 1
            else:
                last = middle - 1
        return replace(best, shortened=True) if best else None


def _ends_of_exchanges(messages: Sequence[Message]) -> list[int]:
    """Return the places behind each assistant turn that the user, or nobody, answers."""
    following = [*(message.role for message in messages[1:]), "user"]
    return [
        place
        for place, (message, then) in enumerate(zip(messages, following, strict=True), start=1)
        if message.role == "assistant" and then == "user"
    ]
