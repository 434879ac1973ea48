"""Where the assistant's turns begin and end in what a template wrote.

What ends a turn differs: EOS, a token of the turn's own, a token that depends on what is said (a call,
the last answer), or nothing but the role of the next turn. So it is looked for behind each turn's last
text in the rendered placeholder copy.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import NamedTuple

from calibset.tokenizers.base import Encoded
from calibset.tokenizers.chat_templates.alignment import AlignedText
from calibset.tokenizers.chat_templates.base import TurnSpan
from calibset.tokenizers.chat_templates.completeness import PLACEHOLDER, PlaceholderCopy


class _Part(NamedTuple):
    """A part of a rendered text, as offsets."""

    start: int
    end: int


class CallWriting(NamedTuple):
    """How a template writes calls and their results.

    Attributes:
        marks: The control tokens inside calls and around them, which end no turn.
        names_in_result: How often a result names the tool that it comes from.
    """

    marks: frozenset[int] = frozenset()
    names_in_result: int = 0


@dataclass(frozen=True, slots=True)
class RenderedCopy:
    """What a template wrote of a placeholder copy.

    Attributes:
        copy: The placeholder copy.
        text: The text.
        controls: The control tokens in it, each with the offset at which it ends.
    """

    copy: PlaceholderCopy
    text: str
    controls: Sequence[tuple[int, int]]


def find_turns(
    written: RenderedCopy, calls: CallWriting, aligned: Sequence[AlignedText], encoded: Encoded, length: int
) -> Iterator[TurnSpan]:
    """Yield the spans of the assistant's turns, each with the token that ends it.

    Args:
        written: The rendered placeholder copy.
        calls: How the template writes calls and their results.
        aligned: Where texts and control tokens stand in the copy and in the conversation.
        encoded: The conversation's tokens.
        length: The length of the conversation's text.
    """
    controls = written.controls
    for part, following in _find_parts(written, calls.names_in_result):
        first = bisect_right(controls, part.end, key=itemgetter(0))
        behind = controls[first : bisect_right(controls, following, key=itemgetter(0))]
        ends = [end for end, token in behind if token not in calls.marks]
        start = _to_start(part.start, aligned)
        end = _to_end(ends[0] if ends else part.end, aligned, len(written.text), length)
        first, last = (bisect_left(encoded.ends, offset) for offset in (start + 1, end))
        if first <= last < len(encoded.ids):
            yield TurnSpan(first, last + 1)


def _find_parts(written: RenderedCopy, names_in_result: int) -> Iterator[tuple[_Part, int]]:
    """Yield for each assistant turn its part of the copy's text, and where the next text begins."""
    text, messages = written.text, written.copy.conversation.messages
    called = {call.id: call.name for message in messages for call in message.tool_calls}
    owners: dict[int, list[_Part]] = {}
    names: dict[str, list[_Part]] = {}
    for match in PLACEHOLDER.finditer(text):
        part, kind = _Part(*match.span()), match.group()
        if kind.startswith("tool"):
            names.setdefault(kind, []).append(part)
        elif match.group(2):
            owners.setdefault(int(match.group(1) or match.group(2)), []).append(part)
    starts = sorted(part.start for parts in owners.values() for part in parts)
    at = 0
    for index, message in enumerate(messages):
        own = owners.get(index, [])
        named = Counter(call.name for call in message.tool_calls)
        if message.tool_call_id in called:
            named[called[message.tool_call_id]] += names_in_result
        for name, times in named.items():
            parts = names.get(name, [])
            first = bisect_left(parts, at, key=attrgetter("start"))
            own = own + parts[first : first + times]
        if not own:
            continue  # it is empty
        whole = _Part(min(part.start for part in own), max(part.end for part in own))
        at = max(at, whole.end)
        if message.role == "assistant":
            later = bisect_left(starts, whole.end)
            yield whole, starts[later] if later < len(starts) else len(text)


def _to_start(offset: int, aligned: Sequence[AlignedText]) -> int:
    """Return the offset in the conversation of one in the copy, counted from the text before it."""
    index = bisect_right(aligned, offset, key=attrgetter("copy_start")) - 1
    if index < 0:
        return offset
    before = aligned[index]
    return before.start if before.copy_start == offset else before.end + offset - before.copy_end


def _to_end(offset: int, aligned: Sequence[AlignedText], copy_length: int, length: int) -> int:
    """Return the offset in the conversation of one in the copy, counted from the text behind it."""
    index = bisect_left(aligned, offset, key=attrgetter("copy_end"))
    if index < len(aligned) and aligned[index].copy_end == offset:
        return aligned[index].end
    if index < len(aligned):
        return aligned[index].start - (aligned[index].copy_start - offset)
    return length - (copy_length - offset)
