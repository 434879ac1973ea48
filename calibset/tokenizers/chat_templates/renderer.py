"""Conversations rendered as a recipe wants them: with its system prompt, and no longer than a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from calibset.core.documents import Conversation, Message
from calibset.tokenizers.chat_templates.base import (
    ChatTemplate,
    RenderedConversation,
    RenderError,
    TooLongToRenderError,
)
from calibset.tokenizers.chat_templates.reasoning import count_thoughts, drop_thoughts

# No text has as many letters to a token on average: a line of code has four, a table drawn in ASCII ten.
_MOST_LETTERS_PER_TOKEN = 64
LONGEST_RENDERED, MOST_TURNS_RENDERED = 2**18, 2**12
"""The letters and turns up to which every conversation is rendered, however short a row is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRenderer:
    """A chat template with a recipe's options.

    Attributes:
        template: The target model's chat template.
        text_budget: How many tokens a row holds.
        system_prompt: The system turn of conversations that have none; empty for no such turn.
        shortens: Whether a conversation that is longer than a row loses its end.
        drops_thoughts: Whether the thoughts of assistant turns are left out.
    """

    template: ChatTemplate
    text_budget: int
    system_prompt: str | None = None
    shortens: bool = True
    drops_thoughts: bool = False

    def render(self, conversation: Conversation) -> RenderedConversation:
        """Return the conversation as the model reads it, or as much of it as a row holds.

        It is cut after a whole exchange or, if not even the first exchange fits, after a turn of the
        assistant, which may be one that calls tools. If no such turn fits, the conversation stays whole.

        Raises:
            RenderError: The model's format can't express it.
            TooLongToRenderError: It is far longer than a row, and not even its beginning may be used.
        """
        if self.system_prompt and conversation.messages[0].role != "system":
            opening = Message(role="system", content=self.system_prompt)
            conversation = replace(conversation, messages=(opening, *conversation.messages))
        if self.drops_thoughts and (thoughts := count_thoughts(conversation)):
            rendered = self._render(drop_thoughts(conversation))
            return replace(rendered, dropped_thoughts=thoughts)
        return self._render(conversation)

    def _render(self, conversation: Conversation) -> RenderedConversation:
        beginning = self._cut(conversation)
        if beginning is not conversation:
            shortened = self._shorten(beginning) if self.shortens else None
            if shortened is None:
                raise TooLongToRenderError
            return shortened
        rendered = self.template.render(conversation)
        if not self.shortens or len(rendered.token_ids) <= self.text_budget:
            return rendered
        return self._shorten(conversation) or rendered

    def _cut(self, conversation: Conversation) -> Conversation:
        """Return the beginning of a conversation that is more than a row can hold, else the conversation."""
        letters_left = max(LONGEST_RENDERED, _MOST_LETTERS_PER_TOKEN * self.text_budget)
        letters_left -= sum(len(tool.description) + len(tool.parameters) for tool in conversation.tools)
        # Each turn takes a token at least.
        most_turns = max(MOST_TURNS_RENDERED, self.text_budget)
        for index, message in enumerate(conversation.messages):
            letters_left -= len(message.content) + len(message.reasoning)
            letters_left -= sum(len(call.arguments) for call in message.tool_calls)
            if letters_left < 0 or index >= most_turns:
                return replace(conversation, messages=conversation.messages[: index + 1])
        return conversation

    def count_overhead(self) -> int:
        """Count the tokens of a conversation whose turns are nearly empty, system prompt included.

        Raises:
            RenderError: The model's format has no system turn.
        """
        turns = (Message(role="user", content="?"), Message(role="assistant", content="."))
        return len(self.render(Conversation(id="", messages=turns)).token_ids)

    def _shorten(self, conversation: Conversation) -> RenderedConversation | None:
        """Return the longest beginning that a row holds, if there is one."""
        ends = _find_turn_ends(conversation.messages)
        exchanges = [end for end in ends if conversation.messages[end].role == "user"]
        if rendered := self._render_longest(conversation, exchanges):
            return rendered
        try:
            return self._render_longest(conversation, ends[: ends.index(exchanges[0])] if exchanges else ends)
        except RenderError:  # not every format lets a conversation end on a call
            return None

    def _render_longest(self, conversation: Conversation, ends: Sequence[int]) -> RenderedConversation | None:
        """Return the longest beginning that ends at one of some indexes and that a row holds."""
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


def _find_turn_ends(messages: Sequence[Message]) -> list[int]:
    """Return the index after each assistant turn that follows the first user turn, the last turn excepted."""
    roles = [message.role for message in messages]
    user = roles.index("user") if "user" in roles else 0
    return [end for end, role in enumerate(roles[:-1], start=1) if role == "assistant" and end > user]
