"""What a page says, read back from its HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

_VOID = {"meta", "link", "br", "input", "img", "hr"}
# Names, ids, versions and the like: not figures.
_QUOTED = {"bdi", "code", "pre", "svg", "script", "style", "option"}


class Page(HTMLParser):
    """A page's figures, text and elements."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.figures: dict[str, set[tuple[str, str]]] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.ids: list[str] = []
        self.said = ""
        self.text = ""
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert not self._open, "elements are left open"

    @property
    def rows(self) -> list[Any]:
        """What the browser is given."""
        return list(json.loads(self.scripts["rows-data"]))

    def values(self) -> dict[str, float]:
        """Return each figure's value; one that is shown several times is the same each time."""
        assert all(len(found) == 1 for found in self.figures.values())
        return {key: float(next(iter(found))[0]) for key, found in self.figures.items()}

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if identity := attributes.get("id"):
            self.ids.append(identity)
        if tag not in _VOID:
            self._open.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        self.text += data
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag == "script":
            self.scripts[attributes.get("id") or "code"] = data
        elif tag == "data":
            found = (str(attributes["value"]), data)
            self.figures.setdefault(str(attributes["data-figure"]), set()).add(found)
        elif not {name for name, _ in self._open} & _QUOTED:
            self.said += data
