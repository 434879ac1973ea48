from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.literals import skip_blank
from calibset.sources.chat_formats.pythonic_calls import split_calls

NAMES = ("f", "f g", "f(", "fg", "[f", "\\n")


def find_slowly(text: str, names: Sequence[str]) -> int:
    """Return where the first list of calls opens, or -1: each name is tried at each bracket."""
    for bracket in re.finditer(r"\[", text):
        start = skip_blank(text, bracket.end())
        for name in names:
            if text.startswith(name, start) and text.startswith("(", skip_blank(text, start + len(name))):
                return bracket.start()
    return -1


@given(st.lists(st.sampled_from(NAMES), unique=True), st.lists(st.sampled_from([*NAMES, "[", "(", " ", "a"])))
def test_calls_are_found_where_a_declared_name_opens_a_bracket(names: list[str], parts: list[str]) -> None:
    names = sorted(names, key=len, reverse=True)
    text = "".join(parts).strip() + ")]"
    start = find_slowly(text, names)
    repairs = RepairLog()
    try:
        prose, calls = split_calls(text, names, repairs)
    except ChatFormatError:
        return
    assert (prose, bool(calls)) == ((text[:start].strip(), True) if start >= 0 else (text, False))
