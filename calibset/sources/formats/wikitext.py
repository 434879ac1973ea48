"""Conversion of wikitext, the markup of MediaWiki's pages, to plain text.

mwparserfromhell finds what nests: templates, tables and links. Tags, line markers and quotes are removed
before, in one pass each, and wikitext that would take the parser too long is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from calibset.core.errors import SourceError
from calibset.core.installation import install_command
from calibset.sources.formats.language_variants import has_variants, resolve_variants

if TYPE_CHECKING:
    from mwparserfromhell.nodes import Node, Wikilink
    from mwparserfromhell.wikicode import Wikicode

CANONICAL = frozenset({"category", "file", "image", "media"})
"""Prefixes, in lower case, of links that show nothing in the text; every wiki knows them."""

_DEEPEST = 50
# Characters that the parser may read again because a bracket is never closed: some seconds.
_READ_AGAIN = 5_000_000

# What the parser takes longest for, up to 30 µs each; only the very longest tables have so many.
_MARKS = ("{", "[", "|", "!", "&", "//")
_MOST_MARKS = 200_000
# Of a line that begins with one: the parser goes a level deeper for each, and crashes at some 100,000.
_MOST_EQUALS_SIGNS = 1_000

# Elements whose content is no prose.
_DROPPED = frozenset(
    {
        "categorytree", "ce", "chem", "gallery", "graph", "hiero", "imagemap", "includeonly", "indicator",
        "inputbox", "mapframe", "maplink", "math", "ref", "references", "score", "script", "section",
        "source", "style", "syntaxhighlight", "table", "templatedata", "templatestyles", "timeline",
    }
)  # fmt: skip
_LITERAL = frozenset({"nowiki", "pre"})
_TAG = re.compile(r"<!--|<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]*)(?=[\s/>])[^<>]*>")
_END_TAG = re.compile(r"</([a-zA-Z][a-zA-Z0-9]*)\s*>")
_MARKUP = re.compile(r"[\[\]{}|'=*#:;<&_-]")
_QUOTES = re.compile(r"'{2,}")
_BRACKET = re.compile(
    r"\{\{|\}\}|\[\[|\]\]|^[ \t]*\{\||^[ \t]*\|\}(?!\})|\[(?:[a-zA-Z]+:|//)[^\[\]\n]*\]?", re.MULTILINE
)
_LEFT_OVER = re.compile(r"\{\{|\}\}|\[\[|\]\]|^[ \t]*(?:\{?\||\|\}).*", re.MULTILINE)
_OPENING = {"}}": "{{", "]]": "[[", "|}": "{|"}
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]{2,10}){0,3}")
_FILE = re.compile(
    r"\.(?:bmp|djvu|flac|gif|jpe?g|mid|mp3|og[agv]|pdf|png|svg|tiff?|wav|web[mp])", re.IGNORECASE
)


class TooDeeplyNestedError(ValueError):
    """Wikitext takes too long to parse: brackets nest too deep, stay open, or are too many."""


def strip_markup(wikitext: str, *, hidden: frozenset[str] = CANONICAL, language: str = "") -> str:
    r"""Return what a reader sees as running text; blank lines, spaces and entities stay.

    Templates, tables, references, formulas, headings, comments and links to files and
    categories are dropped; other links become their labels, list items lines. Links with one of
    the hidden prefixes, in lower case, are dropped as well. Where the wiki's language has variants, one of
    them is taken.

    Examples:
        >>> strip_markup("'''Yeti'''{{IPA|jety}} is a [[myth|mythical]] [[being]].<ref>p. 1</ref>")
        'Yeti is a mythical being.'
        >>> strip_markup("== See also ==\n* [[Bigfoot]]\n* [http://example.org A page]")
        '\nBigfoot\nA page'
    """
    try:
        import mwparserfromhell
        from mwparserfromhell.parser import ParserError
    except ImportError as error:
        raise SourceError(
            "raw wikitext needs mwparserfromhell, which isn't installed: " + install_command("wikitext")
        ) from error

    text = _strip_tags(wikitext)
    if has_variants(language):
        text = resolve_variants(text, language)
    text = "\n".join(map(_strip_marker, text.split("\n")))
    text = _QUOTES.sub(_shorten_quotes, text)
    _check_brackets(text)
    try:
        code = mwparserfromhell.parse(text, skip_style_tags=True)
        text = "".join(_show(code, hidden))
    except (ParserError, RecursionError) as error:
        raise TooDeeplyNestedError(str(error)) from error
    return _LEFT_OVER.sub("", text)


def _strip_tags(text: str) -> str:
    """Remove comments, tags and the elements that hold no prose.

    Every character is passed once: an element is only looked for where its end is known to come.
    """
    last = {end[1].lower(): end.start() for end in _END_TAG.finditer(text)}
    pieces, position = [], 0
    while tag := _TAG.search(text, position):
        pieces.append(text[position : tag.start()])
        name, position = (tag["name"] or "").lower(), tag.end()
        if not name:
            end = text.find("-->", position)
            position = len(text) if end < 0 else end + 3
        elif name == "br":
            pieces.append("\n")
        elif _has_no_markup(tag, name) and last.get(name, -1) >= position:
            start = position
            while end_tag := _END_TAG.search(text, position):
                position = end_tag.end()
                if end_tag[1].lower() == name:
                    break
            if name in _LITERAL:
                pieces.append(_escape(text[start : end_tag.start() if end_tag else position]))
    pieces.append(text[position:])
    return "".join(pieces).replace("<", "&lt;")


def _has_no_markup(tag: re.Match[str], name: str) -> bool:
    return (name in _DROPPED or name in _LITERAL) and not tag["end"] and not tag[0].endswith("/>")


def _escape(text: str) -> str:
    return _MARKUP.sub(lambda mark: f"&#{ord(mark[0])};", text)


def _strip_marker(line: str) -> str:
    bare = line.strip()
    if len(bare) > 2 and line.startswith("=") and bare.endswith("="):
        return ""
    if line.startswith("----"):
        return line.lstrip("-")
    return line.lstrip("*#:;").lstrip() if line.startswith(("*", "#", ":", ";")) else line


def _shorten_quotes(quotes: re.Match[str]) -> str:
    """Return what a run of quotes shows: two, three and five of them are markup."""
    length = len(quotes[0])
    return "'" * (1 if length == 4 else max(0, length - 5))


def _check_brackets(text: str) -> None:
    """Raise an error where the parser would go too deep, or back too often.

    For each bracket that is never closed, it reads on to the end and then starts again after the bracket.
    """
    if sum(map(text.count, _MARKS)) > _MOST_MARKS:
        raise TooDeeplyNestedError
    if any(line.count("=") > _MOST_EQUALS_SIGNS for line in text.split("\n") if line.startswith("=")):
        raise TooDeeplyNestedError
    open_: list[tuple[str, int]] = []
    kinds: Counter[str] = Counter()
    reread = 0
    for match in _BRACKET.finditer(text):
        bracket = match[0].strip()
        if bracket[0] == "[" != bracket[1]:
            reread += 0 if bracket[-1] == "]" else _count_to_line_end(text, match.start())
        elif opening := _OPENING.get(bracket):
            while kinds[opening]:
                kind, start = open_.pop()
                kinds[kind] -= 1
                if kind == opening:
                    break
                reread += len(text) - start
        else:
            open_.append((bracket, match.start()))
            kinds[bracket] += 1
        if len(open_) > _DEEPEST or reread > _READ_AGAIN:
            raise TooDeeplyNestedError
    if reread + sum(len(text) - start for _, start in open_) > _READ_AGAIN:
        raise TooDeeplyNestedError


def _count_to_line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return (end if end >= 0 else len(text)) - start


def _show(code: Wikicode, hidden: frozenset[str]) -> Iterator[str]:
    for node in code.nodes:
        yield from _show_node(node, hidden)


def _show_node(node: Node, hidden: frozenset[str]) -> Iterator[str]:
    from mwparserfromhell.nodes import Argument, ExternalLink, HTMLEntity, Tag, Text, Wikilink

    if isinstance(node, Text | HTMLEntity):
        yield str(node)
    elif isinstance(node, Wikilink):
        yield from _show_link(node, hidden)
    elif isinstance(node, ExternalLink):
        shown = node.title if node.brackets else node.url
        if shown is not None:
            yield from _show(shown, hidden)
    elif isinstance(node, Argument) and node.default is not None:
        yield from _show(node.default, hidden)
    elif isinstance(node, Tag) and node.contents is not None and node.wiki_markup != "{|":
        yield from _show(node.contents, hidden)


def _show_link(link: Wikilink, hidden: frozenset[str]) -> Iterator[str]:
    title = "".join(_show(link.title, hidden)).strip()
    prefix, colon, name = title.partition(":")
    if colon and prefix:
        known = prefix.replace("_", " ").strip().lower() in hidden
        elsewhere = link.text is None and _LANGUAGE.fullmatch(prefix)
        if known or elsewhere or _FILE.fullmatch(name[name.rfind(".") :]):
            return
    if link.text is not None and str(link.text).strip():
        yield from _show(link.text, hidden)
    else:
        yield title.removeprefix(":")
