"""A plot as a part of a page: its colours are the page's, and nothing in it can clash or act."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

COLOURS = {
    "#010101": "var(--ink)",
    "#010102": "var(--muted)",
    "#010103": "var(--line)",
    "#010104": "var(--one)",
    "#010105": "var(--two)",
    "#010106": "var(--three)",
}
"""What a plot is drawn with, and what stands on the page in its place."""

_TAGS = ("svg", "g", "path", "text")
_KEPT = ("d", "transform", "x", "y", "viewBox")
_STYLES = (
    "fill", "fill-opacity", "font-size", "opacity", "stroke", "stroke-dasharray", "stroke-dashoffset",
    "stroke-linecap", "stroke-linejoin", "stroke-width", "text-anchor",
)  # fmt: skip
_DECIMALS = re.compile(r"(-?\d+\.\d{2})\d+")


def inline(document: str, label: str) -> str:
    """Return a plot of matplotlib's as an element that stands in a page.

    Styles become attributes, which the page's policy allows; ids, definitions and metadata are left out.

    Args:
        document: The SVG document.
        label: What a screen reader says of it.
    """
    from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

    root = fromstring(document)
    return "".join(_written(root, f' role="img" aria-label={quoteattr(label)}'))


def _written(element: Element, more: str = "") -> Iterator[str]:
    tag = _local(element.tag)
    if tag not in _TAGS:
        return
    yield f"<{tag}{more}"
    for name, value in _attributes(element):
        yield f" {name}={quoteattr(value)}"
    yield ">"
    if tag == "text":
        yield escape(element.text or "")
    else:
        for child in element:
            yield from _written(child)
    yield f"</{tag}>"


def _attributes(element: Element) -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        if _local(name) in _KEPT:
            yield _local(name), _DECIMALS.sub(r"\1", " ".join(value.split()))
    for rule in element.attrib.get("style", "").split(";"):
        name, _, value = (part.strip() for part in rule.partition(":"))
        if name in _STYLES:
            yield name, COLOURS.get(value, _DECIMALS.sub(r"\1", value))


def _local(name: str) -> str:
    return name.rpartition("}")[2]
