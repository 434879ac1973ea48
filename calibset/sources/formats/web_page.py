"""Web pages (HTML) as plain text: what a reader sees of them, without tags, scripts and menus."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from calibset.core.documents import Rejection
from calibset.storage.compression import read_whole
from calibset.storage.encodings import is_text_encoding
from calibset.storage.files import File
from calibset.storage.text_lines import MAX_RECORD_BYTES, TOO_LONG, decode_text

if TYPE_CHECKING:
    from lxml.etree import _Element

SUFFIXES = ("html", "htm", "xhtml")
"""The suffixes of web pages."""

# Where a page says its encoding: HTML's rule is that it stands within the first bytes.
_DECLARED = re.compile(rb"<meta\b[^>]{0,500}?charset\s*=\s*[\"']?\s*([A-Za-z0-9][\w.:-]*)", re.IGNORECASE)
_DECLARED_WITHIN = 2**12
# What is no text of the page: read by browsers, shown as controls, or the way to other pages.
_LEFT_OUT = frozenset((
    "head", "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "canvas", "audio",
    "video", "nav", "button", "select", "textarea", "option", "input",
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

    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    # Surrogates, which no encoding lets through, and NUL would end the page.
    root = etree.fromstring(markup.replace("\0", "").encode("utf-8", "replace"), parser)
    if any(fault.level_name == "FATAL" for fault in parser.error_log):
        return None
    if root is None:
        return ""
    page = _PageText()
    page.add(root)
    return page.text()


class _PageText:
    """The text of a page, and the break that stands before what comes next."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._break = ""

    def text(self) -> str:
        return "".join(self._pieces).strip()

    def add(self, root: _Element) -> None:
        """Add the text of an element and of what is in it."""
        from lxml import etree

        preformatted = 0
        events: Any = etree.iterwalk(root, events=("start", "end"))
        for event, element in events:
            tag = str(element.tag)
            is_start = event == "start"
            if is_start and tag in _LEFT_OUT:
                events.skip_subtree()
                continue
            if tag not in _LEFT_OUT:
                self._divide(tag, is_start=is_start)
                preformatted += (tag == "pre") * (1 if is_start else -1)
            self._say((element.text if is_start else element.tail) or "", is_verbatim=preformatted > 0)

    def _divide(self, tag: str, *, is_start: bool) -> None:
        wanted = "\n\n" if tag in _PARAGRAPHS else "\n" if tag in _LINES else ""
        if tag in _CELLS and is_start:
            wanted = "\t"
        # The larger one of two that meet; a cell that begins a row needs none of its own.
        if wanted == "\t":
            self._break = self._break or wanted
        elif len(wanted) > len(self._break.strip("\t")):
            self._break = wanted

    def _say(self, text: str, *, is_verbatim: bool) -> None:
        said = text if is_verbatim else _SPACE.sub(" ", text)
        if self._break:
            said = said.strip("\n") if is_verbatim else said.lstrip(" ")
        if not said:
            return
        if self._break and self._pieces:
            self._pieces[-1] = self._pieces[-1].rstrip(" ")
        self._pieces += (self._break, said)
        self._break = ""
