"""The files that WikiExtractor writes: pages between ``<doc …>`` and ``</doc>``, or JSON Lines.

Titles are not escaped and attributes come in any order; redirects and empty pages have no
body; bodies keep some markup, which `clean_page` removes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from calibset.core.documents import Rejection
from calibset.core.text import excerpt, replace_surrogates, unescape_html
from calibset.sources.formats.json_rows import parse_json
from calibset.storage.files import File
from calibset.storage.text_lines import (
    RecordLines,
    describe_undecodable,
    has_undecodable_bytes,
    read_lines,
)

_ATTRIBUTE = re.compile(r'(?:^|(?<=")\s+)(id|revid|url|title)="')
# An attribute that a fork of WikiExtractor adds, such as the language: what stands between two quotes.
_UNKNOWN_ATTRIBUTE = re.compile(r"\s+[a-zA-Z_][\w.:-]*=")

# What stands for a formula or a listing that WikiExtractor left out.
_STAND_IN = re.compile(r"(?:(?:formula|codice)_[0-9]+[\s.,;:]*)+\Z")
_TEMPLATE_STYLES = re.compile(r"</?templatestyles\b[^<>]*>", re.IGNORECASE)
_MAGIC_WORD = re.compile(r"(?<!\w)__[A-ZÀ-ÖØ-ÞČĎĹĽŇŔŠŤŽ]{3,40}__(?!\w)")
# Spaces are matched from the first of a run only: else a long run takes quadratic time.
_EMPTY_PARENTHESES = re.compile(r"(?:(?<! ) +|(?<![\w ]))\([ ,;]*\)")
_SECOND_STOP = re.compile(r"(?<=\.) +\.(?=\s|\Z)")
_ORPHAN_STOP = re.compile(r"(?<! ) +\.(?=\s|\Z)")
# What WikiExtractor writes for headings and before the items of lists, and around links.
_HEADING = re.compile(r"Section::::|<h[1-6]>.*</h[1-6]>\Z|</?[uod]l>\Z")
_ITEM = re.compile(r"(?:BULLET::::|<(li|dt|dd)>(?=.*</\1>\Z))[ \t]*")
_ITEM_END = re.compile(r"</(?:li|dt|dd)>\Z")
_LINK = re.compile(r'<a href="[^"<>:]*">((?:(?!</?a\b).)*)</a>')
_BLANK_LINES = re.compile(r"\n{3,}")
# Most of a million tiny pages have none of the signs with which all that is tidied is written.
_MAY_BE_UNTIDY = re.compile(r"[&\xa0:<_(.\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a file.

    Attributes:
        id: The page's number in its wiki.
        url: The page's URL; may be empty.
        title: The page's title; may be empty.
        text: The body, with or without the title line.
    """

    id: str
    url: str
    title: str
    text: str


def parse_attributes(heading: str) -> dict[str, str]:
    """Return the attributes of a ``<doc …>`` line by name; a value runs to its last quote.

    Examples:
        >>> parse_attributes('<doc id="7" url="https://x.org/7" title="The "A > B" & C">')
        {'id': '7', 'url': 'https://x.org/7', 'title': 'The "A > B" & C'}
        >>> parse_attributes('<doc title=""A" id" id="7">')
        {'title': '"A" id', 'id': '7'}
        >>> parse_attributes('<doc id="7" title="Hron" language="sk" revision="12">')
        {'id': '7', 'title': 'Hron'}
    """
    inner = heading.strip().removeprefix("<doc").removesuffix(">").strip()
    _, *pieces = _ATTRIBUTE.split(inner)
    values: dict[str, str] = {}
    for name, value in zip(pieces[::2], pieces[1::2], strict=True):
        values.setdefault(name, _cut_unknown_attributes(value.rstrip().removesuffix('"')))
    return values


def _cut_unknown_attributes(value: str) -> str:
    """Return a value without the attributes that follow it, the last of which has lost its last quote."""
    if "=" not in value:
        return value
    pieces = value.split('"')
    while len(pieces) > 2 and _UNKNOWN_ATTRIBUTE.fullmatch(pieces[-2]):
        del pieces[-2:]
    return '"'.join(pieces)


def read_plain_pages(file: File) -> Iterator[Page | Rejection]:
    """Yield the pages of a file in the ``<doc …>`` format."""
    heading: tuple[int, str] | None = None
    body = RecordLines(file.name)
    strayed = False
    for number, line in enumerate(read_lines(file, keep_undecodable=True), start=1):
        if isinstance(line, Rejection):
            if heading:
                body.add(line)
            else:
                yield line
        elif line.startswith("<doc "):
            if heading:
                yield _reject(file, *heading, "page cut off")
            heading, body = (number, line), RecordLines(f"{file.name}:{number}")
        elif heading and line.rstrip() == "</doc>":
            yield _make_page(file, *heading, body)
            heading = None
        elif heading:
            body.add(line)
        elif line.strip() and not strayed:
            strayed = True
            yield _reject(file, number, line, "text outside a page")
    if heading:
        yield _reject(file, *heading, "page cut off")


def read_json_pages(file: File) -> Iterator[Page | Rejection]:
    """Yield the pages of a file in the ``--json`` format."""
    for number, line in enumerate(read_lines(file), start=1):
        if isinstance(line, Rejection):
            yield line
            continue
        if not line.strip():
            continue
        row = parse_json(line, f"{file.name}:{number}")
        if isinstance(row, Rejection):
            yield row
            continue
        if not isinstance(row, dict):
            yield _reject(file, number, line, "row is no object")
        elif not isinstance(row.get("id"), str | int) or row["id"] == "":
            yield _reject(file, number, line, "page without an id")
        elif not isinstance(row.get("text"), str):
            yield _reject(file, number, line, "column 'text' is no text")
        else:
            yield Page(id=_to_text(row["id"]), url=_to_text(row.get("url")), title=_to_text(row.get("title")),
                       text=replace_surrogates(row["text"]))  # fmt: skip


def clean_page(page: Page) -> Page:
    r"""Return the page with its title as the first line, once, and without left-over markup.

    A page with nothing but its title has an empty text.

    Examples:
        >>> page = Page(id="1", url="", title="Poprad", text="Poprad () je rieka . Tečie.\n\n\n\nKoniec.")
        >>> clean_page(page).text
        'Poprad\n\nPoprad je rieka. Tečie.\n\nKoniec.'
    """
    title = _tidy(page.title)
    body = page.text.lstrip()
    first, _, rest = body.partition("\n")
    body = _tidy(rest if title and _tidy(first) == title else body)
    text = f"{title}\n\n{body}" if title and body else body
    return Page(id=page.id, url=page.url, title=title, text=text)


def _tidy(text: str) -> str:
    if not _MAY_BE_UNTIDY.search(text):
        return text.strip()
    text = "\n".join([line for line in text.split("\n") if not _STAND_IN.match(line.strip())])
    text = _strip_marks(unescape_html(text).replace("\xa0", " "))
    for markup in (_TEMPLATE_STYLES, _MAGIC_WORD, _EMPTY_PARENTHESES, _SECOND_STOP):
        text = markup.sub("", text)
    text = _ORPHAN_STOP.sub(".", text)
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()


def _strip_marks(text: str) -> str:
    """Remove headings, and the marks of list items and links, which the options of WikiExtractor leave in."""
    if "::::" not in text and "<" not in text:
        return text
    lines = (line for line in text.split("\n") if not _HEADING.match(line.strip()))
    return "\n".join(_LINK.sub(r"\1", _strip_item_mark(line)) for line in lines)


def _strip_item_mark(line: str) -> str:
    bare = line.strip()
    item = _ITEM.match(bare)
    if item is None:
        return line
    return _ITEM_END.sub("", bare[item.end() :]) if item[1] else bare[item.end() :]


def _make_page(file: File, number: int, heading: str, body: RecordLines) -> Page | Rejection:
    values, text = parse_attributes(heading), body.text()
    if not values.get("id"):
        return _reject(file, number, heading, "page without an id")
    if isinstance(text, Rejection):
        return _reject(file, number, heading, text.reason)
    if has_undecodable_bytes(heading) or has_undecodable_bytes(text):
        return _reject(file, number, heading, describe_undecodable(file))
    return Page(id=values["id"], url=values.get("url", ""), title=values.get("title", ""), text=text)


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return replace_surrogates(value)
    return str(value) if isinstance(value, int) else ""


def _reject(file: File, number: int, line: str, reason: str) -> Rejection:
    return Rejection(position=f"{file.name}:{number}", reason=reason, excerpt=excerpt(line))
