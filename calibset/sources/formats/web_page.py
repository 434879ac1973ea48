"""Web pages (HTML) as plain text: what a reader sees of them, without tags, scripts and menus."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from calibset.core.documents import Rejection
from calibset.storage.compression import read_whole
from calibset.storage.encodings import is_text_encoding
from calibset.storage.files import File
from calibset.storage.text_lines import MAX_RECORD_BYTES, TOO_LONG, decode_text

SUFFIXES = ("html", "htm", "xhtml")
"""The suffixes of web pages."""

# Where a page says its encoding: HTML's rule is that it stands within the first bytes.
_DECLARED = re.compile(rb"<meta\b[^>]{0,500}?charset\s*=\s*[\"']?\s*([A-Za-z0-9][\w.:-]*)", re.IGNORECASE)
_DECLARED_WITHIN = 2**12
# What is no text of the page: read by browsers, shown as controls, or the way to other pages.
_LEFT_OUT = frozenset((
    "head", "title", "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "canvas",
    "audio", "video", "nav", "button", "select", "textarea", "option", "input",
))  # fmt: skip
# Elements that stand on lines of their own, and those with a blank line around.
_LINES = frozenset((
    "address", "article", "aside", "br", "dd", "div", "dl", "dt", "footer", "form", "header", "hr", "li",
    "main", "section", "tr",
))  # fmt: skip
_PARAGRAPHS = frozenset((
    "blockquote", "body", "caption", "details", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6",
    "ol", "p", "pre", "summary", "table", "ul",
))  # fmt: skip
_CELLS = frozenset(("td", "th"))
# How deeply elements are nested at most; pages have some dozens.
_DEEPEST = 256
_SPACE = re.compile(r"[ \t\n\r\f\v]+")


def is_page(file: File) -> bool:
    """Return whether a file is a web page, by its name."""
    return file.stem.endswith(tuple(f".{suffix}" for suffix in SUFFIXES))


def find_declared_encoding(head: bytes) -> str | None:
    """Return the encoding that a page declares, if it is one that Python knows.

    Examples:
        >>> find_declared_encoding(b'<html><head><meta charset="windows-1250">')
        'windows-1250'
    """
    found = _DECLARED.search(head[:_DECLARED_WITHIN])
    name = found[1].decode("ascii") if found else ""
    return name if name and is_text_encoding(name) else None


def read_page(file: File) -> File | Rejection:
    """Return the text of a page as a file of plain text of the same name.

    Raises:
        SourceError: The file is damaged, or has more bytes than a file that is read as a whole may have.
    """
    content = read_whole(file)
    if len(content) > MAX_RECORD_BYTES:
        return Rejection(position=file.name, reason=TOO_LONG, excerpt="")
    declared = find_declared_encoding(content)
    markup = decode_text(content, replace(file, encoding=declared or file.encoding))
    if isinstance(markup, Rejection):
        return markup
    text = extract_text(markup)
    if text is None:
        return Rejection(position=file.name, reason="HTML is nested too deeply", excerpt="")
    plain = text.encode()
    return File(file.name, lambda: io.BytesIO(plain), len(plain))


def extract_text(markup: str) -> str | None:
    r"""Return what a page shows as text; None if its elements are nested too deeply to be read.

    Examples:
        >>> extract_text("<title>T</title><h1>Hail</h1><p>Ice,<br>not <b>snow</b><script>x</script>.")
        'Hail\n\nIce,\nnot snow.'
    """
    from lxml import etree

    # No tree is built: the library takes quadratic time for the attributes of an element in one.
    page = _PageText()
    # Without `huge_tree` the library ends a page at a text or comment of ten megabytes, and tells nobody.
    parser = etree.HTMLParser(target=page, encoding="utf-8", no_network=True, huge_tree=True)
    # Surrogates, which no encoding lets through, and NUL would end the page.
    content = markup.replace("\0", "").encode("utf-8", "replace")
    try:
        # A page without any element has no end for the library.
        return str(etree.fromstring(content, parser)) if content.strip() else ""
    except _TooDeepError:
        return None


class _TooDeepError(Exception):
    """The elements of a page are nested so deeply that the parser would go through all of them for each."""


class _PageText:
    """The text of a page, and the break that stands before what comes next; called by the parser."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._break = ""
        # Said since the last tag; comments divide nothing.
        self._heard: list[str] = []
        self._depth = 0
        self._preformatted = 0
        # The depth of the element that is left out with all that is in it; 0 in others.
        self._left_out = 0

    def start(self, tag: str, _: object) -> None:
        self._say()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _TooDeepError
        if self._left_out:
            return
        if tag in _LEFT_OUT:
            self._left_out = self._depth
            return
        self._divide(tag, is_start=True)
        self._preformatted += tag == "pre"

    def end(self, tag: str) -> None:
        self._say()
        if self._depth == self._left_out:
            self._left_out = 0
        elif not self._left_out:
            self._divide(tag, is_start=False)
            self._preformatted -= tag == "pre"
        self._depth -= 1

    def data(self, text: str) -> None:
        if not self._left_out:
            self._heard.append(text)

    def close(self) -> str:
        """Return the text."""
        self._say()
        return "".join(self._pieces).strip()

    def _divide(self, tag: str, *, is_start: bool) -> None:
        wanted = "\n\n" if tag in _PARAGRAPHS else "\n" if tag in _LINES else ""
        if tag in _CELLS and is_start:
            wanted = "\t"
        # The larger one of two that meet; a cell that begins a row needs none of its own.
        if wanted == "\t":
            self._break = self._break or wanted
        elif len(wanted) > len(self._break.strip("\t")):
            self._break = wanted

    def _say(self) -> None:
        """Add what was heard since the last tag."""
        if not self._heard:
            return
        text, is_verbatim = "".join(self._heard), self._preformatted > 0
        self._heard = []
        said = text if is_verbatim else _SPACE.sub(" ", text)
        if self._break:
            said = said.strip("\n") if is_verbatim else said.lstrip(" ")
        if not said:
            return
        if self._break and self._pieces:
            self._pieces[-1] = self._pieces[-1].rstrip(" ")
        self._pieces += (self._break, said)
        self._break = ""
