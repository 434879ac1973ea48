"""Calls in an assistant's words that have no mark of a form: they name a declared tool, as in JSON or code.

They are what remains of a model's calls where the control tokens were left out when its answers were stored.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from calibset.core.text import join_alternatives
from calibset.sources.chat_formats.base import ChatFormatError
from calibset.sources.chat_formats.code_spans import Pattern, iterate_outside_code

_QUOTE = r"""\\?["']"""
_NAME_KEY = rf"{_QUOTE}(?:name|tool|tool_?name|function|function_?name|action|recipient_name){_QUOTE}"
_ARGUMENTS_KEY = (
    rf"{_QUOTE}(?:arguments?|parameters|params|args|kwargs|input|tool_?input|action_?input|tool_arguments)"
    rf"{_QUOTE}"
)
_NAMED = rf"""{_NAME_KEY}\s*:\s*{_QUOTE}(?:functions\.)?(?P<name>[^"'\\\n]{{1,100}}){_QUOTE}"""
# A tool's declaration has its parameters' types in this place.
_NO_SCHEMA = rf"(?!\s*:\s*\{{\s*{_QUOTE}(?:type|properties|\$schema){_QUOTE}\s*:)"
_WORD = r"(?:functions\.)?(?P<name>[\w.-]{1,100})"

_LONGEST_ARGUMENTS = 2_000


@dataclass(frozen=True, slots=True)
class _ArgumentsFirst:
    """Calls of which the name stands after the arguments.

    To look for the end of a call behind every key would go over each letter as many times as there are keys
    before it. So keys and ends are found in one step, and the pattern is tried where one follows the other.
    """

    pattern: re.Pattern[str] = re.compile(
        rf"{_ARGUMENTS_KEY}\s*:[^\n]{{1,{_LONGEST_ARGUMENTS}}}?\}}[\"']?\s*,\s*{_NAMED}\s*\}}"
    )
    marks: re.Pattern[str] = re.compile(
        rf"(?P<key>{_ARGUMENTS_KEY}\s*:)|(?P<end>\}}[\"']?\s*,\s*{_NAMED}\s*(?=\}}))|\n"
    )

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Yield the matches of the pattern in a text."""
        keys: deque[re.Match[str]] = deque()
        taken = 0
        for mark in self.marks.finditer(text):
            while keys and mark.start() - keys[0].end() > _LONGEST_ARGUMENTS:
                keys.popleft()
            if mark["end"] and keys and (match := self.pattern.match(text, keys[0].start())):
                yield match
                keys.clear()
                taken = match.end()
            if "\n" in mark[0]:
                keys.clear()
            if mark["key"] and mark.start() >= taken:
                keys.append(mark)


class _Shape(NamedTuple):
    """What a call looks like; the group ``name`` is the tool's."""

    form: str
    pattern: Pattern


_SHAPES = (
    _Shape("JSON", re.compile(rf"{_NAMED}\s*,\s*{_ARGUMENTS_KEY}{_NO_SCHEMA}")),
    _Shape("JSON", _ArgumentsFirst()),
    _Shape(
        "NAME{…}",
        re.compile(
            rf"(?m)^(?:[^\n]{{0,40}}\bto=)?{_WORD}(?::\d{{1,4}})?\s*(?:(?:\[ARGS\]|json)\s*)?\{{\s*(?:[\"']|\}})"
        ),
    ),
    _Shape(
        "NAME(…)",
        re.compile(
            r"(?m)^(?:[A-Z][a-z]{1,20}: |<[^<>\n]{1,40}>)?[ \t]*\[?"
            rf"{_WORD}\((?:[ \t]*\w+[ \t]*=[^\n]*)?\)\]?[ \t]*(?:<[^<>\n]{{1,40}}>)?$"
        ),
    ),
)


# So many names are looked for one by one.
_FEW = 16


def check_no_named_calls(text: str, declared: Collection[str]) -> None:
    """Raise `ChatFormatError` if an assistant's words call a declared tool by its name, outside of code.

    Examples:
        >>> check_no_named_calls('The tool "now" needs nothing.', ["now"])
        >>> check_no_named_calls('Well. {"name": "now", "arguments": {}}', ["now"])
        Traceback (most recent call last):
            ...
        calibset.sources.chat_formats.base.ChatFormatError: tool call in words: JSON
    """
    if not _names_any(text, declared):
        return
    for form, pattern in _SHAPES:
        for match in iterate_outside_code(pattern, text):
            if match["name"] in declared:
                raise ChatFormatError(f"tool call in words: {form}", match.group())


def _names_any(text: str, declared: Collection[str]) -> bool:
    """Return whether a text has the name of a tool in it."""
    if len(declared) <= _FEW:
        return any(name in text for name in declared)
    return re.search(join_alternatives(declared), text) is not None
