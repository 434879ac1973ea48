"""RDF as a graph of bounded size.

A few characters of a file can stand for many in memory: a prefixed name for its namespace, a
relative IRI for its base, an entity for its text, an element for its default attributes.
"""

from __future__ import annotations

import io
from typing import Any, Literal
from xml.sax import InputSource, make_parser
from xml.sax.handler import feature_namespaces

from rdflib import Graph
from rdflib.plugins.parsers.notation3 import RDFSink, SinkParser
from rdflib.plugins.parsers.rdfxml import RDFXMLHandler

from calibset.storage.files import MAX_RECORD_BYTES

Format = Literal["turtle", "nt", "xml"]

LARGEST_GRAPH = 2**31
"""Bytes of memory, about, that a graph and what its parser keeps may take."""

_BASE = "https://calibset.invalid/"
# About what the library takes for each, beside the characters.
_STATEMENT = 1_000
_NODE = 200
_LONGEST_NAMESPACE = 2**14
_DEEPEST = 1_000
_MOST_PREFIXES = 1_000


class TooLargeError(ValueError):
    """A text states more than is kept in memory."""


def parse_graph(text: str, form: Format) -> Graph:
    """Return the graph that a text states; nothing that it links to is fetched.

    Raises:
        TooLargeError: The graph takes more than `LARGEST_GRAPH` bytes, or the text has prefixes or
            elements such as only a text has that is made to fill memory.
        Exception: The text can't be parsed; the parsers raise whatever they trip over.
    """
    graph = _BoundedGraph()
    if form == "turtle":
        _BoundedParser(graph).loadBuf(text)
    elif form == "xml":
        _parse_xml(text, graph)
    else:
        graph.parse(data=text, format=form, publicID=_BASE)
    return graph


class _BoundedGraph(Graph):
    def __init__(self) -> None:
        super().__init__(bind_namespaces="none")
        self._taken = 0

    def add(self, triple: Any) -> Any:
        self.take(_STATEMENT + sum(map(len, triple)))
        return super().add(triple)

    def take(self, size: int) -> None:
        """Count what is kept in memory."""
        self._taken += size
        if self._taken > LARGEST_GRAPH:
            raise TooLargeError(f"it takes more than {LARGEST_GRAPH:,} bytes of memory")


class _BoundedSink(RDFSink):
    graph: _BoundedGraph

    def newSymbol(self, *args: str) -> Any:  # noqa: N802  (the library's name)
        self.graph.take(len(args[0]))
        return super().newSymbol(*args)


class _BoundedParser(SinkParser):
    """A parser of Turtle; it keeps all of a list, or of a statement's objects, before the graph has any."""

    def __init__(self, graph: _BoundedGraph) -> None:
        super().__init__(_BoundedSink(graph), baseURI=_BASE, turtle=True)
        self._graph = graph

    def bind(self, qn: str, uri: bytes) -> None:
        _check_namespace(uri)
        super().bind(qn, uri)

    def path(self, argstr: str, i: int, res: Any) -> int:
        _check_namespace(self._baseURI)
        self._graph.take(_NODE)
        return super().path(argstr, i, res)


def _check_namespace(iri: str | bytes | None) -> None:
    if iri and len(iri) > _LONGEST_NAMESPACE:
        raise TooLargeError(f"a prefix or base has more than {_LONGEST_NAMESPACE:,} characters")


def _parse_xml(text: str, graph: _BoundedGraph) -> None:
    source: Any = InputSource()
    source.setCharacterStream(io.StringIO(text))
    source.setPublicId(_BASE)
    # Ontologies declare entities for their namespaces, which defusedxml would refuse.
    parser = make_parser()  # noqa: S317
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(_BoundedHandler(graph))
    parser.parse(source)


class _BoundedHandler(RDFXMLHandler):
    """A parser of RDF/XML, which counts what entities and default attributes are spelled out to."""

    def __init__(self, graph: _BoundedGraph) -> None:
        super().__init__(graph)
        self._graph = graph
        self._prefixes = 0
        self._characters = io.StringIO()

    def startPrefixMapping(self, prefix: str | None, namespace: str) -> None:  # noqa: N802
        _check_namespace(namespace)
        self._prefixes += 1
        if self._prefixes > _MOST_PREFIXES:
            raise TooLargeError(f"it declares more than {_MOST_PREFIXES:,} prefixes in one place")
        super().startPrefixMapping(prefix, namespace)

    def endPrefixMapping(self, prefix: str | None) -> None:  # noqa: N802
        self._prefixes -= 1
        super().endPrefixMapping(prefix)

    def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: N802
        self._tell_characters()
        if len(self.stack) > _DEEPEST:
            raise TooLargeError(f"it nests more than {_DEEPEST:,} elements")
        names = (name, *attrs.keys())
        self._graph.take(sum(len(part or "") for both in names for part in both))
        self._graph.take(sum(map(len, attrs.values())))
        super().startElementNS(name, qname, attrs)
        _check_namespace(getattr(self.current, "base", None))

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802
        self._tell_characters()
        super().endElementNS(name, qname)

    def characters(self, content: str) -> None:
        self._graph.take(len(content))
        self._characters.write(content)
        if self._characters.tell() > MAX_RECORD_BYTES:
            raise TooLargeError(f"a literal has more than {MAX_RECORD_BYTES:,} characters")

    def _tell_characters(self) -> None:
        # The library appends each piece to those before, so that many of them take quadratic time.
        if self._characters.tell():
            super().characters(self._characters.getvalue())
            self._characters = io.StringIO()
