"""The format of an RDF file, told by what it holds, since the names of ontologies seldom say it."""

from __future__ import annotations

import re
from typing import Literal

from calibset.core.errors import SourceError
from calibset.storage.encodings import find_encoding

Format = Literal["turtle", "nt", "xml"]

UNREAD_SUFFIXES = {
    "jsonld": "JSON-LD",
    "obo": "OBO",
    "ofn": "OWL functional syntax",
    "omn": "Manchester syntax",
    "owx": "OWL/XML",
}
"""The formats of ontologies that are not read, by the suffixes of their files."""

REMEDY = "save it as Turtle or RDF/XML, for instance with Protégé or robot convert"

_LOOKED_AT = 2**16
_LINES = re.compile(r"\.n[tq]\b", re.IGNORECASE)
_COMMENTS = re.compile(r"(?:\s|#[^\n]*\n)*")
_MARKUP = re.compile(
    r"<(?:[?!]|(?:[\w.-]+:)?(?:RDF|Ontology|html)\b|[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?\s)", re.IGNORECASE
)
_XML_COMMENT = re.compile("<!--.*?-->", re.DOTALL)
_ROOT = re.compile(r"<(?:[\w.-]+:)?(RDF|Ontology|html)\b([^>]*)", re.IGNORECASE)
# What begins a file in a format that is not read; an empty bracket, `[]`, is Turtle.
_UNREAD = (
    ("JSON-LD", re.compile(r"\{\s*[\"}]|\[\s*[{\"]")),
    ("OBO", re.compile(r"format-version:")),
    ("OWL functional syntax", re.compile(r"(?:Prefix|Ontology)\s*\(")),
    ("Manchester syntax", re.compile(r"(?:Prefix|Ontology):")),
)
_TERM = r"(?:<[^<>\s]*>|_:\S+)"
_LITERAL = r'"(?:[^"\\\n]|\\.)*"(?:@[\w-]+|\^\^<[^<>\s]*>)?'
_STATEMENT = re.compile(
    rf"{_TERM}[ \t]*<[^<>\s]*>[ \t]*(?:{_TERM}|{_LITERAL})[ \t]*(?P<graph>{_TERM}[ \t]*)?\.[ \t]*"
    r"(?:#.*)?\r?$",
    re.MULTILINE,
)


def detect_format(content: bytes, name: str) -> Format:
    """Return the format of a file, by its beginning.

    Raises:
        SourceError: It is one of those that are not read, or no RDF at all.
    """
    head = content[:_LOOKED_AT]
    text = head.decode(find_encoding(head, "utf-8"), "replace").removeprefix("\ufeff").lstrip()
    if _MARKUP.match(text):
        _refuse_other_markup(text, name)
        return "xml"
    if unread := next((form for form, pattern in _UNREAD if pattern.match(text)), None):
        raise SourceError(f"{name}: {unread} is not read; {REMEDY}")
    comments = _COMMENTS.match(text)
    start = comments.end() if comments else 0
    statement = _STATEMENT.match(text, start)
    # Turtle may begin with a whole statement too, but never with one that names its graph.
    return "nt" if statement and (statement["graph"] or _LINES.search(name)) else "turtle"


def _refuse_other_markup(text: str, name: str) -> None:
    root = _ROOT.search(_XML_COMMENT.sub("", text))
    if root is None:
        return
    if root[1].lower() == "html":
        raise SourceError(f"{name}: a web page (HTML), no ontology; name the file that it links to")
    if root[1] == "Ontology" and "about" not in root[2]:
        raise SourceError(f"{name}: OWL/XML is not read; {REMEDY}")
