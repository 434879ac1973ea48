"""Text of any origin, made safe to show, write and parse."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from os.path import commonprefix

# Control characters, marks that turn the direction of writing, and halves of surrogate pairs.
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# Without the semicolon `?a=1&copy=2` would turn into `?a=1©=2`.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_EXCERPT_LENGTH = 200
# How often spellings are divided by what they begin with; the parser of patterns nests no deeper than some
# hundreds, and real control tokens divide at five places.
_MAX_DEPTH = 16


def printable(text: str) -> str:
    r"""Escape every character of the text that could steer a terminal or a page.

    Examples:
        >>> printable("a\x1b[2Jb")
        'a\\x1b[2Jb'
    """
    return _UNPRINTABLE.sub(lambda match: _escape(match.group()), text)


def printable_line(text: str) -> str:
    r"""Escape what could steer a terminal, and line ends: a name must not look like a line of its own.

    Examples:
        >>> printable_line("a\nwrote b\x07")
        'a\\nwrote b\\x07'
    """
    return printable(text).replace("\n", "\\n")


def printable_json(text: str) -> str:
    r"""Escape, in a text that is JSON or a string of TOML, what could steer a terminal; it says the same.

    Examples:
        >>> printable_json('{"a": "\u202e"}')
        '{"a": "\\u202e"}'
    """
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def printable_pieces(text: str) -> Iterator[tuple[str, bool]]:
    r"""Split what `printable` returns into non-empty pieces, each with a flag: whether it is escaped.

    Examples:
        >>> list(printable_pieces("a\x00b"))
        [('a', False), ('\\x00', True), ('b', False)]
    """
    for piece, is_match in split_matches(_UNPRINTABLE, text):
        yield (_escape(piece) if is_match else piece), is_match


def split_matches(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, bool]]:
    """Split the text into non-empty pieces, each with a flag: whether it matches the pattern.

    Examples:
        >>> list(split_matches(re.compile("b"), "abb"))
        [('a', False), ('b', True), ('b', True)]
    """
    end = 0
    for match in pattern.finditer(text):
        if match.start() > end:
            yield text[end : match.start()], False
        yield match.group(), True
        end = match.end()
    if end < len(text):
        yield text[end:], False


def join_alternatives(spellings: Iterable[str]) -> str:
    r"""Return a pattern that matches the longest of the spellings; an empty one if there is none.

    What several begin with stands in it once: of a thousand alternatives that begin with ``<`` each would be
    tried at each ``<`` of a text.

    Examples:
        >>> join_alternatives(["<s>", "</s>", "[INST]", "<"])
        '<(?:/s>|s>)?|\\[INST\\]'
    """
    return _factor(sorted(set(spellings) - {""}), _MAX_DEPTH)


def _factor(spellings: Sequence[str], depth: int) -> str:
    if depth == 0:
        return "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
    parts = []
    for _, group in groupby(spellings, lambda spelling: spelling[:1]):
        alike = list(group)
        head = commonprefix(alike)  # noqa: RUF071  (letters, no paths)
        tails = [spelling[len(head) :] for spelling in alike]
        longer = _factor([tail for tail in tails if tail], depth - 1)
        parts.append(re.escape(head) + (f"(?:{longer}){'?' * (not tails[0])}" if longer else ""))
    return "|".join(parts)


def _escape(character: str) -> str:
    return ascii(character)[1:-1]


def unescape_html(text: str) -> str:
    r"""Resolve the text's HTML entities once; only those that end in a semicolon.

    Examples:
        >>> unescape_html("R &amp; B&nbsp;&lt;live&gt; ?a=1&copy=2 &amp;lt;")
        'R & B\xa0<live> ?a=1&copy=2 &lt;'
    """
    return _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)


def excerpt(value: object) -> str:
    """Return the beginning of a value, at most 200 characters, as text that any encoder can write.

    Examples:
        >>> len(excerpt("long " * 100))
        200
    """
    try:
        text = str(value)
    except RecursionError:
        return "nested too deeply"
    return replace_surrogates(text[:_EXCERPT_LENGTH])


def replace_surrogates(text: str) -> str:
    r"""Replace lone surrogates, which no encoder can write, with U+FFFD.

    Examples:
        >>> replace_surrogates("a\ud800b")
        'a\ufffdb'
    """
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def dump_json(value: object) -> str:
    """Return a value as JSON text on one line, with non-ASCII characters as they are.

    Commas and colons are followed by a space, as in what most programs send to a model.

    Args:
        value: A JSON value: an object, a list, a string, a number, true, false or null.

    Raises:
        ValueError: JSON can't hold the value (an infinite number, a date, endless nesting).

    Examples:
        >>> dump_json({"mesto": "Košice", "dni": [1, 2]})
        '{"mesto": "Košice", "dni": [1, 2]}'
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except TypeError:
        raise ValueError("no JSON value") from None
