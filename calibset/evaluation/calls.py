"""Tool calls that models write: read from their words, and compared."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from calibset.core.documents import Tool
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.windows import CALLS, OWN_CALLS, Ids, Window
from calibset.sources.chat_formats.base import RepairLog
from calibset.sources.chat_formats.call_forms import has_call, read_calls_in_words
from calibset.tokenizers import Tokenizer

_WORD = re.compile(r"[\w.-]{1,100}")


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as a model wrote it.

    Attributes:
        name: The tool's name.
        arguments: The arguments as JSON in one form: keys in order, whole numbers without a point.
    """

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallComparison:
    """What two models write where the data calls a tool.

    Attributes:
        prompts: How often both were asked.
        base_calls: How often the base wrote calls that can be read.
        other_calls: How often the other did.
        same: How often both wrote the same calls: equal names in order, and arguments equal as JSON.
        same_names: How often both called the same tools, whatever the arguments.
        unreadable: How often the base's words held a call that can't be read, or the other's did where the
            base's can.
    """

    prompts: int
    base_calls: int
    other_calls: int
    same: int
    same_names: int
    unreadable: int


def read_calls(text: str) -> tuple[WrittenCall, ...] | None:
    """Return the calls in what a model wrote; none if it wrote words, None if a call can't be read.

    Any name counts as that of a tool, since the words don't tell which tools were on offer.

    Examples:
        >>> read_calls('[TOOL_CALLS]now[ARGS]{"zone": "CET"}')
        (WrittenCall(name='now', arguments='{"zone": "CET"}'),)
        >>> read_calls("It is noon."), read_calls('<tool_call>{"name": </tool_call>')
        ((), None)
    """
    names = dict.fromkeys(_WORD.findall(text))
    tools = [
        Tool(name=name, description="", parameters='{"type": "object", "properties": {}}') for name in names
    ]
    repairs = RepairLog()
    found = read_calls_in_words(text, tools, repairs)
    if found is None:
        return None if has_call(text) else ()
    if repairs.entries:  # a server that reads calls does not repair them
        return None
    return tuple(WrittenCall(call.name, _write_alike(json.loads(call.arguments))) for call in found[1])


def _write_alike(value: object) -> str:
    return json.dumps(_without_points(value), sort_keys=True, ensure_ascii=False)


def _without_points(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_points(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_points(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def compare_calls(base: Measurement, other: Measurement, tokenizer: Tokenizer) -> CallComparison | None:
    """Compare what two models wrote where the data calls a tool; None if not both were asked to.

    Args:
        base: The measurement of the base.
        other: A measurement that followed it.
        tokenizer: The tokenizer of both.
    """
    pairs = list(
        zip(
            (window for window in base.windows if window.task == CALLS),
            (window for window in other.windows if window.task == OWN_CALLS),
            strict=False,
        )
    )
    if not pairs:
        return None
    read = [(_read(one, tokenizer), _read(two, tokenizer)) for one, two in pairs]
    return CallComparison(
        prompts=len(read),
        base_calls=sum(bool(one) for one, _ in read),
        other_calls=sum(bool(two) for _, two in read),
        same=sum(bool(one) and one == two for one, two in read),
        same_names=sum(bool(one and two) and _names(one) == _names(two) for one, two in read),
        unreadable=sum(one is None or (bool(one) and two is None) for one, two in read),
    )


def _names(calls: tuple[WrittenCall, ...] | None) -> list[str]:
    return [call.name for call in calls or ()]


def _read(window: Window, tokenizer: Tokenizer) -> tuple[WrittenCall, ...] | None:
    return read_calls(decode_written(window.targets, tokenizer))


def decode_written(ids: Ids, tokenizer: Tokenizer) -> str:
    """Return what a model wrote, without the control token that ended it."""
    written = ids.tolist()
    while written and written[-1] in tokenizer.control_ids and _ends_turn(tokenizer, written[-1]):
        written.pop()
    return tokenizer.decode(written)


def _ends_turn(tokenizer: Tokenizer, token: int) -> bool:
    """Return whether a control token is none of those around calls."""
    return not has_call_word(tokenizer.decode([token]))


def has_call_word(spelling: str) -> bool:
    """Return whether a control token's spelling speaks of calls or tools.

    Examples:
        >>> has_call_word("</tool_call>"), has_call_word("<|im_end|>")
        (True, False)
    """
    return bool(re.search(r"tool|call|function|action|args", spelling, re.IGNORECASE))
