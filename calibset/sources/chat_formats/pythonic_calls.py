"""Calls written like Python's: ``[Name With Spaces(text="x", n=1), other.name()]``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from calibset.core.text import dump_json, join_alternatives
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.literals import has_escaped_blanks, read_value, skip_blank
from calibset.sources.chat_formats.turns import Call

# As `skip_blank` skips them.
_BLANKS = r"(?:\s|\\[nrt])*+"
_ARGUMENT_NAME = re.compile(r"""([^=,()"']+)=""")
_LOOKS_LIKE_A_CALL = re.compile(r"""\[[^\[\](){}"'=]{1,200}\((?:\s*\)|[^=,()"']{1,200}=)""")


def split_calls(text: str, names: Sequence[str], repairs: RepairLog) -> tuple[str, tuple[Call, ...]]:
    """Return the prose and the calls of an assistant turn.

    Square brackets are common in prose too: they hold calls where a declared name opens them
    and they begin or end the turn.
    """
    whole = text.strip()
    if whole == "[]":
        return "", ()
    start = _find_first_call(whole, names)
    if start < 0 or (start > 0 and not whole.endswith("]")):
        if whole.endswith(")]") and _LOOKS_LIKE_A_CALL.match(whole):
            raise ChatFormatError("call to an undeclared tool", whole)
        return text, ()
    try:
        calls, end = parse_call_list(whole, start, names, repairs)
    except ValueError:
        raise ChatFormatError("unparsable tool call", whole[start:]) from None
    if end != len(whole):
        raise ChatFormatError("prose after a tool call", whole[end:])
    return whole[:start].strip(), calls


def _find_first_call(text: str, names: Sequence[str]) -> int:
    """Return where the first list of calls opens, or -1."""
    bracket = _compile_calls(tuple(names)).opening.search(text)
    return bracket.start() if bracket else -1


def _match_name(text: str, start: int, names: Sequence[str]) -> tuple[str, int] | None:
    """Return the longest declared name that opens a call here, and where its arguments begin."""
    call = _compile_calls(tuple(names)).call.match(text, start)
    return (call["name"], call.end()) if call else None


class _CallPatterns(NamedTuple):
    """The patterns of a call of some tools, and of a list that begins with one."""

    call: re.Pattern[str]
    opening: re.Pattern[str]


@lru_cache(maxsize=16)
def _compile_calls(names: tuple[str, ...]) -> _CallPatterns:
    call = rf"(?P<name>{join_alternatives(names) or '(?!)'}){_BLANKS}\("
    return _CallPatterns(re.compile(call), re.compile(rf"\[{_BLANKS}{call}"))


def parse_call_list(
    text: str, start: int, names: Sequence[str], repairs: RepairLog
) -> tuple[tuple[Call, ...], int]:
    """Return the calls of a list, and the index after it."""
    calls: list[Call] = []
    at = start
    while not calls or text.startswith(",", at):
        at = skip_blank(text, at + 1, repairs)
        match = _match_name(text, at, names)
        if match is None:
            if _LOOKS_LIKE_A_CALL.match("[" + text[at : at + 500]):
                raise ChatFormatError("call to an undeclared tool", text[at:])
            raise ValueError("no call")
        name, arguments_start = match
        arguments, end = _parse_arguments(text, arguments_start)
        if has_escaped_blanks(text[at + len(name) : end]):
            repairs.note("escaped line breaks", text[at:end])
        calls.append(Call(name=name, arguments=dump_json(arguments)))
        at = skip_blank(text, end, repairs)
    if not text.startswith("]", at):
        raise ValueError("list without an end")
    return tuple(calls), at + 1


def _parse_arguments(text: str, start: int) -> tuple[dict[str, object], int]:
    """Return the arguments of a call, and the index after its closing bracket."""
    arguments: dict[str, object] = {}
    at = skip_blank(text, start)
    while not text.startswith(")", at):
        match = _ARGUMENT_NAME.match(text, at)
        name = match[1].strip() if match else ""
        if match is None or not name or name in arguments:
            raise ValueError("no argument")
        arguments[name], at = read_value(text, match.end())
        at = skip_blank(text, at)
        if text.startswith(",", at):
            at = skip_blank(text, at + 1)
        elif not text.startswith(")", at):
            raise ValueError("argument without an end")
    return arguments, at + 1
