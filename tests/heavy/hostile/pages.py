"""Web pages: tags, attributes and references without end, alone and inside each other."""

from __future__ import annotations

from functools import partial

from tests.heavy.hostile.graphs import Unit, write_repeated
from tests.heavy.hostile.hostile_file import HostileFile

_PAGES: dict[str, tuple[str, Unit, str]] = {
    "deep": ("", "<div>", ""),
    "deep-in-many": ("", f"{'<b>' * 200}x{'</b>' * 200}", ""),
    "attributes": ("<p", lambda i: f' a{i}="1"', ">x"),
    "attributes-of-many": ("", lambda i: f"<p{''.join(f' a{i}b{n}' for n in range(1_000))}>x", ""),
    "names": ("", lambda i: f"<t{i}>x</t{i}>", ""),
    "namespaces": ("", lambda i: f'<a:b{i} xmlns:a="x{i}"/>', ""),
    "ends": (f"{'<b>' * 200}", "</x>", ""),
    "paragraphs": (f"{'<b>' * 200}", "<p></b>", ""),
    "cells": ("<table><tr>", "<td>x", ""),
    "breaks": ("", "<br>", ""),
    "words-and-breaks": ("", "x <br>", ""),
    "preformatted": ("", "<pre>\n</pre>", ""),
    "references": ("", "&a", ""),
    "less-than": ("", "<", ""),
    "script": ("<script>", "</scrip", ""),
    "comment": ("", "<!--", ""),
    "declaration": ("<meta", " charset", ">"),
}

KINDS = tuple(
    HostileFile(
        name=f"page-of-{name}",
        file_name="a.html",
        write=partial(write_repeated, head=head, unit=unit, tail=tail, at_once=100),
        options={"type": "text"},
    )
    for name, (head, unit, tail) in _PAGES.items()
)
