"""Ontologies and markup: Turtle, N-Triples, RDF/XML, wikitext, dumps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

from tests.heavy.hostile.hostile_file import HostileFile

_PREFIXES = """\
@prefix : <http://x.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
"""
_CLASS = ':a a owl:Class ; rdfs:label "x"'
_LITERAL = ':a a owl:Class ; rdfs:label """'
_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://www.w3.org/2002/07/owl#Class> ."
_LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"
_RDF = """\
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://x.org/"
    xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#" xmlns:owl="http://www.w3.org/2002/07/owl#">
"""
_XML_CLASS = f'{_RDF}<owl:Class rdf:about="#a">'
_RDF_END = "</owl:Class></rdf:RDF>"
_XML_LITERAL = f'{_XML_CLASS}<rdfs:comment rdf:parseType="Literal">'
_DUMP = '<mediawiki xml:lang="{language}"><siteinfo><dbname>{language}wiki</dbname></siteinfo>'
_PAGE = f"{_DUMP}<page><title>T</title><ns>0</ns><id>1</id><revision><text>"

Unit = str | Callable[[int], str]
"""What is repeated: a text, or one for each number."""


def write_repeated(
    path: Path, size: int, *, head: str = "", unit: Unit, tail: str = "", at_once: int = 1_000
) -> None:
    """Write the head, the unit so often at once until the file has the size, and the tail."""
    with path.open("w", encoding="utf-8", newline="") as file:
        written = file.write(head)
        for block in _make_blocks(unit, at_once):
            if written >= size:
                break
            written += file.write(block)
        file.write(tail)


def _make_blocks(unit: Unit, at_once: int) -> Iterator[str]:
    for number in count(step=at_once):
        yield unit * at_once if isinstance(unit, str) else "".join(map(unit, range(number, number + at_once)))


def _make_kinds(
    prefix: str, file_name: str, adapter: str, cases: dict[str, tuple[str, Unit, str]]
) -> tuple[HostileFile, ...]:
    return tuple(
        HostileFile(
            name=f"{prefix}-{name}",
            file_name=file_name,
            write=partial(write_repeated, head=head, unit=unit, tail=tail),
            options={"type": adapter},
        )
        for name, (head, unit, tail) in cases.items()
    )


def _write_files(path: Path, size: int, *, number: int, head: str, unit: Unit) -> None:
    """Write so many ontologies, which have the size together and name terms of their own."""
    tail = '""" .' if head.endswith('"""') else ""
    for index in range(number):
        own, file = head.replace("http://x.org/", f"http://x.org/{index}/"), path.with_name(f"{index}.ttl")
        write_repeated(file, size // number, head=own, unit=unit, tail=tail, at_once=5)


_TURTLE: dict[str, tuple[str, Unit, str]] = {
    "objects": (f"{_CLASS} ; :p :z", lambda i: f",:{i}", " ."),
    "integers": (f"{_CLASS} ; :p 1", ",1", " ."),
    "one-label": ("", lambda i: f':c{i} a owl:Class ; rdfs:label "the same label" .\n', ""),
    "types": ("", lambda i: f":{i} a :C.\n", ""),
    "labels": (_CLASS, lambda i: f',"{i}"', " ."),
    "predicates": (_CLASS, lambda i: f";:p{i} 1", " ."),
    "quotes": (_LITERAL, '\\"', '""" .'),
    "bare-quotes": (_LITERAL, 'x"y', '""" .'),
    "lines": (_LITERAL, "\n", '""" .'),
    "open-literal": (_LITERAL, "x", ""),
    "backslashes": (_LITERAL, "\\\\", '""" .'),
    "blank-nodes": (f"{_CLASS} ; :b []", ",[:p 1]", " ."),
    "deep-blank-nodes": (":a :b ", "[:b ", ""),
    "deep-collections": (":a :b ", "(", ""),
    "collection": (":a a owl:Class; owl:unionOf (", ":a ", ") ."),
    "prefixes": ("", lambda i: f"@prefix p{i}:<http://x.org/{i}>.\n", ":a a owl:Class."),
    "bases": ("", lambda i: f"@base <{i}/>.\n", ":a a owl:Class."),
    "angles": ("", "<", ""),
    "relative-iri": (":a :b <", "../", "> ."),
    "relative-iris": ("", f"<{'../' * 5}x> :b :c .\n", ""),
    "relative-base": (f"@base <http://x.org/{'a/' * 8_000}> .\n", f"<{'../' * 99}> :b :c .\n", ""),
    "relations": ("", lambda i: f":c{i} :b :d{i}.\n", ""),
    "concepts": (
        "",
        lambda i: (
            f':c{i} a skos:Concept ; skos:prefLabel "Concept number {i}"@en , "Pojem {i}"@sk ; '
            f'skos:broader :c{i // 10} ; skos:definition "What {i} is about, in some more words."@en .\n'
        ),
        "",
    ),
    "one-concept-above-all": (
        ':top a skos:Concept; skos:prefLabel "top".\n',
        lambda i: f":c{i} a skos:Concept ; skos:broader :top . :top skos:narrower :c{i} .\n",
        "",
    ),
    "mentioned-label": (
        f':l rdfs:label "{"long label " * 18}".\n',
        lambda i: f":c{i} a :C; rdfs:subClassOf :l.\n",
        "",
    ),
}
_NTRIPLES: dict[str, tuple[str, Unit, str]] = {
    "statements": ("", lambda i: f'<x:c{i}> {_TYPE}\n<x:c{i}> {_LABEL} "Class {i}" .\n', ""),
    "long-literal": (f'<x:a> {_TYPE}\n<x:a> {_LABEL} "', "x", '" .\n'),
    "quotes": (f'<x:a> {_TYPE}\n<x:a> {_LABEL} "', '\\"', '" .\n'),
    "blank-lines": (f"<x:a> {_TYPE}\n", "\n", ""),
    "one-line": (f"<x:a> {_TYPE}\n", " ", ""),
}
_XML: dict[str, tuple[str, Unit, str]] = {
    "attributes": (f"{_RDF}<owl:Class", lambda i: f' a{i}="1"', "/></rdf:RDF>"),
    "literal": (_XML_LITERAL, "<b/>", f"</rdfs:comment>{_RDF_END}"),
    "literal-text": (_XML_LITERAL, "<b>x</b>&amp;", f"</rdfs:comment>{_RDF_END}"),
    "deep": (_RDF, "<a>", ""),
    "elements": (_XML_CLASS, "<a/>", f"{_RDF_END}"),
    "classes": (_RDF, lambda i: f'<owl:Class rdf:about="#{i}"/>', "</rdf:RDF>"),
    "collection": (
        f'{_XML_CLASS}<owl:unionOf rdf:parseType="Collection">', "<a/>", f"</owl:unionOf>{_RDF_END}"),
    "comment": (f"{_RDF}<!--", "x", "--></rdf:RDF>"),
    "references": (f"{_XML_CLASS}<rdfs:label>", "&lt;", f"</rdfs:label>{_RDF_END}"),
    "namespaces": (_RDF, lambda i: f'<a xmlns="http://x.org/{i}"/>', "</rdf:RDF>"),
    "declarations": (f"{_RDF}<a", lambda i: f' xmlns:p{i}="http://x.org/"', "/></rdf:RDF>"),
    "entities": (
        f'<!DOCTYPE r [<!ENTITY e "{"x" * 100}">]>{_XML_CLASS}<rdfs:label>',
        "&e;", f"</rdfs:label>{_RDF_END}",
    ),
}  # fmt: skip
_SLOVAK_PAGE = _PAGE.format(language="sk")
_CHINESE_PAGE = _PAGE.format(language="zh")
_END = "</text></revision></page></mediawiki>"
# Ontologies of several files are read as one graph.
_FILES: dict[str, tuple[int, str, Unit]] = {
    "of-relations": (10, _PREFIXES, lambda i: f":c{i} :b :d{i}.\n"),
    "of-one-label": (10, _PREFIXES, lambda i: f':c{i} a owl:Class ; rdfs:label "the same label" .\n'),
    "of-the-same": (10, _PREFIXES, lambda i: f":c{i % 1_000} a owl:Class .\n"),
    "of-quotes": (10, _PREFIXES + _LITERAL, '\\"'),
    "many": (2_000, _PREFIXES, lambda i: f':c{i} a owl:Class ; rdfs:label "Class {i}" .\n'),
}
_WIKITEXT: dict[str, tuple[str, Unit, str]] = {
    "open-links": (_SLOVAK_PAGE, "[[", _END),
    "open-templates": (_SLOVAK_PAGE, "{{", _END),
    "open-tables": (_SLOVAK_PAGE, "\n{|", _END),
    "links": (_SLOVAK_PAGE, "[[a|b]]", _END),
    "references": (_SLOVAK_PAGE, "&lt;ref&gt;", _END),
    "nowiki": (_SLOVAK_PAGE, "&lt;nowiki&gt;[[&lt;/nowiki&gt;", _END),
    "variants": (f"{_CHINESE_PAGE}-{{", "=&gt;", f"}}-{_END}"),
    "pages": (_DUMP.format(language="sk"), lambda i: f"<page><id>{i}</id></page>", "</mediawiki>"),
    "revisions": (
        f"{_DUMP.format(language='sk')}<page><id>1</id>",
        "<revision><text>a</text></revision>", "</page></mediawiki>",
    ),
    "attributes": (f"{_DUMP.format(language='sk')}<page", lambda i: f' a{i}="1"', "/></mediawiki>"),
}  # fmt: skip
_EXTRACTED: dict[str, tuple[str, Unit, str]] = {
    "pages": ("", lambda i: f'<doc id="{i}">\nx\n</doc>\n', ""),
    "links": ('<doc id="1" title="T">\nT\n', '<a href="', "\n</doc>\n"),
    "attributes": ("<doc ", 'id="1" ', ">\nx\n</doc>\n"),
    "unknown-attributes": ('<doc id="1"', ' a="1"', "!>\nx\n</doc>\n"),
    # As cirrus-extract.py writes pages of a search index.
    "of-cirrus": (
        "",
        lambda i: (
            f'<doc id="{i}" url="https://x.org?curid={i}" title="T {i}" language="sk" revision="{i}">\n'
            f"T {i}\n\nIt is {i}.\n</doc>\n"
        ),
        "",
    ),
}

KINDS = (
    *_make_kinds(
        "turtle",
        "a.ttl",
        "ontology",
        {name: (_PREFIXES + head, unit, tail) for name, (head, unit, tail) in _TURTLE.items()},
    ),
    *(
        HostileFile(
            name=f"turtle-files-{name}",
            file_name="0.ttl",
            write=partial(_write_files, number=number, head=head, unit=unit),
            options={"type": "ontology"},
        )
        for name, (number, head, unit) in _FILES.items()
    ),
    *_make_kinds("ntriples", "a.nt", "ontology", _NTRIPLES),
    *_make_kinds("rdf-xml", "a.rdf", "ontology", _XML),
    *_make_kinds("dump", "skwiki-pages-articles.xml", "wikipedia", _WIKITEXT),
    *_make_kinds("wikiextractor", "wiki_00", "wikipedia", _EXTRACTED),
)
