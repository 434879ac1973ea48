"""RDF/XML, read by rdflib's handler in bounded memory and in time that follows the length of the text."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urljoin
from xml.sax import InputSource, make_parser
from xml.sax.handler import feature_namespaces
from xml.sax.saxutils import escape

import rdflib
from rdflib.plugins.parsers.rdfxml import RDFXMLHandler

from calibset.sources.formats.ontology_graph import (
    OntologyGraph,
    PlainLiteral,
    TooLargeError,
    check_namespace,
    make_iri,
)
from calibset.storage.text_lines import MAX_RECORD_BYTES

_DEEPEST = 1_000
_MOST_PREFIXES = 1_000
_MOST_ATTRIBUTES = 1_000
# Bytes of XML without an element or text: a tag, or comments alone. Those of ontologies have some thousand.
_LONGEST_TAG = 2**20
# What an element counts for, as `ontology_graph` counts terms.
_TERMS_OF_ELEMENT = 4
# IRIs that stay as they are, whatever the base, and those that are joined to its end.
_ABSOLUTE = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9/_.#:-]*")
_FRAGMENT = re.compile(r"#[A-Za-z0-9_.-]+")


def parse_rdf_xml(content: bytes, base: str, graph: OntologyGraph) -> None:
    """Add the statements of a file to a graph.

    Raises:
        TooLargeError: It states more than is kept in memory.
    """
    handler = _XmlHandler(graph)
    source: Any = InputSource()
    source.setByteStream(_WatchedBytes(content, handler))
    source.setPublicId(base)
    # Ontologies declare entities for their namespaces, which defusedxml would refuse.
    parser = make_parser()  # noqa: S317
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(handler)
    parser.parse(source)


class _WatchedBytes(io.BytesIO):
    """The bytes of a file, of which a handler counts those that are read."""

    def __init__(self, content: bytes, handler: _XmlHandler) -> None:
        super().__init__(content)
        self._handler = handler

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self._handler.pass_bytes(len(piece))
        return piece


class _XmlHandler(RDFXMLHandler):
    """Counts what entities and default attributes are spelled out to."""

    def __init__(self, graph: OntologyGraph) -> None:
        super().__init__(cast("rdflib.Graph", graph))
        self._graph = graph
        self._prefixes = 0
        self._silent_bytes = 0
        self._characters = io.StringIO()
        self._markup = io.StringIO()

    def pass_bytes(self, number: int) -> None:
        """Count bytes that the parser reads: it keeps a tag or comment until it ends."""
        self._silent_bytes += number
        if self._silent_bytes > _LONGEST_TAG:
            raise TooLargeError(f"a tag or comment has more than {_LONGEST_TAG:,} bytes")

    def startPrefixMapping(self, prefix: str | None, namespace: str) -> None:  # noqa: N802
        check_namespace(namespace)
        self._prefixes += 1
        if self._prefixes > _MOST_PREFIXES:
            raise TooLargeError(f"it declares more than {_MOST_PREFIXES:,} prefixes in one place")
        super().startPrefixMapping(prefix, namespace)

    def endPrefixMapping(self, prefix: str | None) -> None:  # noqa: N802
        self._prefixes -= 1
        super().endPrefixMapping(prefix)

    def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: N802
        self._pass_characters_on()
        if len(self.stack) > _DEEPEST:
            raise TooLargeError(f"it nests more than {_DEEPEST:,} elements")
        self._silent_bytes = 0
        if len(attrs) > _MOST_ATTRIBUTES:
            raise TooLargeError(f"an element has more than {_MOST_ATTRIBUTES:,} attributes")
        self._graph.count_terms(_TERMS_OF_ELEMENT + len(attrs))
        self._graph.take(len(name[0] or "") + len(name[1]))
        for (namespace, local), value in attrs.items():
            self._graph.take(len(namespace or "") + len(local) + len(value))
        super().startElementNS(name, qname, attrs)
        check_namespace(getattr(self.current, "base", None))

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802
        self._silent_bytes = 0
        self._pass_characters_on()
        super().endElementNS(name, qname)

    def characters(self, content: str) -> None:
        self._silent_bytes = 0
        self._graph.take(len(content))
        self._characters.write(content)
        if self._characters.tell() > MAX_RECORD_BYTES:
            raise TooLargeError(f"a literal has more than {MAX_RECORD_BYTES:,} characters")

    def _pass_characters_on(self) -> None:
        # The library appends each piece to those before, so that many of them take quadratic time.
        if self._characters.tell():
            super().characters(self._characters.getvalue())
            self._characters = io.StringIO()

    def absolutize(self, uri: str) -> rdflib.URIRef:
        """Return an IRI as a whole, as the library does, but sooner if it is a plain one."""
        if _ABSOLUTE.fullmatch(uri):
            return make_iri(uri)
        if _FRAGMENT.fullmatch(uri):
            return make_iri(_find_document(self.current.base) + uri)
        return super().absolutize(uri)

    def property_element_start(self, name: Any, qname: Any, attrs: Any) -> None:
        super().property_element_start(name, qname, attrs)
        if isinstance(self.current.object, rdflib.Literal):  # of XML, and still empty
            self.current.object = PlainLiteral("", datatype=self.current.object.datatype)
            self._markup = io.StringIO()

    # The library appends an element to the literal that holds it, and so each to all before it.
    def literal_element_start(self, name: Any, qname: Any, attrs: Any) -> None:
        super().literal_element_start(name, qname, attrs)
        self._write_markup(self.current.object)
        self.current.object = ""

    def literal_element_char(self, data: str) -> None:
        self._write_markup(escape(data))

    def literal_element_end(self, name: Any, qname: Any) -> None:
        outer, self.parent.object = self.parent.object, ""
        super().literal_element_end(name, qname)
        self._write_markup(self.parent.object)
        self.parent.object = outer

    def _write_markup(self, text: str) -> None:
        self._markup.write(text)
        if self._markup.tell() > MAX_RECORD_BYTES:
            raise TooLargeError(f"a literal has more than {MAX_RECORD_BYTES:,} characters")

    def property_element_end(self, name: Any, qname: Any) -> None:
        current = self.current
        if current.data is not None and current.object is None:
            language = None if current.datatype is not None else current.language
            current.object = PlainLiteral(current.data, language, current.datatype)
            current.data = None
        if isinstance(current.object, rdflib.Literal) and self._markup.tell():
            current.object = PlainLiteral(self._markup.getvalue(), datatype=current.object.datatype)
            self._markup = io.StringIO()
        super().property_element_end(name, qname)


@lru_cache(maxsize=2**10)
def _find_document(base: str | None) -> str:
    """Return what stands before a fragment that is relative to a base."""
    return urljoin(base or "", "#x").removesuffix("#x")
