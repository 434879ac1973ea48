"""Where the assistant's turns are in rows of token ids that a chat template wrote.

A calibration file holds conversations as the template rendered them. What stands before and behind the
assistant's turns is learnt from conversations of our own, rendered by the same template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.core.errors import TokenizerError
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.chat_templates.base import RenderError, TurnSpan
from calibset.tokenizers.chat_templates.loading import load_template
from calibset.tokenizers.chat_templates.options import ChatOptions

_TOOLS = (Tool(name="look", description="Looks.", parameters='{"type": "object", "properties": {}}'),)


def _talk(first: str, second: str, third: str) -> tuple[Conversation, ...]:
    """Return a dialogue, and one in which a tool is called, in words of one's own."""
    user, said = Message(role="user", content=first), Message(role="assistant", content=second)
    again, done = Message(role="user", content=third), Message(role="assistant", content=first)
    call = Message(
        role="assistant",
        content="",
        tool_calls=(ToolCall(id="call_0", name="look", arguments='{"at": "it"}'),),
    )
    result = Message(role="tool", content=third, tool_call_id="call_0")
    return (
        Conversation(id="plain", messages=(user, said, again, done)),
        Conversation(id="calling", messages=(user, call, result, done), tools=_TOOLS),
    )


# Two that share no word, so that what they have in common before a turn is the template's.
_TALKS = (_talk("One?", "Two.", "Three!"), _talk("four", "Five", "6"))


@dataclass(frozen=True, slots=True)
class TurnMarks:
    """What a chat template writes before and behind the assistant's turns.

    Attributes:
        openers: The ids before a turn.
        closers: The ids that end one; the last of them is still the assistant's to write.
    """

    openers: tuple[tuple[int, ...], ...]
    closers: frozenset[int]

    def find(self, ids: Sequence[int]) -> list[TurnSpan]:
        """Return the assistant's turns in the ids of a row, each with the token that ends it.

        A turn that the row's end cuts off is there as far as it goes.
        """
        return list(self._find(tuple(ids)))

    def _find(self, ids: tuple[int, ...]) -> Iterator[TurnSpan]:
        at = 0
        while at < len(ids):
            if not any(ids[max(0, at - len(opener)) : at] == opener for opener in self.openers):
                at += 1
                continue
            end = next((i + 1 for i in range(at, len(ids)) if ids[i] in self.closers), len(ids))
            yield TurnSpan(at, end)
            at = end


def learn_marks(tokenizer: Tokenizer, chat: Mapping[str, Any] | None) -> TurnMarks:
    """Return what the chat template of a tokenizer writes around the assistant's turns.

    Args:
        tokenizer: The tokenizer that the rows were built for.
        chat: The recipe's table ``[chat]``.

    Raises:
        TokenizerError: There is no template, or no control token tells where a turn begins and ends.
    """
    try:
        options = ChatOptions.model_validate(dict(chat or {}))
    except ValidationError as error:
        raise TokenizerError(f"{tokenizer.name}: the file's [chat] can't be read; build it again") from error
    template = load_template(tokenizer, options.format, keywords=options.template)
    openers: dict[tuple[int, ...], None] = {}
    closers: set[int] = set()
    control = tokenizer.control_ids
    for pair in zip(*_TALKS, strict=True):
        try:
            one, other = (template.render(conversation) for conversation in pair)
        except RenderError:  # not every format has tools
            continue
        for turn, same in zip(one.turns, other.turns, strict=False):
            opener = _common_end(one.token_ids[: turn.start], other.token_ids[: same.start])
            if not control.isdisjoint(opener):
                openers[opener] = None
            if (last := one.token_ids[turn.end - 1]) in control:
                closers.add(last)
    if not openers or not closers:
        raise TokenizerError(
            f"{tokenizer.name}: no control token of its chat template tells where the assistant's turns "
            "begin and end in a row, so they can't be scored on their own; measure whole rows with "
            "--score all"
        )
    # Before a call more is alike, such as the tag that opens it; that is the assistant's to write.
    shortest = [one for one in openers if not any(other != one and _holds(one, other) for other in openers)]
    return TurnMarks(tuple(shortest), frozenset(closers))


def _holds(whole: Sequence[int], part: Sequence[int]) -> bool:
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))


def _common_end(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    length = 0
    while length < min(len(one), len(other)) and one[-1 - length] == other[-1 - length]:
        length += 1
    return tuple(one[len(one) - length :])
