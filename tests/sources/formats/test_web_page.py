from __future__ import annotations

import time

import pytest

from calibset.core.documents import Document, Rejection
from calibset.sources.adapters.text import Text
from calibset.sources.formats.web_page import extract_text, find_declared_encoding
from calibset.storage.files import memory_reader

PAGE = """<!DOCTYPE html>
<html lang="de"><head><meta charset="{charset}"><title>AVB</title><style>p {{ color: red }}</style></head>
<body><nav><a href="/">Start</a></nav>
<h1>Allgemeine   Bedingungen</h1>
<p>Der Versicherer leistet
bei <b>Hagel</b> &amp; Sturm.<br>Über Schäden wird entschieden.</p>
<!-- not for readers -->
<ul><li>Hagel</li><li>Sturm</li></ul>
<table><tr><th>Art</th><th>Summe</th></tr><tr><td>Glas</td><td>100&nbsp;€</td></tr></table>
<pre>a  b
  c</pre>
<script>alert("no")</script><button>Senden</button>
</body></html>
"""
TEXT = """Allgemeine Bedingungen

Der Versicherer leistet bei Hagel & Sturm.
Über Schäden wird entschieden.

Hagel
Sturm

Art\tSumme
Glas\t100\xa0€

a  b
  c"""


def read(content: bytes, name: str = "a.html", **keys: str) -> list[object]:
    source = Text.model_validate({"type": "text", "group": "g", "where": "x", **keys})
    return list(source.read_in_order(memory_reader({name: content})))


@pytest.mark.parametrize("charset", ["utf-8", "windows-1252"])
@pytest.mark.parametrize("name", ["a.html", "a.HTM", "a.xhtml"])
def test_a_page_gives_its_text_in_the_encoding_that_it_declares(charset: str, name: str) -> None:
    assert read(PAGE.format(charset=charset).encode(charset), name) == [Document(id=name, text=TEXT)]


def test_what_is_not_in_its_encoding_is_rejected() -> None:
    (record,) = read(PAGE.format(charset="utf-8").encode("windows-1252"))
    assert isinstance(record, Rejection)
    assert record.reason == "not valid UTF-8"


def test_the_recipe_names_the_encoding_of_a_page_that_declares_none() -> None:
    page = "<p>Über Schäden</p>".encode("windows-1252")
    (record,) = read(page, encoding="windows-1252")
    assert record == Document(id="a.html", text="Über Schäden")


def test_a_page_is_split_where_a_separator_stands_in_its_text() -> None:
    records = read(b"<p>One.</p><p>***</p><p>Two.</p>", separator="***")
    assert records == [Document(id="a.html#0", text="One."), Document(id="a.html#1", text="Two.")]


@pytest.mark.parametrize("piece", ["<div>", "<b><i>", "<ul><li>"])
def test_a_page_that_is_nested_too_deeply_is_rejected(piece: str) -> None:
    (record,) = read(piece.encode() * 5_000 + b"the end")
    assert isinstance(record, Rejection)
    assert record.reason == "HTML is nested too deeply"


@pytest.mark.parametrize("markup", ["", "<html></html>", "<script>only</script>", "\0", "<!--"])
def test_a_page_without_words_has_no_text(markup: str) -> None:
    assert extract_text(markup) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "markup", ["<p>{}<p>end", "<p>one<!--{}--><p>end", "<p a='{}'>one<p>end", "<script>{}</script>one<p>end"]
)
def test_nothing_behind_a_long_piece_is_lost(markup: str) -> None:
    long = "word " * 2_200_000
    text = extract_text(markup.format(long))
    assert text == (f"{long.strip()}\n\nend" if markup.startswith("<p>{}") else "one\n\nend")


@pytest.mark.parametrize("piece", ["<!--", "<", "<a ", "<a b='", "</", "&", "<p>", "x</b>", "<![CDATA["])
def test_what_is_never_closed_takes_no_longer_than_its_length(piece: str) -> None:
    assert extract_text("<p>before</p>" + piece * 200_000) is not None


def test_a_declaration_of_no_encoding_is_none() -> None:
    assert find_declared_encoding(b'<meta charset="no-such">') is None
    assert find_declared_encoding(b"<p>charset=utf-8") is None


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>one</p></body></html><p>two", "one\n\ntwo"),
        ("<html/>one<p>two", "one\n\ntwo"),
        ("<p>o<!-- not -->ne  <?no?> more", "one more"),
        ("<svg><p>no</p><g>no</svg>yes", "yes"),
        ("<nav>no<i>no</nav></i>yes", "yes"),
    ],
)
def test_tags_that_are_out_of_place_cost_no_text(markup: str, text: str) -> None:
    assert extract_text(markup) == text


def test_an_element_of_many_attributes_takes_no_longer_for_each() -> None:
    markup = f"<p{''.join(f' a{number}=1' for number in range(60_000))}>text"
    start = time.process_time()
    assert extract_text(markup) == "text"
    assert time.process_time() - start < 2
